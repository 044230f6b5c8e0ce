import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { layProblemOver } from '@/api/form-problem';
import { problemOf } from '@/api/problem';
import type { Workspace } from '@/api/types';
import { Button } from '@/ui/button';
import { Confirm } from '@/ui/dialog';
import { Field, Input } from '@/ui/field';
import { note } from '@/ui/notes';
import { useChangeWorkspace } from './queries';
import {
  changeOf,
  FORMS,
  formOf,
  type RetentionForm as Retention,
  retentionSchema,
  shortened,
} from './retention';

const days = (count: number) => (count === 1 ? '1 day' : `${count.toLocaleString('en')} days`);

/** For how long the history of the workspace is kept. What lets go of something asks first. */
export function RetentionForm({ workspace }: { workspace: Workspace }) {
  const change = useChangeWorkspace();
  const [asked, ask] = useState<Retention | null>(null);
  const form = useForm<Retention>({
    resolver: zodResolver<Retention, unknown, Retention>(retentionSchema),
    defaultValues: formOf(workspace),
    values: formOf(workspace),
    resetOptions: { keepDirtyValues: true, keepErrors: true },
  });
  const { errors, isDirty, dirtyFields } = form.formState;
  const save = (wanted: Retention, done: () => void = () => undefined) =>
    change.mutate(changeOf(wanted, dirtyFields.retention), {
      onSuccess: (saved) => {
        form.reset(formOf(saved));
        note({ tone: 'good', title: 'What is kept is changed' });
        done();
      },
      onError: (error) => {
        done();
        layProblemOver(form, problemOf(error));
      },
    });
  const submit = form.handleSubmit((wanted) =>
    shortened(workspace, wanted).length > 0 ? ask(wanted) : save(wanted),
  );
  return (
    <>
      <form onSubmit={submit} noValidate className="grid gap-5">
        {FORMS.map(({ name, label, hint }) => {
          const term = workspace.retention[name];
          return (
            <Field
              key={name}
              label={label}
              hint={`${hint} Kept for ${days(term.days)} now, on this server for ${days(term.most)} at the most.`}
              error={errors.retention?.[name]?.message}
            >
              {(control) => (
                <Input
                  type="number"
                  inputMode="numeric"
                  min={1}
                  max={term.most}
                  placeholder={String(term.most)}
                  className="max-w-36"
                  {...control}
                  {...form.register(`retention.${name}`, {
                    setValueAs: (value: string | number | null) =>
                      value === '' || value === null ? null : Number(value),
                  })}
                />
              )}
            </Field>
          );
        })}
        {errors.root && (
          <p role="alert" className="rounded-lg bg-down-wash px-3 py-2 font-medium text-down">
            {errors.root.message}
          </p>
        )}
        <div className="flex justify-end border-line border-t pt-4">
          <Button type="submit" look="primary" busy={change.isPending} disabled={!isDirty}>
            Save changes
          </Button>
        </div>
      </form>
      {asked && (
        <Confirm
          title="Let go of older history?"
          action="Let go of it"
          busy={change.isPending}
          onConfirm={(close) => save(asked, close)}
          onClose={() => ask(null)}
        >
          <ul className="grid gap-1">
            {shortened(workspace, asked).map(({ name, days: kept }) => (
              <li key={name}>
                {FORMS.find((one) => one.name === name)?.label.replace(' (days)', '')}: {days(kept)} instead
                of {days(workspace.retention[name].days)}
              </li>
            ))}
          </ul>
          <p>What is older is deleted, and does not come back when it is kept for longer again.</p>
        </Confirm>
      )}
    </>
  );
}
