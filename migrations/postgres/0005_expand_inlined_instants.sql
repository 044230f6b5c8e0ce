-- What an instant is called outside. The server puts the body of a function into the statement only where it promises no
-- more than its body does (taking an instant apart is STABLE), and else begins a statement of its own at each call.
CREATE OR REPLACE FUNCTION unix_us(at timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;
