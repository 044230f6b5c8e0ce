import { useSyncExternalStore } from 'react';
import { serverNow } from '@/clock/server';
import { duration } from '@/format/duration';
import { calendarDay, exactInstant, instant, secondsBetween, utcDay } from '@/format/instant';

/** How an instant is told: by its time, by its day alone where it is of a long time, or by its day of UTC. */
type By = 'time' | 'day' | 'utc-day';

const TOLD: Record<By, (at: Date) => string> = { time: instant, day: calendarDay, 'utc-day': utcDay };

/** An instant, short to read, exact for machines and on hovering. */
export function Instant({ at, by = 'time', className }: { at: string; by?: By; className?: string }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={exactInstant(date)} className={className}>
      {TOLD[by](date)}
    </time>
  );
}

const TICK_MS = 1000;
const listeners = new Set<() => void>();
let now = serverNow();
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for the whole page, which only runs while somebody looks at it. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now = serverNow();
    timer = setInterval(() => {
      now = serverNow();
      for (const each of listeners) each();
    }, TICK_MS);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** How long something has lasted, counting on. */
export function Elapsed({ since }: { since: string }) {
  const seconds = useSyncExternalStore(subscribe, () => Math.floor(secondsBetween(since, now)));
  return (
    <time dateTime={since} title={exactInstant(new Date(since))}>
      {duration(seconds)}
    </time>
  );
}
