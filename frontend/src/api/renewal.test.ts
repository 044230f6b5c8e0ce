import { beforeEach, expect, test, vi } from 'vitest';
import { ANSWER_MS, afterEarlierRenewals, patience } from '@/api/renewal';

beforeEach(() => localStorage.clear());

test('a renewal whose page was left is given the rest of its time', () => {
  expect(patience('1000', 1500)).toBe(ANSWER_MS - 500);
  expect(patience('1000', 1000 + ANSWER_MS)).toBe(0);
});

test('no note, a strange note, and a note from the future keep nobody waiting', () => {
  expect([patience(null, 1000), patience('soon', 1000), patience('5000', 1000)]).toEqual([0, 0, 0]);
});

test('a renewal that was answered does not keep the next one waiting', async () => {
  await afterEarlierRenewals(async () => undefined);
  const renew = vi.fn(async () => undefined);
  vi.useFakeTimers();
  const renewal = afterEarlierRenewals(renew);
  await vi.advanceTimersByTimeAsync(0);
  vi.useRealTimers();
  expect(renew).toHaveBeenCalledOnce();
  await renewal;
});

test.each([
  ['left', () => new Promise<void>(() => undefined)],
  ['broken off', () => Promise.reject(new Error('aborted'))],
])('a renewal that was %s is waited for by the next one', async (_, unanswered) => {
  vi.useFakeTimers();
  void afterEarlierRenewals(unanswered).catch(() => undefined);
  const renew = vi.fn(async () => undefined);
  const renewal = afterEarlierRenewals(renew);
  await vi.advanceTimersByTimeAsync(ANSWER_MS - 1);
  expect(renew).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(renew).toHaveBeenCalledOnce();
  await renewal;
  vi.useRealTimers();
});

test('of two that waited for the same renewal, one waits for the other', async () => {
  vi.useFakeTimers();
  void afterEarlierRenewals(() => new Promise<void>(() => undefined));
  let running = 0;
  let most = 0;
  const renew = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    running -= 1;
  };
  const both = Promise.all([afterEarlierRenewals(renew), afterEarlierRenewals(renew)]);
  await vi.advanceTimersByTimeAsync(3 * ANSWER_MS);
  await both;
  expect(most).toBe(1);
  vi.useRealTimers();
});

test('a page that is loaded while the server takes its time shows the token of the answer', async () => {
  vi.useFakeTimers();
  let [cookie, current] = [1, 1];
  const renew = async () => {
    const shown = cookie;
    if (shown !== current) throw new Error('stolen');
    current += 1;
    const replaced = current;
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    cookie = replaced;
  };
  void afterEarlierRenewals(() => {
    void renew();
    return new Promise<void>(() => undefined);
  });
  await vi.advanceTimersByTimeAsync(1_000);
  const renewal = afterEarlierRenewals(renew);
  await vi.advanceTimersByTimeAsync(20_000);
  await expect(renewal).resolves.toBeUndefined();
  vi.useRealTimers();
});
