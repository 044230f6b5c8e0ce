-- A small database as version 4 of the schema has it, with something in every table: what is in it is told in
-- adapters/tests/stores/migration.rs. It is 2026-01-05, half past two (UTC).

CREATE TABLE checks_1767571200 PARTITION OF checks FOR VALUES FROM ('2026-01-05 00:00:00+00') TO ('2026-01-06 00:00:00+00');
CREATE TABLE check_evidence_1767571200 PARTITION OF check_evidence FOR VALUES FROM ('2026-01-05 00:00:00+00') TO ('2026-01-06 00:00:00+00');
CREATE TABLE hour_rollups_1767571200 PARTITION OF hour_rollups FOR VALUES FROM ('2026-01-05 00:00:00+00') TO ('2026-01-06 00:00:00+00');

INSERT INTO instance (secret_fingerprint) VALUES
    ('fingerprint of the first secret');

-- Packed checks are kept for less than the operator keeps them, and were let go of on the day before.
INSERT INTO workspaces (id, created_at, packed_days, packed_from, retired_at) VALUES
    ('019b8600-0000-7000-8000-0000000000b1', '2026-01-04 00:00:00+00', 300, '2025-03-10 00:00:00+00', '2026-01-04 00:00:00+00');
INSERT INTO users (id, email, password_hash, workspace_id, created_at) VALUES
    ('019b8600-0000-7000-8000-0000000000a1', 'ada@example.org', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g', '019b8600-0000-7000-8000-0000000000b1', '2026-01-04 00:00:00+00');
INSERT INTO memberships (workspace_id, user_id, created_at) VALUES
    ('019b8600-0000-7000-8000-0000000000b1', '019b8600-0000-7000-8000-0000000000a1', '2026-01-04 00:00:00+00');
INSERT INTO sessions (id, user_id, created_at, has_ended) VALUES
    ('019b8600-0000-7000-8000-0000000000d1', '019b8600-0000-7000-8000-0000000000a1', '2026-01-04 00:00:00+00', false),
    ('019b8600-0000-7000-8000-0000000000d2', '019b8600-0000-7000-8000-0000000000a1', '2026-01-04 01:00:00+00', true);
INSERT INTO session_tokens (token_hash, session_id, expires_at, is_used) VALUES
    ('\x0101010101010101010101010101010101010101010101010101010101010101', '019b8600-0000-7000-8000-0000000000d1', '2026-02-03 00:00:00+00', true),
    ('\x0202020202020202020202020202020202020202020202020202020202020202', '019b8600-0000-7000-8000-0000000000d1', '2026-02-03 00:00:00+00', false),
    ('\x0303030303030303030303030303030303030303030303030303030303030303', '019b8600-0000-7000-8000-0000000000d2', '2026-02-03 00:00:00+00', false);
INSERT INTO channels (id, workspace_id, name, kind, is_enabled, created_at) VALUES
    ('019b8600-0000-7000-8000-0000000000f1', '019b8600-0000-7000-8000-0000000000b1', 'Console', 1, true, '2026-01-04 00:00:00+00');

-- One that was down for an hour, one that is paused, one that is deleted, and one that is checked just now.
INSERT INTO monitors (id, workspace_id, name, target_kind, url, http_method, follow_redirects, interval_secs,
    timeout_secs, statuses, slow_after_ms, confirm_down, confirm_up, is_active, created_at, version,
    deleted_at) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', '019b8600-0000-7000-8000-0000000000b1', 'Shop', 1, 'https://shop.example.org/', 1, true, 3600, 10, '200-399', 1500, 1, 0, true, '2026-01-04 00:00:00+00', 2, NULL),
    ('019b8600-0000-7000-8000-0000000000c2', '019b8600-0000-7000-8000-0000000000b1', 'Blog', 1, 'https://blog.example.org/', 1, true, 3600, 10, '200-399', NULL, 1, 0, false, '2026-01-04 00:00:00+00', 2, NULL),
    ('019b8600-0000-7000-8000-0000000000c3', '019b8600-0000-7000-8000-0000000000b1', 'Gone', 1, 'https://gone.example.org/', 1, true, 3600, 10, '200-399', NULL, 1, 0, true, '2026-01-04 00:00:00+00', 1, '2026-01-04 00:10:00+00'),
    ('019b8600-0000-7000-8000-0000000000c4', '019b8600-0000-7000-8000-0000000000b1', 'Docs', 1, 'https://docs.example.org/', 1, true, 7200, 10, '200-399', NULL, 1, 0, true, '2026-01-05 00:00:00+00', 1, NULL);
INSERT INTO monitor_states (monitor_id, held, since, streak_since, streak_count, silence_since, silence_count,
    last_slot) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', 1, '2026-01-05 02:00:00+00', NULL, 0, NULL, 0, '2026-01-05 02:00:00+00'),
    ('019b8600-0000-7000-8000-0000000000c2', 4, '2026-01-04 00:40:00+00', NULL, 0, NULL, 0, '2026-01-04 00:00:00+00'),
    ('019b8600-0000-7000-8000-0000000000c3', 1, '2026-01-04 00:00:00+00', NULL, 0, NULL, 0, '2026-01-04 00:00:00+00'),
    ('019b8600-0000-7000-8000-0000000000c4', 1, '2026-01-05 00:00:00+00', NULL, 0, NULL, 0, '2026-01-05 00:00:00+00');
INSERT INTO schedule_epochs (monitor_id, region, began_at, ended_at, opening_slot, interval_ms, phase_ms) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-04 00:00:00+00', NULL, '2026-01-04 00:00:00+00', 3600000, 0),
    ('019b8600-0000-7000-8000-0000000000c2', 'default', '2026-01-04 00:00:00+00', '2026-01-04 00:40:00+00', '2026-01-04 00:00:00+00', 3600000, 0),
    ('019b8600-0000-7000-8000-0000000000c3', 'default', '2026-01-04 00:00:00+00', '2026-01-04 00:10:00+00', '2026-01-04 00:00:00+00', 3600000, 0),
    ('019b8600-0000-7000-8000-0000000000c4', 'default', '2026-01-05 00:00:00+00', NULL, '2026-01-05 00:00:00+00', 7200000, 0);
INSERT INTO cohorts (region, claimed_to, next_due_at, version, members, slots_a_day, longest_interval_ms) VALUES
    ('default', '2026-01-05 02:15:00+00', '2026-01-05 03:00:00+00', 3, 2, 36, 7200000);
INSERT INTO schedule (monitor_id, region, next_due_at, interval_ms, phase_ms, timeout_ms, version, cohort_id,
    changed) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-04 01:00:00+00', 3600000, 0, 10000, 2, 1, 1),
    ('019b8600-0000-7000-8000-0000000000c4', 'default', '2026-01-05 02:00:00+00', 7200000, 0, 10000, 1, 1, 2);
INSERT INTO cohort_departures (cohort_id, version, monitor_id) VALUES
    (1, 3, '019b8600-0000-7000-8000-0000000000c2');
INSERT INTO leases (token, number, cohort_id, region, lease_until, first_slot, monitor_ids, slots) VALUES
    ('019b8600-0000-7000-8000-0000000000e1', 0, 1, 'default', '2026-01-05 02:40:00+00', '2026-01-05 02:00:00+00', '{019b8600-0000-7000-8000-0000000000c4}',
     ARRAY['2026-01-05 02:00:00+00'::timestamptz]);
-- A check by hand whose holder died.
INSERT INTO claims (monitor_id, region, slot, origin, start_before, token, free_at) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-05 02:20:00+00', 2, '2026-01-05 02:21:00+00', '019b8600-0000-7000-8000-0000000000e2', '2026-01-05 02:20:12+00');

INSERT INTO checks (slot, monitor_id, region, checked_at, latency_us, connect_us, http_status, origin, verdict,
    reason_kind, reason_detail) VALUES
    ('2026-01-05 00:00:00+00', '019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-05 00:00:00+00', 123450, 1230, 200, 0, 1, NULL, NULL),
    ('2026-01-05 01:00:00+00', '019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-05 01:00:00+00', 1600000, 1230, 200, 0, 2, 9, 'the answer took 1600 ms, more than 1500 ms'),
    ('2026-01-05 02:00:00+00', '019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-05 02:00:00+00', 123450, 1230, 200, 0, 1, NULL, NULL),
    ('2026-01-05 00:00:00+00', '019b8600-0000-7000-8000-0000000000c4', 'default', '2026-01-05 00:00:00+00', 123450, 1230, 200, 0, 1, NULL, NULL);
INSERT INTO check_evidence (slot, monitor_id, region, evidence) VALUES
    ('2026-01-05 01:00:00+00', '019b8600-0000-7000-8000-0000000000c1', 'default', '{"remote_address":"192.0.2.7","hops":["https://shop.example.org/"],"headers":[["content-type","text/plain"]],"body":"out of order"}');
INSERT INTO slot_gaps (monitor_id, region, first_slot, last_slot, slot_count, outcome) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-04 18:00:00+00', '2026-01-04 19:00:00+00', 2, 1);
INSERT INTO status_spans (monitor_id, began_at, ended_at, status) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', '2026-01-04 00:00:00+00', '2026-01-04 12:00:00+00', 1),
    ('019b8600-0000-7000-8000-0000000000c1', '2026-01-04 12:00:00+00', '2026-01-04 13:00:00+00', 3),
    ('019b8600-0000-7000-8000-0000000000c1', '2026-01-04 13:00:00+00', '2026-01-05 01:00:00+00', 1),
    ('019b8600-0000-7000-8000-0000000000c1', '2026-01-05 01:00:00+00', '2026-01-05 02:00:00+00', 2),
    ('019b8600-0000-7000-8000-0000000000c1', '2026-01-05 02:00:00+00', NULL, 1),
    ('019b8600-0000-7000-8000-0000000000c2', '2026-01-04 00:00:00+00', '2026-01-04 00:40:00+00', 1),
    ('019b8600-0000-7000-8000-0000000000c2', '2026-01-04 00:40:00+00', NULL, 4),
    ('019b8600-0000-7000-8000-0000000000c3', '2026-01-04 00:00:00+00', '2026-01-04 00:10:00+00', 1),
    ('019b8600-0000-7000-8000-0000000000c4', '2026-01-05 00:00:00+00', NULL, 1);

INSERT INTO incidents (id, workspace_id, monitor_id, monitor_name, target_url, started_at, confirmed_at, ended_at,
    ending, cause_kind, cause_detail, evidence) VALUES
    ('019b8600-0000-7000-8000-000000000091', '019b8600-0000-7000-8000-0000000000b1', '019b8600-0000-7000-8000-0000000000c1', 'Shop', 'https://shop.example.org/', '2026-01-04 12:00:00+00', '2026-01-04 12:00:10+00', '2026-01-04 13:00:00+00', 1, 6, 'the answer was 503, expected 200-399', '{"remote_address":"192.0.2.7","hops":["https://shop.example.org/"],"headers":[["content-type","text/plain"]],"body":"out of order"}');
-- The first was delivered at the second attempt, the second is still owed.
INSERT INTO notices (id, workspace_id, channel_id, channel_kind, monitor_id, incident_id, monitor_name, target_url,
    from_status, to_status, since, reason_kind, reason_detail, created_at, state, due_at, attempts) VALUES
    ('019b8600-0000-7000-8000-000000000081', '019b8600-0000-7000-8000-0000000000b1', '019b8600-0000-7000-8000-0000000000f1', 1, '019b8600-0000-7000-8000-0000000000c1', '019b8600-0000-7000-8000-000000000091', 'Shop', 'https://shop.example.org/', 1, 3, '2026-01-04 12:00:00+00', 6, 'the answer was 503, expected 200-399', '2026-01-04 12:00:11+00', 1, '2026-01-04 12:01:00+00', 2),
    ('019b8600-0000-7000-8000-000000000082', '019b8600-0000-7000-8000-0000000000b1', '019b8600-0000-7000-8000-0000000000f1', 1, '019b8600-0000-7000-8000-0000000000c1', '019b8600-0000-7000-8000-000000000091', 'Shop', 'https://shop.example.org/', 3, 1, '2026-01-04 13:00:00+00', NULL, NULL, '2026-01-04 13:00:01+00', 0, '2026-01-04 13:00:01+00', 0);
INSERT INTO deliveries (notice_id, attempt, at, took_us, error, retry_at) VALUES
    ('019b8600-0000-7000-8000-000000000081', 1, '2026-01-04 12:00:11+00', 1000, 'the console is gone', '2026-01-04 12:01:00+00'),
    ('019b8600-0000-7000-8000-000000000081', 2, '2026-01-04 12:01:00+00', 1000, NULL, NULL);

INSERT INTO hour_rollups (began_at, monitor_id, region, up, degraded, down, latencies, runs, packed_latencies) VALUES
    ('2026-01-05 00:00:00+00', '019b8600-0000-7000-8000-0000000000c1', 'default', 1, 0, 0, '\xbac407bac407bac407de0101', '[[0,0,1,1,0,200]]', '\x003039'),
    ('2026-01-05 00:00:00+00', '019b8600-0000-7000-8000-0000000000c4', 'default', 1, 0, 0, '\xbac407bac407bac407de0101', '[[0,0,1,1,0,200]]', '\x003039'),
    ('2026-01-05 01:00:00+00', '019b8600-0000-7000-8000-0000000000c1', 'default', 0, 1, 0, '\x80d46180d46180d461980201', '[[0,0,1,2,0,200,0,9,"the answer took 1600 ms, more than 1500 ms"]]', '\x027100');
INSERT INTO day_rollups (monitor_id, region, began_at, up, degraded, down, latencies, hours) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-04 00:00:00+00', 21, 0, 1, '\xc29d9e01bac407bac407de0115', '\x000100000cbac407bac407bac407de0101010100000cbac407bac407bac407de0101020100000cbac407bac407bac407de0101030100000cbac407bac407bac407de0101040100000cbac407bac407bac407de0101050100000cbac407bac407bac407de0101060100000cbac407bac407bac407de0101070100000cbac407bac407bac407de0101080100000cbac407bac407bac407de0101090100000cbac407bac407bac407de01010a0100000cbac407bac407bac407de01010b0100000cbac407bac407bac407de01010c000001030000000d0100000cbac407bac407bac407de01010e0100000cbac407bac407bac407de01010f0100000cbac407bac407bac407de0101100100000cbac407bac407bac407de0101110100000cbac407bac407bac407de0101140100000cbac407bac407bac407de0101150100000cbac407bac407bac407de0101160100000cbac407bac407bac407de0101170100000cbac407bac407bac407de0101'),
    ('019b8600-0000-7000-8000-0000000000c2', 'default', '2026-01-04 00:00:00+00', 1, 0, 0, '\xbac407bac407bac407de0101', '\x000100000cbac407bac407bac407de0101'),
    ('019b8600-0000-7000-8000-0000000000c3', 'default', '2026-01-04 00:00:00+00', 1, 0, 0, '\xbac407bac407bac407de0101', '\x000100000cbac407bac407bac407de0101');
INSERT INTO packed_checks (monitor_id, region, began_at, runs, packed_latencies) VALUES
    ('019b8600-0000-7000-8000-0000000000c1', 'default', '2026-01-04 00:00:00+00', '[[0,3600000000,12,1,0,200],[43200000000,0,1,3,0,503,0,6,"the answer was 503, expected 200-399"],[43210000000,0,1,3,1,503,0,6,"the answer was 503, expected 200-399"],[46800000000,3600000000,5,1,0,200],[72000000000,3600000000,4,1,0,200]]', '\x003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039003039'),
    ('019b8600-0000-7000-8000-0000000000c2', 'default', '2026-01-04 00:00:00+00', '[[0,0,1,1,0,200]]', '\x003039'),
    ('019b8600-0000-7000-8000-0000000000c3', 'default', '2026-01-04 00:00:00+00', '[[0,0,1,1,0,200]]', '\x003039');
UPDATE history_progress SET hours_to = '2026-01-05 02:00:00+00', days_to = '2026-01-05 00:00:00+00', raw_from = '2026-01-05 00:00:00+00',
    packed_from = '2024-11-30 00:00:00+00', rollups_from = '2020-12-31 00:00:00+00';
