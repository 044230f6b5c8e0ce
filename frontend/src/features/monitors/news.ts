/**
 * What the stream of events tells about a monitor, as changes of what was read.
 *
 * A reading that was asked for before something happened may be answered after the event that told of it, and would take
 * the news back. Therefore whatever is told while a reading is under way is laid over its answer.
 */

import type { CheckEvent, FlipEvent, Monitor } from '@/api/types';

/** The checks of the small bar beside each monitor. */
export const RECENT_CHECKS = 30;

/** So many of the newest events are kept for a reading that is under way. A later reading shows whatever was dropped. */
const MAX_KEPT = 5_000;

/** What is told about one monitor, as the change that it makes. */
export type News = { id: string; patch: (monitor: Monitor) => Monitor };

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

/** A monitor after a flip. A flip that is older than the status it has changes nothing. */
export const afterFlip = (monitor: Monitor, { to, at }: FlipEvent): Monitor =>
  at < monitor.status_since ? monitor : { ...monitor, status: to, status_since: at };

export const checkNews = (event: CheckEvent): News => ({
  id: event.monitor_id,
  patch: (monitor) => afterCheck(monitor, event),
});

export const flipNews = (event: FlipEvent): News => ({
  id: event.monitor_id,
  patch: (monitor) => afterFlip(monitor, event),
});

const underWay = new Set<News[]>();

/** Keeps the news for the readings that are under way. */
export function tellReadings(news: readonly News[]): void {
  for (const kept of underWay) {
    kept.push(...news);
    kept.splice(0, kept.length - MAX_KEPT);
  }
}

/** Reads one monitor or many, and lays over them what was told meanwhile. */
export async function withNews<Read extends Monitor | Monitor[]>(read: () => Promise<Read>): Promise<Read> {
  const kept: News[] = [];
  underWay.add(kept);
  try {
    const answer = await read();
    return (Array.isArray(answer) ? layOver(answer, kept) : layOver([answer], kept)[0]) as Read;
  } finally {
    underWay.delete(kept);
  }
}

/** These monitors with the news, in the order in which they were told. */
export function layOver(monitors: readonly Monitor[], news: readonly News[]): Monitor[] {
  const known = new Map(monitors.map((monitor) => [monitor.id, monitor]));
  for (const { id, patch } of news) {
    const monitor = known.get(id);
    if (monitor) known.set(id, patch(monitor));
  }
  return [...known.values()];
}
