/** Lays what the stream of events tells over what is in the cache, so that the page shows it at once. */

import type { QueryClient } from '@tanstack/react-query';
import type { CheckEvent, FlipEvent, Monitor } from '@/api/types';
import { monitorKeys, monitorQuery, RECENT_CHECKS } from './queries';

function change(client: QueryClient, id: string, patch: (monitor: Monitor) => Monitor): void {
  client.setQueryData<Monitor[]>(monitorKeys.list, (monitors) =>
    monitors?.map((monitor) => (monitor.id === id ? patch(monitor) : monitor)),
  );
  client.setQueryData<Monitor>(monitorQuery(id).queryKey, (monitor) => monitor && patch(monitor));
}

/** A monitor after a check. What is older than its last check, or known already, changes nothing. */
export function afterCheck(monitor: Monitor, { check }: CheckEvent): Monitor {
  const isNews = !monitor.last_check || monitor.last_check.slot < check.slot;
  if (!isNews) return monitor;
  const { slot, status, latency_ms, origin } = check;
  const recent = monitor.recent_checks && {
    recent_checks: [{ slot, status, latency_ms, origin }, ...monitor.recent_checks].slice(0, RECENT_CHECKS),
  };
  return { ...monitor, last_check: check, ...recent };
}

export const afterFlip = (monitor: Monitor, flip: FlipEvent): Monitor => ({
  ...monitor,
  status: flip.to,
  status_since: flip.at,
});

export const layCheckOver = (client: QueryClient, event: CheckEvent): void =>
  change(client, event.monitor_id, (monitor) => afterCheck(monitor, event));

export const layFlipOver = (client: QueryClient, event: FlipEvent): void =>
  change(client, event.monitor_id, (monitor) => afterFlip(monitor, event));

/** What a monitor is called, where the cache knows it. */
export function knownName(client: QueryClient, id: string): string | undefined {
  const known = client.getQueryData(monitorQuery(id).queryKey);
  return (known ?? client.getQueryData<Monitor[]>(monitorKeys.list)?.find((monitor) => monitor.id === id))
    ?.name;
}
