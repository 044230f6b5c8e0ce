-- contract: nothing (older nodes cannot read what newer ones pack, and fold no day of it)
--
-- Where results change all the time the runs of a pack are one element with a letter for each check, in place of one for each
-- change: [first, step, letters, results, earliest, width, offsets]. A letter names one of the results, A and a the first of them,
-- which are written as those of a run. Capitals are scheduled checks, which lie on a grid, step from each other. Small letters are
-- confirmations, or manual checks where the result says so; each has width digits (to the base 92, # is nought) of offsets, which
-- tell by how much more than earliest it comes after the slot of the grid before it. A row holds at most 256 checks where it holds
-- several days, and reaches over at most 128. What is packed already stays as it is.

-- The checks of one pack.
CREATE OR REPLACE FUNCTION unpacked(began_at timestamptz, runs json, packed_latencies bytea)
RETURNS TABLE (
    slot          timestamptz,
    checked_at    timestamptz,
    latency_us    bigint,
    http_status   integer,
    origin        smallint,
    verdict       smallint,
    reason_kind   smallint,
    reason_detail text
)
-- The planner takes each step for a thousand times as many rows as there are, so that compiling it would take most of the time.
LANGUAGE sql STABLE PARALLEL SAFE ROWS 300 SET jit = off
BEGIN ATOMIC
    WITH sized AS MATERIALIZED (
        SELECT e.n, e.run, (e.run ->> 0)::bigint AS first, (e.run ->> 1)::bigint AS step, json_typeof(e.run -> 2) = 'string' AS is_mixed,
               CASE json_typeof(e.run -> 2) WHEN 'string' THEN length(e.run ->> 2) ELSE (e.run ->> 2)::integer END AS size
        FROM json_array_elements(runs) WITH ORDINALITY AS e (run, n)
    ),
    placed AS MATERIALIZED (
        SELECT *, (sum(size) OVER (ORDER BY n) - size)::integer AS before FROM sized
    ),
    mixed AS MATERIALIZED (
        SELECT before, first, step, size, run ->> 2 AS letters, run -> 3 AS results, (run ->> 4)::bigint AS earliest,
               (run ->> 5)::integer AS width, run ->> 6 AS offsets
        FROM placed
        WHERE is_mixed
    ),
    -- Where the columns of the result begin stands beside it.
    checks AS (
        SELECT first + i * step AS us, before + i AS number, run AS result, 3 AS at, 0 AS least_origin
        FROM placed, generate_series(0, size - 1) AS i
        WHERE NOT is_mixed
        UNION ALL
        SELECT m.first + (c.grid - 1) * m.step
               + CASE WHEN c.is_off THEN m.earliest + (
                     SELECT sum((ascii(substr(m.offsets, ((c.off - 1) * m.width + d)::integer, 1)) - 35) * (92 ^ (m.width - d))::bigint)
                     FROM generate_series(1, m.width) AS d
                 )::bigint ELSE 0 END,
               m.before + c.i, m.results -> (ascii(c.letter) - CASE WHEN c.is_off THEN ascii('a') ELSE ascii('A') END), 0, c.is_off::integer
        FROM mixed AS m
        CROSS JOIN LATERAL (
            SELECT l.i, l.letter, l.is_off, count(*) FILTER (WHERE NOT l.is_off) OVER (ORDER BY l.i) AS grid,
                   count(*) FILTER (WHERE l.is_off) OVER (ORDER BY l.i) AS off
            FROM (
                SELECT i, substr(m.letters, i + 1, 1) AS letter, ascii(substr(m.letters, i + 1, 1)) >= ascii('a') AS is_off
                FROM generate_series(0, m.size - 1) AS i
            ) AS l
        ) AS c
    )
    SELECT began_at + c.us * interval '1 microsecond',
           began_at + c.us * interval '1 microsecond' + coalesce((c.result ->> c.at + 3)::bigint, 0) * interval '100 milliseconds',
           10 * ((get_byte(packed_latencies, 3 * c.number) << 16)
                 + (get_byte(packed_latencies, 3 * c.number + 1) << 8)
                 + get_byte(packed_latencies, 3 * c.number + 2))::bigint,
           (c.result ->> c.at + 2)::integer, greatest((c.result ->> c.at + 1)::smallint, c.least_origin)::smallint, (c.result ->> c.at)::smallint,
           (c.result ->> c.at + 4)::smallint, c.result ->> c.at + 5
    FROM checks AS c;
END;
