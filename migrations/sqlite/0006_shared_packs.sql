-- Packed days share a row where they have few checks: a row of packed_checks goes on with the next day of its monitor as long as
-- it holds at most 128 checks with it, and reaches over at most 64 days. It ends before the next row of its monitor begins, and
-- may reach beyond raw_from, as checks are packed before they go. began_at is the day on which it begins, from which the slots
-- of its runs are counted.

DROP VIEW check_history;

-- All checks, whole and packed. Name a monitor and a time.
CREATE VIEW check_history AS
SELECT c.slot, m.id AS monitor_id, c.region, c.slot + c.late_us AS checked_at, c.latency_us, c.http_status,
       c.origin, c.verdict, c.reason_kind, c.reason_detail, 0 AS is_packed
  FROM checks AS c JOIN monitors AS m ON m.key = c.monitor_key
 WHERE c.slot >= (SELECT coalesce(raw_from, c.slot) FROM history_progress)
UNION ALL
SELECT first + n * step, monitor_id, region, first + n * step + 100000 * lateness,
       -- Each hexadecimal digit is worth its position in this list.
       10 * (1048576 * instr('123456789ABCDEF', substr(digits, 1, 1)) + 65536 * instr('123456789ABCDEF', substr(digits, 2, 1))
             + 4096 * instr('123456789ABCDEF', substr(digits, 3, 1)) + 256 * instr('123456789ABCDEF', substr(digits, 4, 1))
             + 16 * instr('123456789ABCDEF', substr(digits, 5, 1)) + instr('123456789ABCDEF', substr(digits, 6, 1))),
       http_status, origin, verdict, reason_kind, reason_detail, 1
  FROM (SELECT run.*, i.key AS n, hex(substr(run.packed_latencies, 3 * (run.before + i.key) + 1, 3)) AS digits
          FROM (SELECT m.id AS monitor_id, p.region, p.packed_latencies, p.began_at + (r.value ->> 0) AS first,
                       r.value ->> 1 AS step, r.value ->> 2 AS count, r.value ->> 3 AS verdict,
                       coalesce(r.value ->> 4, 0) AS origin, r.value ->> 5 AS http_status,
                       coalesce(r.value ->> 6, 0) AS lateness, r.value ->> 7 AS reason_kind, r.value ->> 8 AS reason_detail,
                       sum(r.value ->> 2) OVER (PARTITION BY m.id, p.began_at, p.region ORDER BY r.key)
                       - (r.value ->> 2) AS before
                  FROM monitors AS m JOIN packed_checks AS p ON p.monitor_key = m.key, json_each(p.runs) AS r
                 WHERE +p.began_at < (SELECT raw_from FROM history_progress)) AS run,
               json_each('[0' || replace(hex(zeroblob(run.count - 1)), '00', ',0') || ']') AS i)
 WHERE first + n * step < (SELECT raw_from FROM history_progress);
