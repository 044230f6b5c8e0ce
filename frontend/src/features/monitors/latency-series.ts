/** The lines of the latency graph: which percentiles, how they are drawn, and their points. */

import type { LatencyBucket } from '@/api/types';
import { instant, utcDay } from '@/format/instant';
import { DAY_SECONDS } from './windows';

/** Each line has a dash of its own, so that it is known without its colour. */
export const PERCENTILES = [
  { key: 'p50_ms', label: 'p50', token: 'accent', stroke: 'stroke-accent', width: 2, dash: [] },
  { key: 'p95_ms', label: 'p95', token: 'unknown', stroke: 'stroke-unknown', width: 1.5, dash: [6, 3] },
  { key: 'p99_ms', label: 'p99', token: 'lamp', stroke: 'stroke-lamp', width: 1.5, dash: [2, 2] },
] as const;

/** Where the lines stand at the end of the graph; nowhere, where the last stretch of it had no answer. */
export function latestOf(
  buckets: readonly LatencyBucket[],
  to: string,
  step: number,
): LatencyBucket | undefined {
  const latest = buckets.at(-1);
  // The stretch that has just begun may have no check yet.
  return latest && seconds(to) - seconds(latest.at) <= step * 2 ? latest : undefined;
}

/** Whether a stretch of the graph is so long that it is named by days: no time of day says anything about it. */
export const isOfDays = (step: number): boolean => step >= DAY_SECONDS;

/** When a stretch of the graph was: its days of UTC where it is made of such, else when it began. */
export function stretchName(from: Date, step: number, now: Date = new Date()): string {
  if (!isOfDays(step)) return instant(from, now);
  const last = new Date(Math.min(from.getTime() + step * 1000 - 1, now.getTime()));
  const days = [utcDay(from, now), utcDay(last, now)];
  return [...new Set(days)].join(' to ');
}

type Points = (number | null)[];

const seconds = (at: string): number => new Date(at).getTime() / 1000;

/** The points of the graph. Where buckets are missing the line breaks: nothing is known there. */
export function seriesOf(buckets: readonly LatencyBucket[], step: number): [number[], ...Points[]] {
  const at: number[] = [];
  const lines: Points[] = PERCENTILES.map(() => []);
  for (const bucket of buckets) {
    const before = at.at(-1);
    if (before !== undefined && seconds(bucket.at) - before > step * 1.5) {
      at.push(before + step);
      for (const line of lines) line.push(null);
    }
    at.push(seconds(bucket.at));
    PERCENTILES.forEach(({ key }, place) => {
      lines[place]?.push(bucket[key]);
    });
  }
  return [at, ...lines];
}
