import { QueryClient } from '@tanstack/react-query';
import { expect, test, vi } from 'vitest';
import type { Monitor } from '@/api/types';
import { check, monitor } from '@/testing/examples';
import { afterCheck, afterFlip, checkNews, flipNews, RECENT_CHECKS, withNews } from './news';
import { layNewsOver } from './patch';
import { monitorKeys, monitorQuery } from './queries';

const later = check({ slot: '2026-11-22T12:01:00.000000Z', latency_ms: 50 });

test('a check becomes the last one and the newest of the bar', () => {
  const after = afterCheck(monitor({ recent_checks: [] }), { monitor_id: 'm', check: later });
  expect(after.last_check).toBe(later);
  expect(after.recent_checks).toEqual([
    { slot: later.slot, status: 'UP', latency_ms: 50, origin: 'scheduled' },
  ]);
});

test('a check that is known already, or older, changes nothing', () => {
  const before = monitor({ last_check: later });
  expect(afterCheck(before, { monitor_id: 'm', check: later })).toBe(before);
  expect(afterCheck(before, { monitor_id: 'm', check: check() })).toBe(before);
});

test('a flip that is older than the status changes nothing', () => {
  const before = monitor({ status: 'UP', status_since: later.slot });
  const flip = { monitor_id: 'm', from: 'UP', to: 'DOWN', at: check().slot, reason: null } as const;
  expect(afterFlip(before, flip)).toBe(before);
});

test('the bar keeps its length', () => {
  const one = { slot: 's', status: 'UP', latency_ms: 1, origin: 'scheduled' } as const;
  const full = monitor({ recent_checks: Array.from({ length: RECENT_CHECKS }, () => one) });
  expect(afterCheck(full, { monitor_id: 'm', check: later }).recent_checks).toHaveLength(RECENT_CHECKS);
});

test('events change their own monitor in the list and on its page, and no other', () => {
  const client = new QueryClient();
  const [shop, mail] = [monitor({ id: 'shop' }), monitor({ id: 'mail' })];
  client.setQueryData(monitorKeys.list, [shop, mail]);
  client.setQueryData(monitorQuery('shop').queryKey, shop);
  const changes = vi.fn();
  client.getQueryCache().subscribe(({ type, query }) => {
    if (type === 'updated' && query.queryKey === monitorKeys.list) changes();
  });
  layNewsOver(client, [
    flipNews({
      monitor_id: 'shop',
      from: 'UP',
      to: 'DOWN',
      at: later.slot,
      reason: 'the answer was 503',
    }),
    checkNews({ monitor_id: 'shop', check: later }),
  ]);
  expect(changes, 'the list is changed once, however much is told').toHaveBeenCalledOnce();
  const expected = { status: 'DOWN', status_since: later.slot, last_check: later };
  expect(client.getQueryData(monitorQuery('shop').queryKey)).toMatchObject(expected);
  const [listedShop, listedMail] = client.getQueryData<Monitor[]>(monitorKeys.list) ?? [];
  expect(listedShop).toMatchObject({ ...expected, recent_checks: [{ slot: later.slot }] });
  expect(listedMail).toBe(mail);
});

test('an event about what was never read makes nothing up', () => {
  const client = new QueryClient();
  layNewsOver(client, [checkNews({ monitor_id: 'shop', check: later })]);
  expect(client.getQueryData(monitorKeys.list)).toBeUndefined();
});

test('what is told while a reading is under way is not taken back by its older answer', async () => {
  const client = new QueryClient();
  const [shop, mail] = [monitor({ id: 'shop' }), monitor({ id: 'mail' })];
  let answer: (monitors: Monitor[]) => void = () => undefined;
  const reading = client.query({
    queryKey: monitorKeys.list,
    queryFn: () => withNews(() => new Promise<Monitor[]>((resolve) => (answer = resolve))),
  });
  const readingOne = withNews(async () => shop);
  const down = { monitor_id: 'shop', from: 'UP', to: 'DOWN', at: later.slot, reason: null } as const;
  layNewsOver(client, [checkNews({ monitor_id: 'shop', check: later }), flipNews(down)]);
  answer([shop, mail]);
  const expected = { status: 'DOWN', status_since: later.slot, last_check: later };
  await reading;
  const [listedShop, listedMail] = client.getQueryData<Monitor[]>(monitorKeys.list) ?? [];
  expect(listedShop).toMatchObject(expected);
  expect(listedMail).toBe(mail);
  expect(await readingOne).toMatchObject(expected);
  expect(await withNews(async () => shop)).toBe(shop);
});

test('what is told does not make a reading look younger than it is', () => {
  const client = new QueryClient();
  client.setQueryData(monitorKeys.list, [monitor({ id: 'shop' })], { updatedAt: 1_000 });
  layNewsOver(client, [checkNews({ monitor_id: 'shop', check: later })]);
  expect(client.getQueryState(monitorKeys.list)?.dataUpdatedAt).toBe(1_000);
});

test('a reading that is to be asked for again stays that, whatever is told', async () => {
  const client = new QueryClient();
  client.setQueryData(monitorKeys.list, [monitor({ id: 'shop' })]);
  await client.invalidateQueries({ queryKey: monitorKeys.list });
  layNewsOver(client, [checkNews({ monitor_id: 'shop', check: later })]);
  const read = vi.fn(async () => []);
  await client.query({ queryKey: monitorKeys.list, queryFn: read, staleTime: 60_000 });
  expect(read).toHaveBeenCalledOnce();
});
