/** What is asked about incidents. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, data } from '@/api/client';
import { incidentsKey } from '@/api/keys';
import { flat } from '@/api/pages';

const PAGE = 30;
const page = (cursor: string) => ({ limit: PAGE, ...(cursor && { cursor }) });

/** The incidents of the whole workspace, newest first. */
export const incidentsQuery = infiniteQueryOptions({
  queryKey: [...incidentsKey, 'all'],
  queryFn: ({ signal, pageParam }) =>
    data(api.GET('/api/v1/incidents', { params: { query: page(pageParam) }, signal })),
  initialPageParam: '',
  getNextPageParam: (last) => last.next_cursor,
  select: flat,
});

/** The incidents of one monitor, newest first. */
export const monitorIncidentsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: [...incidentsKey, 'of', id],
    queryFn: ({ signal, pageParam }) =>
      data(
        api.GET('/api/v1/monitors/{id}/incidents', {
          params: { path: { id }, query: page(pageParam) },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
    select: flat,
  });

/** One incident with its evidence and timeline. */
export const incidentQuery = (id: string) =>
  queryOptions({
    queryKey: [...incidentsKey, 'one', id],
    queryFn: ({ signal }) => data(api.GET('/api/v1/incidents/{id}', { params: { path: { id } }, signal })),
  });
