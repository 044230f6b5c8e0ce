/** Which monitors of the list are shown, and in which order. */

import type { Monitor, MonitorStatus } from '@/api/types';
import { STATUSES, urgency } from '@/status/words';

export type Selection = { status?: MonitorStatus | undefined; q?: string | undefined };

/** One for all comparisons: thousands of monitors are sorted with each change that is shown. */
const alphabet = new Intl.Collator();

/** The monitors that match, what needs attention first, then by name. */
export function select(monitors: readonly Monitor[], { status, q }: Selection): Monitor[] {
  const wanted = q?.trim().toLowerCase() ?? '';
  const matches = (monitor: Monitor) =>
    (!status || monitor.status === status) &&
    (monitor.name.toLowerCase().includes(wanted) || monitor.target.url.toLowerCase().includes(wanted));
  return monitors
    .filter(matches)
    .sort(
      (a, b) =>
        urgency(a.status) - urgency(b.status) || alphabet.compare(a.name, b.name) || (a.id < b.id ? -1 : 1),
    );
}

/** How many monitors have each status; statuses that nobody has are left out, but `UP` and `DOWN` always stand. */
export function tally(monitors: readonly Monitor[]): { status: MonitorStatus; count: number }[] {
  return STATUSES.map((status) => ({
    status,
    count: monitors.filter((monitor) => monitor.status === status).length,
  })).filter(({ status, count }) => count > 0 || status === 'UP' || status === 'DOWN');
}
