import { InfiniteQueryObserver, QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { monitorKeys } from '@/features/monitors/queries';
import { check, monitor } from '@/testing/examples';
import { REREAD_MS, Rereading } from './rereading';

let client: QueryClient;
let rereading: Rereading;

beforeEach(() => {
  vi.useFakeTimers();
  client = new QueryClient();
  rereading = new Rereading(client);
});
afterEach(() => {
  rereading.stop();
  client.clear();
  vi.useRealTimers();
});

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a reading that takes longer than events are apart comes to its end, and one more follows the last event', async () => {
  const signals: AbortSignal[] = [];
  let ended = 0;
  const observer = new QueryObserver(client, {
    queryKey: [...monitorKeys.one('shop'), 'uptime'],
    queryFn: async ({ signal }) => {
      signals.push(signal);
      await later(REREAD_MS * 1.5);
      ended += 1;
      return ended;
    },
  });
  const stop = observer.subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(REREAD_MS * 1.5);
  for (let events = 0; events < 20; events += 1) {
    rereading.addMonitor('shop');
    await vi.advanceTimersByTimeAsync(REREAD_MS / 4);
  }
  const duringEvents = ended;
  await vi.advanceTimersByTimeAsync(REREAD_MS * 5);
  expect(duringEvents).toBeGreaterThan(1);
  expect(signals.some(({ aborted }) => aborted)).toBe(false);
  const afterEvents = ended;
  await vi.advanceTimersByTimeAsync(REREAD_MS * 10);
  expect(ended).toBe(afterEvents);
  stop();
});

test('a list whose older pages were asked for is not read again page by page with each event', async () => {
  const read = vi.fn(async ({ pageParam }: { pageParam: number }) => pageParam);
  const observer = new InfiniteQueryObserver(client, {
    queryKey: [...monitorKeys.one('shop'), 'checks'],
    queryFn: read,
    initialPageParam: 0,
    getNextPageParam: (page: number) => page + 1,
  });
  const stop = observer.subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(0);
  rereading.addMonitor('shop');
  await vi.advanceTimersByTimeAsync(REREAD_MS);
  expect(read).toHaveBeenCalledTimes(2);
  await observer.fetchNextPage();
  rereading.addMonitor('shop');
  await vi.advanceTimersByTimeAsync(REREAD_MS);
  expect(read).toHaveBeenCalledTimes(3);
  stop();
});

test('a list that is being read is not begun again for what it shows at odds', async () => {
  const ids = Array.from({ length: 30 }, (_, n) => `monitor ${n}`);
  const odd = ids.map((id) => monitor({ id, status: 'UP', last_check: check({ status: 'DOWN' }) }));
  const signals: AbortSignal[] = [];
  const observer = new QueryObserver(client, {
    queryKey: monitorKeys.list,
    queryFn: async ({ signal }) => {
      signals.push(signal);
      await later(REREAD_MS * 3);
      return odd;
    },
    initialData: odd,
  });
  const stop = observer.subscribe(() => undefined);
  for (const id of ids) rereading.addMonitor(id);
  await vi.advanceTimersByTimeAsync(REREAD_MS * 2.5);
  expect(signals).toHaveLength(1);
  expect(signals[0]?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(REREAD_MS * 1.5);
  expect(signals).toHaveLength(2);
  stop();
});
