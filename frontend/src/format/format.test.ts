import { expect, test } from 'vitest';
import { duration, durationInWords, latency } from '@/format/duration';
import { calendarDay, exactInstant, instant } from '@/format/instant';
import { count, percent } from '@/format/ratio';

test('a duration has at most two units and no empty one', () => {
  expect([0, 59.6, 61, 3600, 3661, 90_000].map(duration)).toEqual([
    '0 s',
    '1 min',
    '1 min 1 s',
    '1 h',
    '1 h 1 min',
    '1 d 1 h',
  ]);
});

test('a duration in words knows one from many', () => {
  expect(durationInWords(3720)).toBe('1 hour 2 minutes');
});

test('a latency keeps three significant digits', () => {
  expect([0.4231, 9.999, 85.13, 512.4, 1240, 12_345].map(latency)).toEqual([
    '0.42 ms',
    '10.00 ms',
    '85.1 ms',
    '512 ms',
    '1.24 s',
    '12.3 s',
  ]);
});

test('an uptime that is not whole never reads 100 %', () => {
  expect([1, 0.999999, 0.99983, 0.5, 0].map(percent)).toEqual([
    '100 %',
    '99.999 %',
    '99.983 %',
    '50 %',
    '0 %',
  ]);
});

test('counts are grouped', () => {
  expect(count(12_345)).toBe('12,345');
});

test('an instant of another day names the day', () => {
  const now = new Date(2026, 10, 22, 14, 3, 27);
  expect(instant(now, now)).toBe('14:03:27');
  expect(instant(new Date(2026, 10, 21, 9, 0, 0), now)).toBe('21 Nov, 09:00:00');
  expect(instant(new Date(2025, 10, 21, 9, 0, 0), now)).toBe('21 Nov 2025, 09:00:00');
  expect(exactInstant(now)).toContain('2026');
});

test('a day names its year where that is not this one', () => {
  const now = new Date(2026, 10, 22, 14, 3, 27);
  expect(calendarDay(new Date(2026, 10, 22, 0, 0, 0), now)).toBe('today');
  expect(calendarDay(new Date(2026, 10, 21, 23, 59, 59), now)).toBe('21 Nov');
  expect(calendarDay(new Date(2025, 10, 22, 14, 3, 27), now)).toBe('22 Nov 2025');
});
