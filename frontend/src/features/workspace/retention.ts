/** For how long history is kept, as a form holds it, from and to what the API takes. Field names are the API's own. */

import * as z from 'zod/mini';
import type { Workspace, WorkspaceChange } from '@/api/types';

const days = z.nullable(
  z
    .number('Enter a whole number of days, or leave it empty.')
    .check(z.int('Enter a whole number of days, or leave it empty.')),
);

/** Empty leaves it to the operator of the server. */
export const retentionSchema = z.object({
  retention: z.object({ raw_days: days, packed_days: days, rollup_days: days }),
});

export type RetentionForm = z.infer<typeof retentionSchema>;
export type Form = keyof RetentionForm['retention'];

/** The forms of history, the finest first. */
export const FORMS: readonly { name: Form; label: string; hint: string }[] = [
  {
    name: 'raw_days',
    label: 'Full details (days)',
    hint: 'Timings of every check, and what a failing target answered.',
  },
  {
    name: 'packed_days',
    label: 'Every check (days)',
    hint: 'Time, status, latency and reason of every check.',
  },
  {
    name: 'rollup_days',
    label: 'Hourly and daily figures (days)',
    hint: 'Latency graphs and the account of checks. Uptime and incidents are kept as long as the monitor.',
  },
];

export const formOf = ({ retention }: Workspace): RetentionForm => ({
  retention: {
    raw_days: retention.raw_days.own,
    packed_days: retention.packed_days.own,
    rollup_days: retention.rollup_days.own,
  },
});

/** The change that was made: what was touched, and nothing else. */
export function changeOf(
  { retention }: RetentionForm,
  touched: Partial<Record<Form, boolean>> = {},
): WorkspaceChange {
  const changed = FORMS.filter(({ name }) => touched[name]).map(({ name }) => [name, retention[name]]);
  return { retention: Object.fromEntries(changed) };
}

/** The forms of which something is let go of by a change, each with the days it is kept from then on. */
export function shortened({ retention }: Workspace, wanted: RetentionForm): { name: Form; days: number }[] {
  let coarser = Number.POSITIVE_INFINITY;
  const kept = FORMS.toReversed().map(({ name }) => {
    coarser = Math.min(wanted.retention[name] ?? retention[name].most, retention[name].most, coarser);
    return { name, days: coarser };
  });
  return kept.filter(({ name, days }) => days < retention[name].days).toReversed();
}
