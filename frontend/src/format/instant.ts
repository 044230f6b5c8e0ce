/** Instants as people read them, in the time zone of the reader; days of UTC where what is told of is summed up by those. */

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const dayOfUtc = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const whole = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

/** `14:03:27`, with the day before it where it is not today. */
export function instant(at: Date, now: Date = new Date()): string {
  if (at.toDateString() === now.toDateString()) return clock.format(at);
  return `${dayOf(at, now)}, ${clock.format(at)}`;
}

/** `today`, else `21 Nov`, with the year where it is not this one. */
export function calendarDay(at: Date, now: Date = new Date()): string {
  if (at.toDateString() === now.toDateString()) return 'today';
  return dayOf(at, now);
}

/** The day of UTC in which an instant lies, as `21 Nov`, with the year where it is not this one. */
export function utcDay(at: Date, now: Date = new Date()): string {
  const year = at.getUTCFullYear() === now.getUTCFullYear() ? '' : ` ${at.getUTCFullYear()}`;
  return `${dayOfUtc.format(at)}${year}`;
}

function dayOf(at: Date, now: Date): string {
  const year = at.getFullYear() === now.getFullYear() ? '' : ` ${at.getFullYear()}`;
  return `${day.format(at)}${year}`;
}

/** Date, time and zone, without anything left out. */
export const exactInstant = (at: Date): string => whole.format(at);

/** Seconds from one instant to another. */
export const secondsBetween = (from: string | Date, to: string | Date | number): number =>
  (new Date(to).getTime() - new Date(from).getTime()) / 1000;
