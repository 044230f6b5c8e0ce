import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { learnTime, serverNow } from './server';

const NOON = Date.parse('2026-11-22T12:00:00Z');
const date = (ms: number) => new Date(ms).toUTCString();

beforeEach(() => void vi.useFakeTimers({ now: NOON }));
afterEach(() => {
  learnTime(date(Date.now()), Date.now(), Date.now());
  vi.useRealTimers();
});

test('until an answer has come, the browser knows best', () => {
  expect(serverNow()).toBe(NOON);
});

test('a browser that is minutes behind or ahead goes by the server', () => {
  for (const minutes of [7, -7]) {
    learnTime(date(NOON + minutes * 60_000), NOON, NOON);
    expect(Math.abs(serverNow() - (NOON + minutes * 60_000))).toBeLessThan(1_000);
  }
});

test('a browser that is right stays with its own clock, and so does what is counted on it', () => {
  learnTime(date(NOON - 999), NOON, NOON + 800);
  learnTime(date(NOON + 1_000), NOON, NOON);
  expect(serverNow()).toBe(NOON);
});

test('an answer that was long under way tells little', () => {
  learnTime(date(NOON), NOON, NOON + 20_000);
  expect(serverNow()).toBe(NOON);
});

test('a clock of the browser that is put right is noticed', () => {
  learnTime(date(NOON + 420_000), NOON, NOON);
  vi.setSystemTime(NOON + 420_000);
  learnTime(date(NOON + 420_000), NOON + 420_000, NOON + 420_000);
  expect(serverNow()).toBe(NOON + 420_000);
});

test('an answer without a date teaches nothing', () => {
  learnTime(null, NOON, NOON);
  learnTime('soon', NOON, NOON);
  expect(serverNow()).toBe(NOON);
});
