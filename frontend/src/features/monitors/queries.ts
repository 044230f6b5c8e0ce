/** What is asked about monitors. Windows end at the moment of asking, so they are known by name and not by instants. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, data } from '@/api/client';
import { flat } from '@/api/pages';
import type { CheckStatus, Monitor } from '@/api/types';
import { RECENT_CHECKS, withNews } from './news';
import { graphSpan, type WindowName, windowUntilNow } from './windows';

/** What the stream of events does not carry (uptime, missed slots) is asked for again at this pace. */
const REFRESH_MS = 60_000;
/** The longest page that the API gives. */
const PAGE = 500;
const LOG_PAGE = 25;

export const monitorKeys = {
  list: ['monitors'] as const,
  one: (id: string) => ['monitor', id] as const,
};

/** All monitors of the workspace: the summary counts every one, so every page is read (the server bounds their number). */
export const monitorsQuery = queryOptions({
  queryKey: monitorKeys.list,
  queryFn: ({ signal }) => withNews(() => readAll(signal)),
  refetchInterval: REFRESH_MS,
});

async function readAll(signal: AbortSignal): Promise<Monitor[]> {
  const monitors: Monitor[] = [];
  let cursor: string | null | undefined;
  do {
    const query = { limit: PAGE, recent: RECENT_CHECKS, ...(cursor && { cursor }) };
    const page = await data(api.GET('/api/v1/monitors', { params: { query }, signal }));
    monitors.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return monitors;
}

export const monitorQuery = (id: string) =>
  queryOptions({
    queryKey: [...monitorKeys.one(id), 'settings'],
    queryFn: ({ signal }) =>
      withNews(() => data(api.GET('/api/v1/monitors/{id}', { params: { path: { id } }, signal }))),
    refetchInterval: REFRESH_MS,
  });

/** The uptime of all its windows, as of one moment. */
export const uptimesQuery = (id: string) =>
  queryOptions({
    queryKey: [...monitorKeys.one(id), 'uptimes'],
    queryFn: async ({ signal }) => {
      const path = { id };
      const { items } = await data(api.GET('/api/v1/monitors/{id}/uptimes', { params: { path }, signal }));
      return items;
    },
    refetchInterval: REFRESH_MS,
  });

type Graphed = Pick<Monitor, 'id' | 'created_at' | 'interval_seconds'>;

export const latencyQuery = (monitor: Graphed, window: WindowName) =>
  queryOptions({
    queryKey: [...monitorKeys.one(monitor.id), 'latency', window],
    queryFn: async ({ signal }) => {
      const span = graphSpan(window, monitor);
      const query = { from: span.from, step: span.step };
      const path = { id: monitor.id };
      const { items } = await data(
        api.GET('/api/v1/monitors/{id}/latency', { params: { path, query }, signal }),
      );
      return { ...span, buckets: items };
    },
    refetchInterval: REFRESH_MS,
  });

export const historyQuery = (id: string, window: WindowName) =>
  queryOptions({
    queryKey: [...monitorKeys.one(id), 'history', window],
    queryFn: async ({ signal }) => {
      const query = windowUntilNow(window);
      const { items } = await data(
        api.GET('/api/v1/monitors/{id}/history', { params: { path: { id }, query }, signal }),
      );
      return items;
    },
    refetchInterval: REFRESH_MS,
  });

export const slotsQuery = (id: string, window: WindowName) =>
  queryOptions({
    queryKey: [...monitorKeys.one(id), 'slots', window],
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/monitors/{id}/slots', {
          params: { path: { id }, query: windowUntilNow(window) },
          signal,
        }),
      ),
    refetchInterval: REFRESH_MS,
  });

export const gapsQuery = (id: string, window: WindowName) =>
  infiniteQueryOptions({
    queryKey: [...monitorKeys.one(id), 'gaps', window],
    queryFn: ({ signal, pageParam }) => {
      const query = { ...windowUntilNow(window), ...(pageParam && { cursor: pageParam }) };
      return data(api.GET('/api/v1/monitors/{id}/gaps', { params: { path: { id }, query }, signal }));
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
    select: flat,
    refetchInterval: REFRESH_MS,
  });

export const checksQuery = (id: string, window: WindowName, status: CheckStatus | undefined) =>
  infiniteQueryOptions({
    queryKey: [...monitorKeys.one(id), 'checks', window, status ?? 'all'],
    queryFn: ({ signal, pageParam }) => {
      const query = {
        ...windowUntilNow(window),
        limit: LOG_PAGE,
        ...(status && { status }),
        ...(pageParam && { cursor: pageParam }),
      };
      return data(api.GET('/api/v1/monitors/{id}/checks', { params: { path: { id }, query }, signal }));
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
    select: flat,
    // The page stays as long as it was. Whatever names the window waits for the answer.
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  });
