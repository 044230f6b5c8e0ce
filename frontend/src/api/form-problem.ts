/** Puts what the server says about fields on the fields of a form; whatever has no field there goes to its foot. */

import type { FieldValues, Path, UseFormReturn } from 'react-hook-form';
import type { Problem } from '@/api/problem';

export function layProblemOver<Values extends FieldValues>(
  form: UseFormReturn<Values>,
  problem: Problem,
): void {
  const homeless: string[] = [];
  for (const { field, message, code } of problem.fields) {
    if (form.getValues(field as Path<Values>) !== undefined)
      form.setError(field as Path<Values>, { type: code, message }, { shouldFocus: true });
    else homeless.push(message);
  }
  if (problem.fields.length === 0) homeless.push(problem.detail ?? problem.title);
  if (homeless.length > 0) form.setError('root', { type: problem.code, message: homeless.join(' ') });
}
