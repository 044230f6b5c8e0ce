-- Where results change all the time the runs of a pack are one element with a letter for each check, in place of one for each
-- change: [first, step, letters, results, earliest, width, offsets]. A letter names one of the results, A and a the first of them,
-- which are written as those of a run. Capitals are scheduled checks, which lie on a grid, step from each other. Small letters are
-- confirmations, or manual checks where the result says so; each has width digits (to the base 92, # is nought) of offsets, which
-- tell by how much more than earliest it comes after the slot of the grid before it. A row holds at most 256 checks where it holds
-- several days, and reaches over at most 128. What is packed already stays as it is.

DROP VIEW check_history;

-- All checks, whole and packed. Name a monitor and a time.
CREATE VIEW check_history AS
SELECT c.slot, m.id AS monitor_id, c.region, c.slot + c.late_us AS checked_at, c.latency_us, c.http_status,
       c.origin, c.verdict, c.reason_kind, c.reason_detail, 0 AS is_packed
  FROM checks AS c JOIN monitors AS m ON m.key = c.monitor_key
 WHERE c.slot >= (SELECT coalesce(raw_from, c.slot) FROM history_progress)
UNION ALL
SELECT slot, monitor_id, region, slot + 100000 * coalesce(result ->> (at + 3), 0),
       -- Each hexadecimal digit is worth its position in this list.
       10 * (1048576 * instr('123456789ABCDEF', substr(digits, 1, 1)) + 65536 * instr('123456789ABCDEF', substr(digits, 2, 1))
             + 4096 * instr('123456789ABCDEF', substr(digits, 3, 1)) + 256 * instr('123456789ABCDEF', substr(digits, 4, 1))
             + 16 * instr('123456789ABCDEF', substr(digits, 5, 1)) + instr('123456789ABCDEF', substr(digits, 6, 1))),
       result ->> (at + 2), max(coalesce(result ->> (at + 1), 0), is_off), result ->> at, result ->> (at + 4), result ->> (at + 5), 1
  FROM (SELECT run.monitor_id, run.region, hex(substr(run.packed_latencies, 3 * (run.before + i.key) + 1, 3)) AS digits,
               run.first + iif(run.results IS NULL, i.key * run.step, i.value) AS slot,
               iif(run.results IS NULL, run.run,
                   run.results -> (unicode(substr(run.letters, i.key + 1, 1))
                                   - iif(substr(run.letters, i.key + 1, 1) >= 'a', unicode('a'), unicode('A')))) AS result,
               run.results IS NOT NULL AND substr(run.letters, i.key + 1, 1) >= 'a' AS is_off,
               -- Where the columns of the result begin.
               iif(run.results IS NULL, 3, 0) AS at
          FROM (SELECT m.id AS monitor_id, p.region, p.packed_latencies, r.value AS run, p.began_at + (r.value ->> 0) AS first,
                       r.value ->> 1 AS step, r.value ->> 2 AS letters, r.value ->> 4 AS earliest, r.value ->> 5 AS width,
                       r.value ->> 6 AS offsets,
                       iif(json_type(r.value, '$[2]') = 'text', r.value -> 3, NULL) AS results,
                       iif(json_type(r.value, '$[2]') = 'text', length(r.value ->> 2), r.value ->> 2) AS count,
                       sum(iif(json_type(r.value, '$[2]') = 'text', length(r.value ->> 2), r.value ->> 2))
                           OVER (PARTITION BY m.id, p.began_at, p.region ORDER BY r.key)
                       - iif(json_type(r.value, '$[2]') = 'text', length(r.value ->> 2), r.value ->> 2) AS before
                  FROM monitors AS m JOIN packed_checks AS p ON p.monitor_key = m.key, json_each(p.runs) AS r
                 WHERE +p.began_at < (SELECT raw_from FROM history_progress)) AS run,
               -- As many elements as there are checks; those of a mixed run are the times from its first slot to theirs.
               json_each(iif(run.results IS NULL,
                   '[0' || replace(hex(zeroblob(run.count - 1)), '00', ',0') || ']',
                   (SELECT json_group_array(
                               (grid - 1) * run.step
                               + iif(is_off, run.earliest + 71639296 * (unicode(substr(offset, 1, 1)) - 35)
                                             + 778688 * (unicode(substr(offset, 2, 1)) - 35)
                                             + 8464 * (unicode(substr(offset, 3, 1)) - 35)
                                             + 92 * (unicode(substr(offset, 4, 1)) - 35)
                                             + unicode(substr(offset, 5, 1)) - 35, 0))
                      FROM (SELECT number, is_off, number + 1 - sum(is_off) OVER (ORDER BY number) AS grid,
                                   substr('#####' || substr(run.offsets, (sum(is_off) OVER (ORDER BY number) - 1) * run.width + 1,
                                                            run.width), -5) AS offset
                              FROM (SELECT l.key AS number, substr(run.letters, l.key + 1, 1) >= 'a' AS is_off
                                      FROM json_each('[0' || replace(hex(zeroblob(run.count - 1)), '00', ',0') || ']') AS l)
                             ORDER BY number))
               )) AS i)
 WHERE slot < (SELECT raw_from FROM history_progress);
