/** Puts what the server says about fields on the fields of a form; whatever has no field there goes to its foot. */

import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import type { Problem } from '@/api/problem';

export function layProblemOver<Values extends FieldValues>(
  form: UseFormReturn<Values>,
  problem: Problem,
): void {
  const homeless: string[] = [];
  // From the last to the first, so that the first is the one that keeps the focus.
  for (const { field, message, code } of problem.fields.toReversed()) {
    if (form.getValues(field as Path<Values>) !== undefined)
      form.setError(field as Path<Values>, { type: code, message }, { shouldFocus: true });
    else homeless.unshift(message);
  }
  if (problem.fields.length === 0) homeless.push(inWords(problem));
  if (homeless.length > 0) form.setError('root', { type: problem.code, message: homeless.join(' ') });
}

/** What a server says stands for itself; that there is none has to be said first. */
const inWords = ({ status, title, detail }: Problem): string =>
  status === null && detail !== null ? `${title}. ${detail}` : (detail ?? title);
