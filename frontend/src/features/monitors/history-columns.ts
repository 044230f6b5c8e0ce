/** The bar of the status history: as many columns as can be told apart, however many spans there are. */

import type { StatusSpan } from '@/api/types';
import { secondsBetween } from '@/format/instant';
import { urgency } from '@/status/words';

/** So many columns the bar has. */
export const COLUMNS = 200;

/** Columns side by side with one status, from when to when it had that among others, and for how long in all. */
export type Stretch = StatusSpan & { columns: number; seconds: number };

/** The spans to scale. In a column into which several fall the most urgent one is shown, so that none is lost. */
export function stretchesOf(spans: readonly StatusSpan[]): Stretch[] {
  const [first, last] = [spans[0], spans.at(-1)];
  if (!first || !last) return [];
  const start = Date.parse(first.from);
  const perColumn = Math.max(1, Date.parse(last.to) - start) / COLUMNS;
  const shown: StatusSpan[] = [];
  for (const span of spans) {
    const begin = Math.min(COLUMNS - 1, Math.floor((Date.parse(span.from) - start) / perColumn));
    const end = Math.max(begin + 1, Math.ceil((Date.parse(span.to) - start) / perColumn));
    for (let column = begin; column < Math.min(end, COLUMNS); column += 1) {
      const there = shown[column];
      if (!there || urgency(span.status) < urgency(there.status)) shown[column] = span;
      else if (span.status === there.status) shown[column] = { ...there, to: span.to };
    }
  }
  return joined(shown).map((stretch) => ({ ...stretch, seconds: secondsOf(stretch, spans) }));
}

/** For how long it had the status of a stretch, from when it first to when it last had it there. */
const secondsOf = ({ status, from, to }: StatusSpan, spans: readonly StatusSpan[]): number =>
  spans
    .filter((span) => span.status === status && span.from >= from && span.to <= to)
    .reduce((sum, span) => sum + secondsBetween(span.from, span.to), 0);

function joined(columns: readonly StatusSpan[]): Omit<Stretch, 'seconds'>[] {
  const stretches: Omit<Stretch, 'seconds'>[] = [];
  for (const { status, from, to } of columns) {
    const before = stretches.at(-1);
    if (before?.status === status) {
      before.columns += 1;
      before.to = to;
    } else stretches.push({ status, from, to, columns: 1 });
  }
  return stretches;
}
