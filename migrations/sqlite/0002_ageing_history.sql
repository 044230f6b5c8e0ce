-- contract: rollups, instance.rolled_up_to (nothing of them is lost: all of it is derived from checks again)
--
-- History that ages: closed hours fold into days, days of checks are packed, and each form goes when it is old enough.

DROP TABLE rollups;
ALTER TABLE instance DROP COLUMN rolled_up_to;

-- One row: how far history has been derived.
CREATE TABLE history_progress (
    key         INTEGER PRIMARY KEY CONSTRAINT history_progress_is_one CHECK (key = 1),
    -- Hours that began before it are in hour_rollups, or in days.
    hours_to    INTEGER,
    -- Days that began before it are in day_rollups and packed_checks.
    days_to     INTEGER,
    -- The last monitor whose next day is folded already.
    folded_key  INTEGER,
    -- From here on checks are kept whole; before it only what is packed counts.
    raw_from    INTEGER
) STRICT;

INSERT INTO history_progress (key) VALUES (1);

-- Closed hours, derived from the log: scheduled checks by verdict, the latencies of all checks that got an answer, and all
-- checks packed (see packed_checks). Time first, as the log.
CREATE TABLE hour_rollups (
    began_at          INTEGER NOT NULL,
    monitor_key       INTEGER NOT NULL,
    region            TEXT NOT NULL,
    up                INTEGER NOT NULL,
    degraded          INTEGER NOT NULL,
    down              INTEGER NOT NULL,
    latencies         BLOB NOT NULL,
    runs              TEXT NOT NULL,
    packed_latencies  BLOB NOT NULL,
    PRIMARY KEY (began_at, monitor_key, region)
) STRICT, WITHOUT ROWID;

-- Days, made of their hours; hours has those one by one (domain::rollup::DayTally). A monitor's years lie together.
CREATE TABLE day_rollups (
    monitor_key  INTEGER NOT NULL,
    region       TEXT NOT NULL,
    began_at     INTEGER NOT NULL,
    up           INTEGER NOT NULL,
    degraded     INTEGER NOT NULL,
    down         INTEGER NOT NULL,
    latencies    BLOB NOT NULL,
    hours        BLOB NOT NULL,
    PRIMARY KEY (monitor_key, region, began_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX day_rollups_by_day ON day_rollups (began_at);

-- The checks of a day. A run is an array: microseconds from the beginning of the day to its first slot, microseconds from
-- slot to slot, number of checks, verdict, origin, HTTP status, lateness in tenths of a second, kind of the reason, and the
-- reason; what is missing at its end is null or nought. One latency for each check follows in packed_latencies, three
-- bytes each, the most significant first, in units of ten microseconds. With rowids, since rows of over a kilobyte would
-- otherwise take pages of their own.
CREATE TABLE packed_checks (
    monitor_key       INTEGER NOT NULL,
    region            TEXT NOT NULL,
    began_at          INTEGER NOT NULL,
    runs              TEXT NOT NULL,
    packed_latencies  BLOB NOT NULL,
    CONSTRAINT packed_checks_unique UNIQUE (monitor_key, region, began_at)
) STRICT;

CREATE INDEX packed_checks_by_day ON packed_checks (began_at);

-- All checks, whole and packed, for whoever asks in plain SQL. Name a monitor and a time: nothing else is quick.
CREATE VIEW check_history AS
SELECT c.slot, c.monitor_key, c.region, c.slot + c.late_us AS checked_at, c.latency_us, c.http_status, c.origin, c.verdict,
       c.reason_kind, c.reason_detail, 0 AS is_packed
  FROM checks AS c
 WHERE c.slot >= (SELECT coalesce(raw_from, c.slot) FROM history_progress)
UNION ALL
SELECT slot, monitor_key, region, slot + 100000 * lateness,
       -- Each hexadecimal digit is worth its position in this list.
       10 * (1048576 * instr('123456789ABCDEF', substr(digits, 1, 1)) + 65536 * instr('123456789ABCDEF', substr(digits, 2, 1))
             + 4096 * instr('123456789ABCDEF', substr(digits, 3, 1)) + 256 * instr('123456789ABCDEF', substr(digits, 4, 1))
             + 16 * instr('123456789ABCDEF', substr(digits, 5, 1)) + instr('123456789ABCDEF', substr(digits, 6, 1))),
       http_status, origin, verdict, reason_kind, reason_detail, 1
  FROM (WITH RECURSIVE
            run AS (
                SELECT p.rowid AS pack, p.monitor_key, p.region, r.key AS number, p.began_at + (r.value ->> 0) AS first,
                       r.value ->> 1 AS step, r.value ->> 2 AS count, r.value ->> 3 AS verdict,
                       coalesce(r.value ->> 4, 0) AS origin, r.value ->> 5 AS http_status,
                       coalesce(r.value ->> 6, 0) AS lateness, r.value ->> 7 AS reason_kind, r.value ->> 8 AS reason_detail,
                       sum(r.value ->> 2) OVER (PARTITION BY p.rowid ORDER BY r.key) - (r.value ->> 2) AS before
                  FROM packed_checks AS p, json_each(p.runs) AS r
                 WHERE p.began_at < (SELECT raw_from FROM history_progress)
            ),
            each AS (
                SELECT run.*, 0 AS n FROM run
                UNION ALL
                SELECT pack, monitor_key, region, number, first, step, count, verdict, origin, http_status, lateness,
                       reason_kind, reason_detail, before, n + 1
                  FROM each
                 WHERE n + 1 < count
            )
        SELECT each.first + each.n * each.step AS slot, each.*,
               hex(substr(p.packed_latencies, 3 * (each.before + each.n) + 1, 3)) AS digits
          FROM each JOIN packed_checks AS p ON p.rowid = each.pack);
