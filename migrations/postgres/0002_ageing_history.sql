-- contract: rollups, rollup_progress (nothing of them is lost: all of it is derived from checks again)
--
-- History that ages: closed hours fold into days, days of checks are packed, and each form goes when it is old enough.

DROP TABLE rollups;
DROP TABLE rollup_progress;

-- One row: how far history has been derived.
CREATE TABLE history_progress (
    is_only   boolean NOT NULL DEFAULT true
              CONSTRAINT history_progress_pkey PRIMARY KEY
              CONSTRAINT history_progress_is_only_check CHECK (is_only),
    -- Hours that began before it are in hour_rollups, or in days.
    hours_to  timestamptz,
    -- Days that began before it are in day_rollups and packed_checks.
    days_to   timestamptz,
    -- The last monitor whose next day is folded already.
    folded_id uuid,
    -- From here on checks are kept whole; before it only what is packed counts.
    raw_from  timestamptz
);
INSERT INTO history_progress DEFAULT VALUES;

-- Closed hours, derived from the log: scheduled checks by verdict, the latencies of all checks that got an answer, and all
-- checks packed (see packed_checks). Time first and partitioned like the log, since it is written and goes with it.
CREATE TABLE hour_rollups (
    began_at         timestamptz NOT NULL,
    monitor_id       uuid NOT NULL,
    region           text NOT NULL,
    up               bigint NOT NULL,
    degraded         bigint NOT NULL,
    down             bigint NOT NULL,
    latencies        bytea NOT NULL,
    runs             json NOT NULL,
    packed_latencies bytea NOT NULL,
    CONSTRAINT hour_rollups_pkey PRIMARY KEY (began_at, monitor_id, region)
) PARTITION BY RANGE (began_at);

-- Days, made of their hours; hours has those one by one (domain::rollup::DayTally). A row a day and monitor, so that the
-- monitor can come first: its years are one stretch of the index.
CREATE TABLE day_rollups (
    monitor_id uuid NOT NULL,
    region     text NOT NULL,
    began_at   timestamptz NOT NULL,
    up         bigint NOT NULL,
    degraded   bigint NOT NULL,
    down       bigint NOT NULL,
    latencies  bytea NOT NULL,
    hours      bytea NOT NULL,
    CONSTRAINT day_rollups_pkey PRIMARY KEY (monitor_id, region, began_at)
);
CREATE INDEX day_rollups_began_at_idx ON day_rollups (began_at);

-- The checks of a day. A run is an array: microseconds from the beginning of the day to its first slot, microseconds from
-- slot to slot, number of checks, verdict, origin, HTTP status, lateness in tenths of a second, kind of the reason, and the
-- reason; what is missing at its end is null or nought. One latency for each check follows in packed_latencies, three
-- bytes each, the most significant first, in units of ten microseconds.
CREATE TABLE packed_checks (
    monitor_id       uuid NOT NULL,
    region           text NOT NULL,
    began_at         timestamptz NOT NULL,
    runs             json NOT NULL,
    packed_latencies bytea NOT NULL,
    CONSTRAINT packed_checks_pkey PRIMARY KEY (monitor_id, region, began_at)
);
CREATE INDEX packed_checks_began_at_idx ON packed_checks (began_at);
-- They do not get smaller by compressing them.
ALTER TABLE packed_checks ALTER COLUMN packed_latencies SET STORAGE EXTERNAL;

-- All checks, whole and packed, for whoever asks in plain SQL. Name a monitor and a time: nothing else is quick.
CREATE VIEW check_history AS
SELECT c.slot, c.monitor_id, c.region, c.checked_at, c.latency_us, c.http_status, c.origin, c.verdict, c.reason_kind,
       c.reason_detail, false AS is_packed
FROM checks AS c
WHERE c.slot >= (SELECT coalesce(raw_from, '-infinity') FROM history_progress)
UNION ALL
SELECT s.slot, p.monitor_id, p.region,
       s.slot + coalesce((r.run ->> 6)::bigint, 0) * interval '100 milliseconds',
       10 * ((get_byte(p.packed_latencies, 3 * s.number) << 16)
             + (get_byte(p.packed_latencies, 3 * s.number + 1) << 8)
             + get_byte(p.packed_latencies, 3 * s.number + 2))::bigint,
       (r.run ->> 5)::integer, coalesce((r.run ->> 4)::smallint, 0::smallint), (r.run ->> 3)::smallint,
       (r.run ->> 7)::smallint, r.run ->> 8, true
FROM packed_checks AS p
CROSS JOIN LATERAL (
    SELECT run, (sum((run ->> 2)::integer) OVER (ORDER BY n) - (run ->> 2)::integer)::integer AS before
    FROM json_array_elements(p.runs) WITH ORDINALITY AS e (run, n)
) AS r
CROSS JOIN LATERAL (
    SELECT p.began_at + ((r.run ->> 0)::bigint + i * (r.run ->> 1)::bigint) * interval '1 microsecond' AS slot,
           r.before + i AS number
    FROM generate_series(0, (r.run ->> 2)::integer - 1) AS i
) AS s
WHERE p.began_at < (SELECT raw_from FROM history_progress);
