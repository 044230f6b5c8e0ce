/** Durations as people read them: at most two units, the smaller one dropped where it is nothing. */

const UNITS = [
  { seconds: 86_400, short: 'd', long: 'day' },
  { seconds: 3_600, short: 'h', long: 'hour' },
  { seconds: 60, short: 'min', long: 'minute' },
  { seconds: 1, short: 's', long: 'second' },
] as const;

type Part = { count: number; unit: (typeof UNITS)[number] };

function parts(seconds: number): Part[] {
  let rest = Math.max(0, Math.round(seconds));
  const all = UNITS.map((unit) => {
    const count = Math.floor(rest / unit.seconds);
    rest -= count * unit.seconds;
    return { count, unit };
  });
  const first = all.findIndex((part) => part.count > 0);
  if (first < 0) return all.slice(-1);
  return all.slice(first, first + 2).filter((part) => part.count > 0);
}

/** `3 h 12 min` */
export const duration = (seconds: number): string =>
  parts(seconds)
    .map(({ count, unit }) => `${count} ${unit.short}`)
    .join(' ');

/** `3 hours 12 minutes`, for prose and for screen readers. */
export const durationInWords = (seconds: number): string =>
  parts(seconds)
    .map(({ count, unit }) => `${count} ${unit.long}${count === 1 ? '' : 's'}`)
    .join(' ');

/** A latency with three significant digits: `0.42 ms`, `85.1 ms`, `1.24 s`. */
export function latency(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 1 : 2)} s`;
  return `${ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : 2)} ms`;
}
