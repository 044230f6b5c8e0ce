/** What stands at the ticks of the latency graph, as exact as they are apart. */

import { DAY_SECONDS } from './windows';

const MINUTE_SECONDS = 60;
/** Ticks that are at least so far apart stand at the beginnings of months. */
const MONTH_SECONDS = 30 * DAY_SECONDS;

const second = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const month = new Intl.DateTimeFormat('en-GB', { month: 'short' });
const monthOfYear = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric' });

/** Times of day, dates or months. A day begins with its date among times, and a year with its number among months. */
export function timeTicks(ticks: readonly number[], gap: number): string[] {
  const dates = ticks.map((at) => new Date(at * 1000));
  return dates.map((date, place) => formatOf(date, dates[place - 1], gap).format(date));
}

function formatOf(date: Date, before: Date | undefined, gap: number): Intl.DateTimeFormat {
  if (gap >= MONTH_SECONDS) {
    const isOfNewYear = before !== undefined && before.getFullYear() !== date.getFullYear();
    return isOfNewYear ? monthOfYear : month;
  }
  if (gap >= DAY_SECONDS || isMidnight(date)) return day;
  return gap >= MINUTE_SECONDS ? clock : second;
}

const isMidnight = (date: Date): boolean => new Date(date).setHours(0, 0, 0, 0) === date.getTime();

export const latencyTick = (ms: number): string =>
  ms >= 1000 ? `${ms / 1000} s` : `${Number(ms.toPrecision(3))} ms`;
