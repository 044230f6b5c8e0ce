-- History in plain SQL that costs what it shows: one monitor's checks of a window, without reading those of others.

-- The checks of one packed day.
CREATE FUNCTION unpacked(began_at timestamptz, runs json, packed_latencies bytea)
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
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.slot,
           s.slot + coalesce((r.run ->> 6)::bigint, 0) * interval '100 milliseconds',
           10 * ((get_byte(packed_latencies, 3 * s.number) << 16)
                 + (get_byte(packed_latencies, 3 * s.number + 1) << 8)
                 + get_byte(packed_latencies, 3 * s.number + 2))::bigint,
           (r.run ->> 5)::integer, coalesce((r.run ->> 4)::smallint, 0::smallint), (r.run ->> 3)::smallint,
           (r.run ->> 7)::smallint, r.run ->> 8
    FROM (
        SELECT e.run, (sum((e.run ->> 2)::integer) OVER (ORDER BY e.n) - (e.run ->> 2)::integer)::integer AS before
        FROM json_array_elements(runs) WITH ORDINALITY AS e (run, n)
    ) AS r
    CROSS JOIN LATERAL (
        SELECT began_at + ((r.run ->> 0)::bigint + i * (r.run ->> 1)::bigint) * interval '1 microsecond' AS slot,
               r.before + i AS number
        FROM generate_series(0, (r.run ->> 2)::integer - 1) AS i
    ) AS s;
END;

-- All checks, whole and packed. It looks at all that there is of a monitor: where a window is wanted, ask history_of.
CREATE OR REPLACE VIEW check_history AS
SELECT c.slot, c.monitor_id, c.region, c.checked_at, c.latency_us, c.http_status, c.origin, c.verdict, c.reason_kind,
       c.reason_detail, false AS is_packed
FROM checks AS c
WHERE c.slot >= (SELECT coalesce(raw_from, '-infinity') FROM history_progress)
UNION ALL
SELECT u.slot, p.monitor_id, p.region, u.checked_at, u.latency_us, u.http_status, u.origin, u.verdict, u.reason_kind,
       u.reason_detail, true
FROM packed_checks AS p
CROSS JOIN LATERAL unpacked(p.began_at, p.runs, p.packed_latencies) AS u
WHERE p.began_at < (SELECT raw_from FROM history_progress);

-- The checks of one monitor in a window, of which the end is left out. Healthy scheduled checks are looked up slot by slot,
-- since these are known: the opening slot of each epoch, and its grid. All others are in an index.
CREATE FUNCTION history_of(monitor uuid, since timestamptz, until timestamptz) RETURNS SETOF check_history
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH whole AS MATERIALIZED (
        SELECT greatest(since, (SELECT coalesce(raw_from, '-infinity') FROM history_progress)) AS since
    ),
    slots AS (
        SELECT e.region, e.opening_slot AS slot
        FROM schedule_epochs AS e, whole AS w
        WHERE e.monitor_id = monitor AND e.opening_slot >= w.since AND e.opening_slot < until
        UNION
        SELECT e.region, 'epoch'::timestamptz + ms * interval '1 millisecond'
        FROM schedule_epochs AS e, whole AS w
        CROSS JOIN LATERAL (
            SELECT extract(epoch FROM greatest(e.began_at, w.since)) * 1000 AS low,
                   extract(epoch FROM least(e.ended_at, until, now() + interval '1 day')) * 1000 AS high
        ) AS life
        CROSS JOIN LATERAL generate_series(
            e.phase_ms + ceil((life.low - e.phase_ms) / e.interval_ms)::bigint * e.interval_ms,
            ceil(life.high)::bigint - 1,
            e.interval_ms
        ) AS ms
        WHERE e.monitor_id = monitor AND e.began_at < until AND (e.ended_at > w.since OR e.ended_at IS NULL)
    )
    SELECT c.slot, c.monitor_id, c.region, c.checked_at, c.latency_us, c.http_status, c.origin, c.verdict, c.reason_kind,
           c.reason_detail, false
    FROM slots AS s
    CROSS JOIN LATERAL (
        SELECT * FROM checks WHERE slot = s.slot AND monitor_id = monitor AND region = s.region OFFSET 0
    ) AS c
    WHERE c.verdict = 1 AND c.origin = 0
    UNION ALL
    SELECT c.slot, c.monitor_id, c.region, c.checked_at, c.latency_us, c.http_status, c.origin, c.verdict, c.reason_kind,
           c.reason_detail, false
    FROM checks AS c
    WHERE c.monitor_id = monitor AND c.slot >= (SELECT w.since FROM whole AS w) AND c.slot < until
      AND (c.verdict <> 1 OR c.origin <> 0)
    UNION ALL
    SELECT u.slot, p.monitor_id, p.region, u.checked_at, u.latency_us, u.http_status, u.origin, u.verdict, u.reason_kind,
           u.reason_detail, true
    FROM packed_checks AS p
    CROSS JOIN LATERAL unpacked(p.began_at, p.runs, p.packed_latencies) AS u
    WHERE p.monitor_id = monitor AND p.began_at > since - interval '1 day' AND p.began_at < until
      AND p.began_at < (SELECT raw_from FROM history_progress)
      AND u.slot >= since AND u.slot < until;
END;
