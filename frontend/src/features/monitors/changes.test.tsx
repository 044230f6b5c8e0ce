import { QueryClient, QueryClientProvider, QueryObserver } from '@tanstack/react-query';
import { renderHook, waitFor } from '@testing-library/react';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Monitor } from '@/api/types';
import { monitor } from '@/testing/examples';
import { useDeleteMonitor } from './changes';
import { monitorKeys, monitorQuery } from './queries';

const shop = monitor();
const server = setupServer(
  http.delete(
    `http://localhost:3000/api/v1/monitors/${shop.id}`,
    () => new HttpResponse(null, { status: 204 }),
  ),
);
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterAll(() => server.close());

test('a monitor that was deleted does not come back with a reading that was under way', async () => {
  const client = new QueryClient();
  const answers: ((monitors: Monitor[]) => void)[] = [];
  const list = new QueryObserver(client, {
    queryKey: monitorKeys.list,
    // The signal is taken, as by a real reading, so that this one can be cancelled.
    queryFn: ({ signal }) => new Promise<Monitor[]>((resolve) => void (signal && answers.push(resolve))),
    initialData: [shop],
  });
  const shown: string[][] = [];
  const stop = list.subscribe(({ data }) => void shown.push((data ?? []).map(({ id }) => id)));
  client.setQueryData(monitorQuery(shop.id).queryKey, shop);
  const { result } = renderHook(() => useDeleteMonitor(shop), {
    wrapper: ({ children }) => <QueryClientProvider client={client}>{children}</QueryClientProvider>,
  });
  await result.current.mutateAsync();
  expect(client.getQueryData(monitorQuery(shop.id).queryKey)).toBeUndefined();
  await waitFor(() => expect(answers).toHaveLength(2));
  answers[0]?.([shop]);
  answers[1]?.([]);
  await waitFor(() => expect(client.isFetching()).toBe(0));
  expect(client.getQueryData(monitorKeys.list)).toEqual([]);
  const leftAt = shown.findIndex((ids) => ids.length === 0);
  expect(shown.slice(leftAt).flat()).toEqual([]);
  stop();
});
