import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LEASE_MS, type Lease, type LeaseStore, PATIENCE_MS, withLease } from '@/api/lease';
import { problemOf } from '@/api/problem';

let lease: Lease | null;
/** One store that both tabs see, and that takes its time. */
const store: LeaseStore = async (change) => {
  await Promise.resolve();
  lease = change(lease);
  return lease;
};

beforeEach(() => {
  lease = null;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const lasting = (ms: number) => () => new Promise<void>((resolve) => setTimeout(resolve, ms));

test('two tabs never run at the same time, however long each takes', async () => {
  let running = 0;
  let most = 0;
  const task = async () => {
    running += 1;
    most = Math.max(most, running);
    await lasting(LEASE_MS * 3)();
    running -= 1;
  };
  const tabs = Promise.all([withLease(store, 'one', task), withLease(store, 'two', task)]);
  await vi.advanceTimersByTimeAsync(LEASE_MS * 7);
  await tabs;
  expect(most).toBe(1);
});

test('the next tab has its turn as soon as the first is done, also with a task that fails', async () => {
  const failing = withLease(store, 'one', () => Promise.reject(new Error('503'))).catch((error) => error);
  const next = vi.fn(async () => 'renewed');
  const second = withLease(store, 'two', next);
  await vi.advanceTimersByTimeAsync(100);
  expect(next).toHaveBeenCalledOnce();
  expect(await second).toBe('renewed');
  expect(await failing).toEqual(new Error('503'));
  expect(lease).toBeNull();
});

test('a tab that is gone keeps its turn until the lease has run out', async () => {
  lease = { owner: 'gone', until: Date.now() + LEASE_MS };
  const task = vi.fn(async () => undefined);
  const turn = withLease(store, 'two', task);
  await vi.advanceTimersByTimeAsync(LEASE_MS - 100);
  expect(task).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  await turn;
  expect(task).toHaveBeenCalledOnce();
});

test('a lease from before the clock was set back keeps nobody waiting', async () => {
  lease = { owner: 'gone', until: Date.now() + LEASE_MS + 60_000 };
  expect(await withLease(store, 'two', async () => 'renewed')).toBe('renewed');
});

test('a turn that does not come is given up', async () => {
  const endless: LeaseStore = async (change) => change({ owner: 'one', until: Date.now() + LEASE_MS });
  const task = vi.fn(async () => undefined);
  const turn = withLease(endless, 'two', task).catch((error: unknown) => problemOf(error).code);
  await vi.advanceTimersByTimeAsync(PATIENCE_MS + 1_000);
  expect(await turn).toBe('no_turn');
  expect(task).not.toHaveBeenCalled();
});

test('where storage is blocked the task runs all the same', async () => {
  const blocked: LeaseStore = () => Promise.reject(new Error('blocked'));
  expect(await withLease(blocked, 'one', async () => 'renewed')).toBe('renewed');
});
