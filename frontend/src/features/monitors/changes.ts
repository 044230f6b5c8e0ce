/** What is done to monitors, and what has to be asked again because of it. */

import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, data } from '@/api/client';
import { incidentsKey } from '@/api/keys';
import { problemOf } from '@/api/problem';
import type { Check, Monitor, MonitorChange, NewMonitor } from '@/api/types';
import { latency } from '@/format/duration';
import { STATUS } from '@/status/words';
import { note } from '@/ui/notes';
import { monitorKeys, monitorQuery } from './queries';

const askAgain = (client: QueryClient, id: string) =>
  Promise.all([
    client.invalidateQueries({ queryKey: monitorKeys.list }),
    client.invalidateQueries({ queryKey: monitorKeys.one(id) }),
    client.invalidateQueries({ queryKey: incidentsKey }),
  ]);

function noteProblem(error: unknown): void {
  const problem = problemOf(error);
  note({ tone: 'bad', title: problem.title, text: problem.detail ?? undefined });
}

export function useAddMonitor() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewMonitor) => data(api.POST('/api/v1/monitors', { body })),
    onSuccess: (monitor) => {
      client.setQueryData(monitorQuery(monitor.id).queryKey, monitor);
      return client.invalidateQueries({ queryKey: monitorKeys.list });
    },
  });
}

export function useChangeMonitor(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: MonitorChange) =>
      data(api.PATCH('/api/v1/monitors/{id}', { params: { path: { id } }, body })),
    onSuccess: (monitor) => {
      client.setQueryData(monitorQuery(id).queryKey, monitor);
      return askAgain(client, id);
    },
  });
}

/** Pauses what is active and resumes what is paused. */
export function useTogglePause(monitor: Pick<Monitor, 'id' | 'name' | 'is_active'>) {
  const change = useChangeMonitor(monitor.id);
  const resumes = !monitor.is_active;
  const toggle = () =>
    change.mutate(
      { is_active: resumes },
      {
        onSuccess: () =>
          note({ tone: 'plain', title: `${monitor.name} is ${resumes ? 'watched again' : 'paused'}` }),
        onError: noteProblem,
      },
    );
  return { toggle, isPending: change.isPending };
}

export function useCheckNow(monitor: Pick<Monitor, 'id' | 'name'>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.POST('/api/v1/monitors/{id}/check', { params: { path: { id: monitor.id } } })),
    onSuccess: (check) => {
      note({
        tone: check.status === 'UP' ? 'good' : 'bad',
        title: `${monitor.name}: ${outcome(check)}`,
        text: check.reason ?? undefined,
      });
      return askAgain(client, monitor.id);
    },
    onError: noteProblem,
  });
}

const outcome = (check: Check): string => `${STATUS[check.status].label} in ${latency(check.latency_ms)}`;

/** Deletes a monitor, leaves where it was shown, and forgets what was read about it. */
export function useDeleteMonitor(monitor: Pick<Monitor, 'id' | 'name'>, leave?: () => Promise<void>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.DELETE('/api/v1/monitors/{id}', { params: { path: { id: monitor.id } } })),
    onSuccess: async () => {
      note({ tone: 'plain', title: `${monitor.name} is deleted` });
      // A list that is just being read may have it still.
      await client.cancelQueries({ queryKey: monitorKeys.list });
      client.setQueryData(monitorKeys.list, (monitors: Monitor[] | undefined) =>
        monitors?.filter((other) => other.id !== monitor.id),
      );
      await leave?.();
      client.removeQueries({ queryKey: monitorKeys.one(monitor.id) });
      void client.invalidateQueries({ queryKey: monitorKeys.list });
      void client.invalidateQueries({ queryKey: incidentsKey });
    },
    onError: noteProblem,
  });
}
