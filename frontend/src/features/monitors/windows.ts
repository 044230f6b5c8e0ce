/** The windows of time over which a monitor's page looks back. */

import type { Monitor } from '@/api/types';
import { serverNow } from '@/clock/server';

const HOUR_SECONDS = 3_600;
export const DAY_SECONDS = 86_400;

export const WINDOWS = {
  '1h': { label: '1 h', words: 'the last hour', seconds: HOUR_SECONDS },
  '24h': { label: '24 h', words: 'the last 24 hours', seconds: DAY_SECONDS },
  '7d': { label: '7 d', words: 'the last 7 days', seconds: 7 * DAY_SECONDS },
  '30d': { label: '30 d', words: 'the last 30 days', seconds: 30 * DAY_SECONDS },
  '90d': { label: '90 d', words: 'the last 90 days', seconds: 90 * DAY_SECONDS },
  '1y': { label: '1 y', words: 'the last year', seconds: 365 * DAY_SECONDS },
} as const;

export type WindowName = keyof typeof WINDOWS;

export const WINDOW_NAMES = Object.keys(WINDOWS) as WindowName[];

/** A window that ends now, as the API takes it, by the server's clock. */
export const windowUntilNow = (name: WindowName, now: number = serverNow()): { from: string } => ({
  from: new Date(now - WINDOWS[name].seconds * 1000).toISOString(),
});

type Lived = Pick<Monitor, 'created_at'>;

/** Where a window that ends now begins, as far as the monitor was alive in it. */
const beginning = (name: WindowName, { created_at }: Lived, now: number): number =>
  Math.max(Date.parse(windowUntilNow(name, now).from), Date.parse(created_at));

/** The windows of which a monitor's uptime is told. */
const UPTIME_WINDOWS: readonly WindowName[] = ['24h', '7d', '30d', '90d', '1y'];

/**
 * Of windows that end at one moment, each longer than the one before, those that tell something of their own: the first that
 * holds the monitor's whole life is the last of them, since all longer ones would only repeat it.
 */
export const withoutRepeats = <Window extends { from: string | number }>(
  windows: readonly Window[],
): Window[] => windows.filter(({ from }, place) => from !== windows[place - 1]?.from);

/** The windows of uptime that tell something of their own about a monitor of this age. */
export const uptimeWindows = (monitor: Lived, now: number = serverNow()): WindowName[] =>
  withoutRepeats(UPTIME_WINDOWS.map((name) => ({ name, from: beginning(name, monitor, now) }))).map(
    ({ name }) => name,
  );

/** What a window of so many days is called. */
export function windowOfDays(days: number): { label: string; words: string } {
  const name = WINDOW_NAMES.find((each) => WINDOWS[each].seconds === days * DAY_SECONDS);
  return name ? WINDOWS[name] : { label: `${days} d`, words: `the last ${days} days` };
}

/** The window that shows a monitor best where none was chosen: a day, or the hour in which it was made. */
export const defaultWindow = ({ created_at }: Lived, now: number = serverNow()): WindowName =>
  now - Date.parse(created_at) < WINDOWS['1h'].seconds * 1000 ? '1h' : '24h';

/** So many points a graph has at the most: more cannot be told apart on a screen of usual width. */
const MAX_POINTS = 96;

/** What stretches about this long are made of: whole hours or days of UTC, so that each has a name and is summed up already. */
const unitOf = (seconds: number): number =>
  [DAY_SECONDS, HOUR_SECONDS].find((each) => seconds > each / 2) ?? 1;

/**
 * The part of a window in which a monitor was alive, and how long a stretch of its graph is: at least one check long. It
 * begins where a whole unit of its stretches does.
 */
export function graphSpan(
  window: WindowName,
  monitor: Pick<Monitor, 'created_at' | 'interval_seconds'>,
  now: number = serverNow(),
): { from: string; to: string; step: number } {
  const begun = beginning(window, monitor, now);
  const shortest = (now - begun) / 1000 / MAX_POINTS;
  const unit = unitOf(shortest);
  const step = Math.max(monitor.interval_seconds, Math.ceil(shortest / unit) * unit);
  const from = unit === 1 ? begun : Math.floor(begun / 1000 / unit) * unit * 1000;
  return { from: new Date(from).toISOString(), to: new Date(now).toISOString(), step };
}
