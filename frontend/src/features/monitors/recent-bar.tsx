import clsx from 'clsx';
import type { RecentCheck } from '@/api/types';
import { latency } from '@/format/duration';
import { instant } from '@/format/instant';
import { CHECK_STATUSES, STATUS } from '@/status/words';
import { RECENT_CHECKS } from './news';

const SHORTEST = 0.25;

/** As high as it was slow; a failure always reaches the top, so that it is seen without its colour. */
function height(check: RecentCheck, slowest: number): number {
  if (check.status === 'DOWN') return 1;
  return SHORTEST + (1 - SHORTEST) * 0.75 * (check.latency_ms / slowest);
}

const named = (checks: readonly RecentCheck[]): string => {
  const count = (status: RecentCheck['status']) => checks.filter((check) => check.status === status).length;
  const parts = CHECK_STATUSES.map((status) => [count(status), STATUS[status].label.toLowerCase()] as const);
  return parts.flatMap(([n, label]) => (n > 0 ? [`${n} ${label}`] : [])).join(', ');
};

/** The recent checks of a monitor as a bar, the newest on the right; its height is the latency. */
export function RecentBar({ checks }: { checks: readonly RecentCheck[] }) {
  const slowest = Math.max(1, ...checks.map((check) => check.latency_ms));
  const last = checks.length === 1 ? 'Last check' : `Last ${checks.length} checks`;
  const label = checks.length === 0 ? 'No checks yet' : `${last}: ${named(checks)}`;
  return (
    <div role="img" aria-label={label} className="flex h-8 items-end justify-end gap-px">
      {Array.from({ length: RECENT_CHECKS - checks.length }, (_, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: empty places are alike and never move.
        <span key={place} className="h-1 w-full rounded-xs bg-line md:max-w-1.5" />
      ))}
      {[...checks].reverse().map((check) => (
        <span
          key={check.slot}
          title={`${STATUS[check.status].label}, ${latency(check.latency_ms)}, ${instant(new Date(check.slot))}`}
          style={{ height: `${height(check, slowest) * 100}%` }}
          className={clsx('w-full rounded-xs md:max-w-1.5', STATUS[check.status].fill)}
        />
      ))}
    </div>
  );
}
