import { zodResolver } from '@hookform/resolvers/zod';
import { type ReactNode, type RefObject, useRef } from 'react';
import { type FieldErrors, useForm, useWatch } from 'react-hook-form';
import { layProblemOver } from '@/api/form-problem';
import { problemOf } from '@/api/problem';
import { duration } from '@/format/duration';
import { Button } from '@/ui/button';
import { Checkbox, Field, Input, Select } from '@/ui/field';
import { newSettingsSchema, type Settings, settingsSchema, type Touched } from './settings';

const INTERVALS = [30, 60, 300, 900, 3600];
/** What is folded away at first, by the beginning of its name. */
const MORE_FIELDS = [
  'timeout_seconds',
  'expectation',
  'confirmation',
  'target.method',
  'target.follow_redirects',
] as const;

type MonitorFormProps = {
  /** As they were read last. What is read later moves into the fields that nobody has touched. */
  settings: Settings;
  /** Whether the monitor is still to be made: then what is left empty is chosen by the server. */
  isNew: boolean;
  action: string;
  onSave: (settings: Settings, touched: Touched) => Promise<unknown>;
  cancel: ReactNode;
};

const emptyIsNull = (value: string | number | null) =>
  value === '' || value === null ? null : Number(value);

export function MonitorForm({ settings, isNew, action, onSave, cancel }: MonitorFormProps) {
  const form = useForm<Settings>({
    resolver: zodResolver<Settings, unknown, Settings>(isNew ? newSettingsSchema : settingsSchema),
    defaultValues: settings,
    values: settings,
    resetOptions: { keepDirtyValues: true, keepErrors: true },
  });
  const { errors, isSubmitting, dirtyFields } = form.formState;
  const interval = useWatch({ control: form.control, name: 'interval_seconds' });
  const more = useRef<HTMLDetailsElement>(null);
  /** Opens what is folded away where one of these fields lies in it: only what is open can be focused. */
  const unfoldFor = (fields: readonly string[]) => {
    const isMore = (field: string) => MORE_FIELDS.some((beginning) => field.startsWith(beginning));
    if (more.current && fields.some(isMore)) more.current.open = true;
  };
  const save = form.handleSubmit(
    (values) =>
      onSave(values, dirtyFields).catch((error: unknown) => {
        const problem = problemOf(error);
        unfoldFor(problem.fields.map(({ field }) => field));
        layProblemOver(form, problem);
      }),
    (refused) => unfoldFor(Object.keys(refused)),
  );
  return (
    <form onSubmit={save} noValidate className="grid gap-5">
      <Field
        label="URL"
        hint="The page or endpoint to watch, such as https://example.org/health."
        error={errors.target?.url?.message}
      >
        {(control) => (
          <Input
            type="url"
            inputMode="url"
            autoComplete="off"
            spellCheck={false}
            placeholder="https://example.org"
            {...control}
            {...form.register('target.url')}
          />
        )}
      </Field>
      <Field label="Name" hint="Left empty, it is called by its host and path." error={errors.name?.message}>
        {(control) => <Input autoComplete="off" {...control} {...form.register('name')} />}
      </Field>
      <Field label="Check every (seconds)" error={errors.interval_seconds?.message}>
        {(control) => (
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <Input
              type="number"
              inputMode="numeric"
              min={1}
              max={86_400}
              className="max-w-28"
              {...control}
              {...form.register('interval_seconds', { valueAsNumber: true })}
            />
            <div className="flex flex-wrap gap-1.5">
              {INTERVALS.map((seconds) => (
                <Button
                  key={seconds}
                  small
                  className="aria-pressed:border-accent aria-pressed:text-accent"
                  aria-label={`Check every ${duration(seconds)}`}
                  aria-pressed={seconds === interval}
                  onClick={() =>
                    form.setValue('interval_seconds', seconds, { shouldDirty: true, shouldValidate: true })
                  }
                >
                  {duration(seconds)}
                </Button>
              ))}
            </div>
          </div>
        )}
      </Field>
      <MoreSettings ref={more} isNew={isNew} form={form} errors={errors} />
      {errors.root && (
        <p role="alert" className="rounded-lg bg-down-wash px-3 py-2 font-medium text-down">
          {errors.root.message}
        </p>
      )}
      <div className="flex flex-wrap justify-end gap-2 border-line border-t pt-4">
        {cancel}
        <Button type="submit" look="primary" busy={isSubmitting}>
          {action}
        </Button>
      </div>
    </form>
  );
}

type MoreProps = {
  ref: RefObject<HTMLDetailsElement | null>;
  isNew: boolean;
  form: ReturnType<typeof useForm<Settings>>;
  errors: FieldErrors<Settings>;
};

/** What most monitors leave as it is proposed. Whoever opens it, by hand or by a refusal, it stays open. */
function MoreSettings({ ref, isNew, form: { register }, errors }: MoreProps) {
  return (
    <details ref={ref} className="rounded-lg border border-line">
      <summary className="rounded-lg px-3 py-2.5 font-medium">Request, expectation and confirmation</summary>
      <div className="grid gap-5 border-line border-t p-3 sm:grid-cols-2">
        <Field label="Method" hint="HEAD asks for the headers alone." error={errors.target?.method?.message}>
          {(control) => (
            <Select {...control} {...register('target.method')}>
              <option>GET</option>
              <option>HEAD</option>
            </Select>
          )}
        </Field>
        <Field
          label="Timeout (seconds)"
          hint={isNew ? 'Empty: 10 seconds, or the interval if that is shorter.' : 'At most the interval.'}
          error={errors.timeout_seconds?.message}
        >
          {(control) => (
            <Input
              type="number"
              inputMode="numeric"
              min={1}
              {...control}
              {...register('timeout_seconds', { setValueAs: emptyIsNull })}
            />
          )}
        </Field>
        <Field
          label="Expected status codes"
          hint="Codes and ranges, such as 200-299,301."
          error={errors.expectation?.statuses?.message}
        >
          {(control) => <Input autoComplete="off" {...control} {...register('expectation.statuses')} />}
        </Field>
        <Field
          label="Degraded when slower than (ms)"
          hint="Empty: slowness does not matter."
          error={errors.expectation?.slow_after_ms?.message}
        >
          {(control) => (
            <Input
              type="number"
              inputMode="numeric"
              min={1}
              {...control}
              {...register('expectation.slow_after_ms', { setValueAs: emptyIsNull })}
            />
          )}
        </Field>
        <Field
          label="Confirmations before down"
          hint="So many more failures in a row."
          error={errors.confirmation?.before_down?.message}
        >
          {(control) => (
            <Input
              type="number"
              inputMode="numeric"
              min={0}
              max={10}
              {...control}
              {...register('confirmation.before_down', { valueAsNumber: true })}
            />
          )}
        </Field>
        <Field
          label="Confirmations before up"
          hint="So many more successes in a row."
          error={errors.confirmation?.before_up?.message}
        >
          {(control) => (
            <Input
              type="number"
              inputMode="numeric"
              min={0}
              max={10}
              {...control}
              {...register('confirmation.before_up', { valueAsNumber: true })}
            />
          )}
        </Field>
        <div className="sm:col-span-2">
          <Checkbox label="Follow redirects" {...register('target.follow_redirects')} />
        </div>
      </div>
    </details>
  );
}
