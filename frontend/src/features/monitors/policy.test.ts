import { expect, test } from 'vitest';
import { learnTime } from '@/clock/server';
import { monitor } from '@/testing/examples';
import { imbalance } from './audit-panel';
import { COLUMNS, stretchesOf } from './history-columns';
import { latestOf, seriesOf, stretchName } from './latency-series';
import { timeTicks } from './latency-ticks';
import { select, tally } from './selection';
import { changeOf, PROPOSED, requestOf, settingsOf } from './settings';
import { defaultWindow, graphSpan, uptimeWindows, windowOfDays, windowUntilNow } from './windows';

const shop = monitor({ id: '1', name: 'Shop', status: 'UP' });
const mail = monitor({ id: '2', name: 'Mail', status: 'DOWN' });
const blog = monitor({
  id: '3',
  name: 'Blog',
  status: 'UP',
  target: { ...shop.target, url: 'https://words.example.org/' },
});

test('what needs attention comes first, then the alphabet', () => {
  expect(select([shop, mail, blog], {}).map(({ name }) => name)).toEqual(['Mail', 'Blog', 'Shop']);
});

test('a search looks at names and URLs, whatever their case', () => {
  expect(select([shop, mail, blog], { q: ' WORDS ' })).toEqual([blog]);
  expect(select([shop, mail, blog], { q: 'shop', status: 'UP' })).toContain(shop);
  expect(select([shop, mail, blog], { status: 'PAUSED' })).toEqual([]);
});

test('the summary counts every monitor once', () => {
  expect(tally([shop, mail, blog])).toEqual([
    { status: 'DOWN', count: 1 },
    { status: 'UP', count: 2 },
  ]);
  expect(tally([])).toEqual([
    { status: 'DOWN', count: 0 },
    { status: 'UP', count: 0 },
  ]);
});

test('a new monitor leaves to the server what was left empty', () => {
  const request = requestOf({ ...PROPOSED, target: { ...PROPOSED.target, url: ' example.org/health ' } });
  expect(request).toEqual({
    target: { type: 'http', url: 'https://example.org/health', method: 'GET', follow_redirects: true },
    interval_seconds: 60,
    expectation: { statuses: '200-399', slow_after_ms: null },
    confirmation: { before_down: 1, before_up: 0 },
  });
});

test('a URL keeps the scheme that was typed, be it a wrong one', () => {
  const urlOf = (url: string) => requestOf({ ...PROPOSED, target: { ...PROPOSED.target, url } }).target.url;
  expect([urlOf('http://a.example'), urlOf('ftp://a.example')]).toEqual([
    'http://a.example',
    'ftp://a.example',
  ]);
});

test('saving a monitor as it is changes nothing', () => {
  const { name, target, interval_seconds, timeout_seconds, expectation, confirmation } = shop;
  expect(requestOf(settingsOf(shop))).toEqual({
    name,
    target,
    interval_seconds,
    timeout_seconds,
    expectation,
    confirmation,
  });
});

test('a change holds what was touched alone, and a target as a whole', () => {
  const settings = settingsOf(shop);
  expect(changeOf(settings, {})).toEqual({});
  expect(changeOf(settings, { target: { method: true }, confirmation: { before_down: false } })).toEqual({
    target: shop.target,
  });
});

test('a window reaches back from now', () => {
  expect(windowUntilNow('24h', Date.UTC(2026, 10, 22, 12))).toEqual({ from: '2026-11-21T12:00:00.000Z' });
});

test('a window ends when it is now at the server, whatever the browser takes for now', () => {
  const [browser, server] = [Date.now(), Date.now() - 600_000];
  learnTime(new Date(server).toUTCString(), browser, browser);
  const from = Date.parse(windowUntilNow('24h').from);
  learnTime(new Date().toUTCString(), Date.now(), Date.now());
  expect(Math.abs(from - (server - 86_400_000))).toBeLessThan(2_000);
});

test('a monitor that was just made is looked at closely', () => {
  const at = Date.parse('2026-11-22T12:00:00Z');
  expect(defaultWindow({ created_at: '2026-11-22T11:30:00.000000Z' }, at)).toBe('1h');
  expect(defaultWindow({ created_at: '2026-11-22T10:30:00.000000Z' }, at)).toBe('24h');
});

test('a graph begins with the life of its monitor and has no stretch shorter than a check', () => {
  const at = Date.parse('2026-11-22T12:00:00Z');
  const young = { created_at: '2026-11-22T11:50:00.000Z', interval_seconds: 60 };
  expect(graphSpan('24h', young, at)).toEqual({
    from: young.created_at,
    to: '2026-11-22T12:00:00.000Z',
    step: 60,
  });
  const old = { created_at: '2026-01-01T00:00:00.000Z', interval_seconds: 60 };
  expect(graphSpan('24h', old, at)).toEqual({
    from: '2026-11-21T12:00:00.000Z',
    to: '2026-11-22T12:00:00.000Z',
    step: 900,
  });
});

test('a graph of long stretches has whole hours or days, so that each is named by its beginning', () => {
  const at = Date.parse('2026-11-22T12:00:00Z');
  const old = { created_at: '2024-01-01T00:00:00.000Z', interval_seconds: 60 };
  const [hour, day] = [3_600, 86_400];
  const steps = (['1h', '7d', '30d', '90d', '1y'] as const).map((name) => graphSpan(name, old, at).step);
  expect(steps).toEqual([60, 2 * hour, 8 * hour, day, 4 * day]);
  expect(graphSpan('1y', old, at).from).toBe('2025-11-22T00:00:00.000Z');
  const younger = { ...old, created_at: '2026-11-09T11:50:00.000Z' };
  expect(graphSpan('90d', younger, at)).toMatchObject({ from: '2026-11-09T11:00:00.000Z', step: 4 * hour });
});

test('uptime is told of windows up to the first that holds the whole life of a monitor', () => {
  const at = Date.parse('2026-11-22T12:00:00Z');
  const windowsSince = (created_at: string) => uptimeWindows({ created_at }, at);
  expect(windowsSince('2026-11-22T11:59:00.000000Z')).toEqual(['24h']);
  expect(windowsSince('2026-11-15T12:00:00.000000Z')).toEqual(['24h', '7d']);
  expect(windowsSince('2026-11-15T11:59:59.000000Z')).toEqual(['24h', '7d', '30d']);
  expect(windowsSince('2024-01-01T00:00:00.000000Z')).toEqual(['24h', '7d', '30d', '90d', '1y']);
});

test('a window of days is called as where it is chosen', () => {
  expect([1, 365].map((days) => windowOfDays(days).label)).toEqual(['24 h', '1 y']);
  expect(windowOfDays(14)).toEqual({ label: '14 d', words: 'the last 14 days' });
});

test('the ticks of a graph are times, dates or months, and a new day or year is named', () => {
  const local = (...parts: [number, number, number, number?]) => new Date(...parts).getTime() / 1000;
  const [hour, day] = [3_600, 86_400];
  const evening = [local(2026, 10, 21, 20), local(2026, 10, 22, 0), local(2026, 10, 22, 4)];
  expect(timeTicks(evening, 4 * hour)).toEqual(['20:00', '22 Nov', '04:00']);
  expect(timeTicks([local(2026, 9, 30), local(2026, 10, 6)], 7 * day)).toEqual(['30 Oct', '6 Nov']);
  const months = [local(2025, 11, 1), local(2026, 0, 1), local(2026, 1, 1)];
  expect(timeTicks(months, 30 * day)).toEqual(['Dec', 'Jan 2026', 'Feb']);
  const quarters = [local(2025, 11, 1), local(2026, 2, 1), local(2026, 5, 1)];
  expect(timeTicks(quarters, 90 * day)).toEqual(['Dec', 'Mar 2026', 'Jun']);
});

test('a stretch of days is named by its days, any other by its beginning', () => {
  const now = new Date(2026, 10, 22, 14, 3, 27);
  const day = 86_400;
  expect(stretchName(new Date('2025-12-30T00:00:00Z'), 4 * day, now)).toBe('30 Dec 2025 to 2 Jan');
  expect(stretchName(new Date('2026-11-20T00:00:00Z'), day, now)).toBe('20 Nov');
  expect(stretchName(new Date('2026-11-21T00:00:00Z'), 4 * day, now)).toBe('21 Nov to 22 Nov');
  expect(stretchName(new Date(2026, 10, 21, 14, 0, 0), 900, now)).toBe('21 Nov, 14:00:00');
});

const bucket = (at: string, p50_ms: number) => ({
  at,
  count: 1,
  avg_ms: 1,
  min_ms: 1,
  max_ms: 1,
  p50_ms,
  p95_ms: 2,
  p99_ms: 3,
});

test('the line of the graph breaks where nothing is known', () => {
  const [at, p50] = seriesOf(
    [bucket('1970-01-01T00:00:00Z', 5), bucket('1970-01-01T00:01:00Z', 6), bucket('1970-01-01T00:05:00Z', 7)],
    60,
  );
  expect(at).toEqual([0, 60, 120, 300]);
  expect(p50).toEqual([5, 6, null, 7]);
});

test('a latency that is older than the last stretch is not the one of now', () => {
  const buckets = [bucket('1970-01-01T00:05:00Z', 7)];
  expect(latestOf(buckets, '1970-01-01T00:06:30Z', 60)).toBe(buckets[0]);
  expect(latestOf(buckets, '1970-01-01T00:07:30Z', 60)).toBeUndefined();
});

test('the history fits its bar however often the status changed, and no failure and no end is lost', () => {
  const at = (minute: number) => new Date(minute * 60_000).toISOString();
  const spans = Array.from({ length: 2_000 }, (_, n) => ({
    status: n === 1_001 ? ('DOWN' as const) : n % 2 === 0 ? ('UP' as const) : ('PAUSED' as const),
    from: at(n),
    to: at(n + 1),
  }));
  const stretches = stretchesOf(spans);
  expect(stretches.reduce((sum, { columns }) => sum + columns, 0)).toBe(COLUMNS);
  expect(stretches.map(({ status }) => status)).toEqual(['UP', 'DOWN', 'UP']);
  expect(stretches[1]).toMatchObject({ from: at(1_001), to: at(1_002), columns: 1 });
  expect(stretchesOf([{ status: 'UP', from: at(0), to: at(1) }])).toEqual([
    { status: 'UP', from: at(0), to: at(1), columns: COLUMNS, seconds: 60 },
  ]);
});

test('failures that share columns of the history are told as long as they were, and not as what lies between', () => {
  const at = (minute: number) => new Date(minute * 60_000).toISOString();
  const ends = [0, 500, 502, 504, 505, 1_000];
  const spans = ends.slice(1).map((end, n) => ({
    status: n % 2 === 0 ? ('UP' as const) : ('DOWN' as const),
    from: at(ends[n]!),
    to: at(end),
  }));
  expect(stretchesOf(spans).map(({ status, seconds }) => [status, seconds])).toEqual([
    ['UP', 500 * 60],
    ['DOWN', 3 * 60],
    ['UP', 495 * 60],
  ]);
  expect(stretchesOf(spans)[1]).toMatchObject({ from: at(500), to: at(505) });
});

test('an account that does not add up says in which direction', () => {
  expect([1, 2, -1, -2].map(imbalance)).toEqual([
    '1 slot is not accounted for.',
    '2 slots are not accounted for.',
    '1 slot too many is on record.',
    '2 slots too many are on record.',
  ]);
});
