-- A small database as version 4 of the schema has it, with something in every table: what is in it is told in
-- adapters/tests/stores/migration.rs. It is 2026-01-05, half past two (UTC).

UPDATE instance SET fingerprint = 'fingerprint of the first secret';

-- Packed checks are kept for less than the operator keeps them, and were let go of on the day before.
INSERT INTO workspaces (id, created_at, packed_days, packed_from, retired_at) VALUES
    (x'019b86000000700080000000000000b1', 1767484800000000, 300, 1741564800000000, 1767484800000000);
INSERT INTO users (id, email, password_hash, workspace_id, created_at) VALUES
    (x'019b86000000700080000000000000a1', 'ada@example.org', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g', x'019b86000000700080000000000000b1', 1767484800000000);
INSERT INTO memberships (workspace_id, user_id, created_at) VALUES
    (x'019b86000000700080000000000000b1', x'019b86000000700080000000000000a1', 1767484800000000);
INSERT INTO sessions (id, user_id, created_at, ended) VALUES
    (x'019b86000000700080000000000000d1', x'019b86000000700080000000000000a1', 1767484800000000, 0),
    (x'019b86000000700080000000000000d2', x'019b86000000700080000000000000a1', 1767488400000000, 1);
INSERT INTO session_tokens (hash, session_id, expires_at, used) VALUES
    (x'0101010101010101010101010101010101010101010101010101010101010101', x'019b86000000700080000000000000d1', 1770076800000000, 1),
    (x'0202020202020202020202020202020202020202020202020202020202020202', x'019b86000000700080000000000000d1', 1770076800000000, 0),
    (x'0303030303030303030303030303030303030303030303030303030303030303', x'019b86000000700080000000000000d2', 1770076800000000, 0);
INSERT INTO channels (id, workspace_id, name, kind, is_enabled, created_at) VALUES
    (x'019b86000000700080000000000000f1', x'019b86000000700080000000000000b1', 'Console', 1, 1, 1767484800000000);

-- One that was down for an hour, one that is paused, one that is deleted, and one that is checked just now.
INSERT INTO monitors (key, id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs,
    timeout_secs, statuses, slow_after_ms, confirm_down, confirm_up, is_active, created_at, version,
    deleted_at) VALUES
    (1, x'019b86000000700080000000000000c1', x'019b86000000700080000000000000b1', 'Shop', 1, 'https://shop.example.org/', 1, 1, 3600, 10, '200-399', 1500, 1, 0, 1, 1767484800000000, 2, NULL),
    (2, x'019b86000000700080000000000000c2', x'019b86000000700080000000000000b1', 'Blog', 1, 'https://blog.example.org/', 1, 1, 3600, 10, '200-399', NULL, 1, 0, 0, 1767484800000000, 2, NULL),
    (3, x'019b86000000700080000000000000c3', x'019b86000000700080000000000000b1', 'Gone', 1, 'https://gone.example.org/', 1, 1, 3600, 10, '200-399', NULL, 1, 0, 1, 1767484800000000, 1, 1767485400000000),
    (4, x'019b86000000700080000000000000c4', x'019b86000000700080000000000000b1', 'Docs', 1, 'https://docs.example.org/', 1, 1, 7200, 10, '200-399', NULL, 1, 0, 1, 1767571200000000, 1, NULL);
INSERT INTO monitor_states (monitor_key, held, since, streak_since, streak_count, silence_since, silence_count,
    last_slot) VALUES
    (1, 1, 1767578400000000, NULL, 0, NULL, 0, 1767578400000000),
    (2, 4, 1767487200000000, NULL, 0, NULL, 0, 1767484800000000),
    (3, 1, 1767484800000000, NULL, 0, NULL, 0, 1767484800000000),
    (4, 1, 1767571200000000, NULL, 0, NULL, 0, 1767571200000000);
INSERT INTO schedule_epochs (monitor_key, region, began_at, ended_at, opening_slot, interval_ms, phase_ms) VALUES
    (1, 'default', 1767484800000000, NULL, 1767484800000000, 3600000, 0),
    (2, 'default', 1767484800000000, 1767487200000000, 1767484800000000, 3600000, 0),
    (3, 'default', 1767484800000000, 1767485400000000, 1767484800000000, 3600000, 0),
    (4, 'default', 1767571200000000, NULL, 1767571200000000, 7200000, 0);
INSERT INTO cohorts (id, region, claimed_to, next_due_at, version, members, slots_a_day, longest_interval_ms) VALUES
    (1, 'default', 1767579300000000, 1767582000000000, 3, 2, 36, 7200000);
INSERT INTO schedule (monitor_key, region, next_due_at, interval_ms, phase_ms, timeout_ms, version, cohort_id,
    changed) VALUES
    (1, 'default', 1767488400000000, 3600000, 0, 10000, 2, 1, 1),
    (4, 'default', 1767578400000000, 7200000, 0, 10000, 1, 1, 2);
INSERT INTO cohort_departures (cohort_id, version, monitor_id) VALUES
    (1, 3, x'019b86000000700080000000000000c2');
INSERT INTO leases (key, token, cohort_id, region, lease_until, first_slot, slots) VALUES
    (1, x'019b86000000700080000000000000e1', 1, 'default', 1767580800000000, 1767578400000000, x'019b86000000700080000000000000c40006479a6aa50800');
-- A check by hand whose holder died.
INSERT INTO claims (monitor_key, region, slot, origin, start_before, token, lease_until) VALUES
    (1, 'default', 1767579600000000, 2, 1767579660000000, x'019b86000000700080000000000000e2', 1767579612000000);

INSERT INTO checks (slot, monitor_key, region, origin, late_us, verdict, reason_kind, reason_detail, latency_us,
    connect_us, http_status) VALUES
    (1767571200000000, 1, 'default', 0, 0, 1, NULL, NULL, 123450, 1230, 200),
    (1767574800000000, 1, 'default', 0, 0, 2, 9, 'the answer took 1600 ms, more than 1500 ms', 1600000, 1230, 200),
    (1767578400000000, 1, 'default', 0, 0, 1, NULL, NULL, 123450, 1230, 200),
    (1767571200000000, 4, 'default', 0, 0, 1, NULL, NULL, 123450, 1230, 200);
INSERT INTO evidence (slot, monitor_key, region, body) VALUES
    (1767574800000000, 1, 'default', '{"remote_address":"192.0.2.7","hops":["https://shop.example.org/"],"headers":[["content-type","text/plain"]],"body":"out of order"}');
INSERT INTO slot_gaps (monitor_key, region, first_slot, last_slot, count, outcome) VALUES
    (1, 'default', 1767549600000000, 1767553200000000, 2, 1);
INSERT INTO status_spans (monitor_key, began_at, ended_at, status) VALUES
    (1, 1767484800000000, 1767528000000000, 1),
    (1, 1767528000000000, 1767531600000000, 3),
    (1, 1767531600000000, 1767574800000000, 1),
    (1, 1767574800000000, 1767578400000000, 2),
    (1, 1767578400000000, NULL, 1),
    (2, 1767484800000000, 1767487200000000, 1),
    (2, 1767487200000000, NULL, 4),
    (3, 1767484800000000, 1767485400000000, 1),
    (4, 1767571200000000, NULL, 1);

INSERT INTO incidents (id, workspace_id, monitor_key, monitor_name, target_url, started_at, confirmed_at, ended_at,
    ending, cause_kind, cause_detail, evidence) VALUES
    (x'019b8600000070008000000000000091', x'019b86000000700080000000000000b1', 1, 'Shop', 'https://shop.example.org/', 1767528000000000, 1767528010000000, 1767531600000000, 1, 6, 'the answer was 503, expected 200-399', '{"remote_address":"192.0.2.7","hops":["https://shop.example.org/"],"headers":[["content-type","text/plain"]],"body":"out of order"}');
-- The first was delivered at the second attempt, the second is still owed.
INSERT INTO notices (id, workspace_id, channel_id, channel_kind, monitor_key, incident_id, monitor_name, target_url,
    from_status, to_status, since, reason_kind, reason_detail, created_at, state, due_at, attempts) VALUES
    (x'019b8600000070008000000000000081', x'019b86000000700080000000000000b1', x'019b86000000700080000000000000f1', 1, 1, x'019b8600000070008000000000000091', 'Shop', 'https://shop.example.org/', 1, 3, 1767528000000000, 6, 'the answer was 503, expected 200-399', 1767528011000000, 1, 1767528060000000, 2),
    (x'019b8600000070008000000000000082', x'019b86000000700080000000000000b1', x'019b86000000700080000000000000f1', 1, 1, x'019b8600000070008000000000000091', 'Shop', 'https://shop.example.org/', 3, 1, 1767531600000000, NULL, NULL, 1767531601000000, 0, 1767531601000000, 0);
INSERT INTO deliveries (notice_id, attempt, at, took_us, error, retry_at) VALUES
    (x'019b8600000070008000000000000081', 1, 1767528011000000, 1000, 'the console is gone', 1767528060000000),
    (x'019b8600000070008000000000000081', 2, 1767528060000000, 1000, NULL, NULL);

INSERT INTO hour_rollups (began_at, monitor_key, region, up, degraded, down, latencies, runs, packed_latencies) VALUES
    (1767571200000000, 1, 'default', 1, 0, 0, x'bac407bac407bac407de0101', '[[0,0,1,1,0,200]]', x'003039'),
    (1767571200000000, 4, 'default', 1, 0, 0, x'bac407bac407bac407de0101', '[[0,0,1,1,0,200]]', x'003039'),
    (1767574800000000, 1, 'default', 0, 1, 0, x'80d46180d46180d461980201', '[[0,0,1,2,0,200,0,9,"the answer took 1600 ms, more than 1500 ms"]]', x'027100');
INSERT INTO day_rollups (monitor_key, region, began_at, up, degraded, down, latencies, hours) VALUES
    (1, 'default', 1767484800000000, 21, 0, 1, x'c29d9e01bac407bac407de0115', x'000100000cbac407bac407bac407de0101010100000cbac407bac407bac407de0101020100000cbac407bac407bac407de0101030100000cbac407bac407bac407de0101040100000cbac407bac407bac407de0101050100000cbac407bac407bac407de0101060100000cbac407bac407bac407de0101070100000cbac407bac407bac407de0101080100000cbac407bac407bac407de0101090100000cbac407bac407bac407de01010a0100000cbac407bac407bac407de01010b0100000cbac407bac407bac407de01010c000001030000000d0100000cbac407bac407bac407de01010e0100000cbac407bac407bac407de01010f0100000cbac407bac407bac407de0101100100000cbac407bac407bac407de0101110100000cbac407bac407bac407de0101140100000cbac407bac407bac407de0101150100000cbac407bac407bac407de0101160100000cbac407bac407bac407de0101170100000cbac407bac407bac407de0101'),
    (2, 'default', 1767484800000000, 1, 0, 0, x'bac407bac407bac407de0101', x'000100000cbac407bac407bac407de0101'),
    (3, 'default', 1767484800000000, 1, 0, 0, x'bac407bac407bac407de0101', x'000100000cbac407bac407bac407de0101');
INSERT INTO packed_checks (monitor_key, region, began_at, runs, packed_latencies) VALUES
    (1, 'default', 1767484800000000, '[[0,3600000000,12,1,0,200],[43200000000,0,1,3,0,503,0,6,"the answer was 503, expected 200-399"],[43210000000,0,1,3,1,503,0,6,"the answer was 503, expected 200-399"],[46800000000,3600000000,5,1,0,200],[72000000000,3600000000,4,1,0,200]]', x'003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039'),
    (2, 'default', 1767484800000000, '[[0,0,1,1,0,200]]', x'003039'),
    (3, 'default', 1767484800000000, '[[0,0,1,1,0,200]]', x'003039');
UPDATE history_progress SET hours_to = 1767578400000000, days_to = 1767571200000000, raw_from = 1767571200000000,
    packed_from = 1732924800000000, rollups_from = 1609372800000000;
