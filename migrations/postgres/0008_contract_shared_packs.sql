-- contract: nothing (older nodes look for a day in a row of its own, and let go of rows by the day on which they begin)
--
-- Packed days share a row where they have few checks: a row of packed_checks goes on with the next day of its monitor as long as
-- it holds at most 128 checks with it, and reaches over at most 64 days. It ends before the next row of its monitor begins, and
-- may reach beyond raw_from, as checks are packed before they go. began_at is the day on which it begins, from which the slots
-- of its runs are counted.

-- The newest pack of a monitor is written anew each day, and the oldest one when it loses a day: of 82 rows of an hourly monitor
-- two, of 8 of a daily one. What they leave is cleared away before it is more than one in twenty.
ALTER TABLE packed_checks SET (autovacuum_vacuum_scale_factor = 0.05);

-- What is too old is found by its day, and nothing else is: as an expression, so that no plan takes this index to find the days of
-- one monitor where the planner believes that few rows are of a day.
DROP INDEX packed_checks_began_at_idx;
CREATE INDEX packed_checks_by_day ON packed_checks ((began_at AT TIME ZONE 'UTC'));
DROP INDEX day_rollups_began_at_idx;
CREATE INDEX day_rollups_by_day ON day_rollups ((began_at AT TIME ZONE 'UTC'));

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
WHERE p.began_at < (SELECT raw_from FROM history_progress) AND u.slot < (SELECT raw_from FROM history_progress);

-- The checks of one monitor in a window, of which the end is left out. Healthy scheduled checks are looked up slot by slot,
-- since these are known: the opening slot of each epoch, and its grid. All others are in an index.
CREATE OR REPLACE FUNCTION history_of(monitor uuid, since timestamptz, until timestamptz) RETURNS SETOF check_history
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
    FROM (SELECT DISTINCT region FROM schedule_epochs WHERE monitor_id = monitor) AS seen
    CROSS JOIN LATERAL (
        SELECT *
        FROM packed_checks
        WHERE monitor_id = monitor AND region = seen.region
          AND began_at < least(until, (SELECT raw_from FROM history_progress))
          AND began_at >= coalesce((SELECT max(began_at)
                                    FROM packed_checks
                                    WHERE monitor_id = monitor AND region = seen.region AND began_at <= since), since)
        OFFSET 0
    ) AS p
    CROSS JOIN LATERAL unpacked(p.began_at, p.runs, p.packed_latencies) AS u
    WHERE (SELECT raw_from FROM history_progress) IS NOT NULL
      AND u.slot >= since AND u.slot < least(until, (SELECT raw_from FROM history_progress));
END;
