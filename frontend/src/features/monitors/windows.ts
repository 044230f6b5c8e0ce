/** The windows of time over which a monitor's page looks back. */

import type { Monitor } from '@/api/types';
import { serverNow } from '@/clock/server';

export const WINDOWS = {
  '1h': { label: '1 h', words: 'the last hour', seconds: 3_600 },
  '24h': { label: '24 h', words: 'the last 24 hours', seconds: 86_400 },
  '7d': { label: '7 d', words: 'the last 7 days', seconds: 604_800 },
  '30d': { label: '30 d', words: 'the last 30 days', seconds: 2_592_000 },
} as const;

export type WindowName = keyof typeof WINDOWS;

export const WINDOW_NAMES = Object.keys(WINDOWS) as WindowName[];

/** A window that ends now, as the API takes it, by the server's clock. */
export const windowUntilNow = (name: WindowName, now: number = serverNow()): { from: string } => ({
  from: new Date(now - WINDOWS[name].seconds * 1000).toISOString(),
});

/** The window that shows a monitor best where none was chosen: a day, or the hour in which it was made. */
export const defaultWindow = (
  { created_at }: Pick<Monitor, 'created_at'>,
  now: number = serverNow(),
): WindowName => (now - Date.parse(created_at) < WINDOWS['1h'].seconds * 1000 ? '1h' : '24h');

/** So many points a graph has at the most: more cannot be told apart on a screen of usual width. */
const MAX_POINTS = 96;

/** The part of a window in which a monitor was alive, and how long a stretch of its graph is: at least one check long. */
export function graphSpan(
  window: WindowName,
  { created_at, interval_seconds }: Pick<Monitor, 'created_at' | 'interval_seconds'>,
  now: number = serverNow(),
): { from: string; to: string; step: number } {
  const from = Math.max(Date.parse(windowUntilNow(window, now).from), Date.parse(created_at));
  const step = Math.max(interval_seconds, Math.ceil((now - from) / 1000 / MAX_POINTS));
  return { from: new Date(from).toISOString(), to: new Date(now).toISOString(), step };
}
