/** Values as the API gives them, for tests to vary in what matters to them. */

import type { Check, Incident, Monitor, SessionAnswer, UptimeOfDays, Workspace } from '@/api/types';

export const check = (change: Partial<Check> = {}): Check => ({
  slot: '2026-11-22T12:00:00.000000Z',
  checked_at: '2026-11-22T12:00:00.000412Z',
  status: 'UP',
  origin: 'scheduled',
  latency_ms: 41.207,
  timings: { dns_ms: 2.1, connect_ms: 9.8, tls_ms: null, first_byte_ms: 10.3, transfer_ms: 0.4 },
  http_status: 200,
  reason: null,
  reason_code: null,
  region: 'default',
  ...change,
});

export const monitor = (change: Partial<Monitor> = {}): Monitor => ({
  id: '019c1405-6400-7000-8000-0000000000c1',
  name: 'Shop',
  target: { type: 'http', url: 'https://shop.example.org/', method: 'GET', follow_redirects: true },
  interval_seconds: 60,
  timeout_seconds: 10,
  expectation: { statuses: '200-399', slow_after_ms: null },
  confirmation: { before_down: 1, before_up: 0 },
  is_active: true,
  created_at: '2026-11-01T12:00:00.000000Z',
  status: 'UP',
  status_since: '2026-11-21T12:00:00.000000Z',
  last_check: check(),
  uptime_24h: 0.99983,
  recent_checks: [],
  ...change,
});

export const incident = (change: Partial<Incident> = {}): Incident => ({
  id: '019c1697-9a00-7000-8000-0000000000d1',
  monitor_id: '019c1405-6400-7000-8000-0000000000c1',
  monitor_name: 'Shop',
  target_url: 'https://shop.example.org/',
  started_at: '2026-11-22T12:00:00.000000Z',
  confirmed_at: '2026-11-22T12:00:10.000000Z',
  ended_at: null,
  ended_as: null,
  cause: 'the answer was 503, expected 200-399',
  cause_code: 'status',
  evidence: null,
  ...change,
});

export const uptime = (change: Partial<UptimeOfDays> = {}): UptimeOfDays => ({
  days: 1,
  from: '2026-11-21T12:00:00.000000Z',
  to: '2026-11-22T12:00:00.000000Z',
  ratio: 1,
  up_seconds: 86_400,
  degraded_seconds: 0,
  down_seconds: 0,
  unknown_seconds: 0,
  maintenance_seconds: 0,
  paused_seconds: 0,
  pending_seconds: 0,
  ...change,
});

export const workspace = (retention: Partial<Workspace['retention']> = {}): Workspace => ({
  id: '019c1405-6400-7000-8000-0000000000b1',
  retention: {
    raw_days: { days: 7, own: null, most: 7 },
    packed_days: { days: 400, own: null, most: 400 },
    rollup_days: { days: 1830, own: null, most: 1830 },
    ...retention,
  },
});

export const answer = (change: Partial<SessionAnswer> = {}): SessionAnswer => ({
  access_token: 'token-1',
  token_type: 'Bearer',
  expires_in: 900,
  user: {
    id: '019c1405-6400-7000-8000-0000000000a1',
    email: 'ada@example.org',
    workspace_id: '019c1405-6400-7000-8000-0000000000b1',
    created_at: '2026-11-01T12:00:00.000000Z',
  },
  ...change,
});
