import clsx from 'clsx';
import { type ComponentProps, type ReactNode, useId } from 'react';

type FieldProps = {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: (control: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode;
};

/** A labelled control with its hint and its error, tied together for those who cannot see that they belong together. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className="grid content-start gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({
        id,
        ...(described && { 'aria-describedby': described }),
        ...(error && { 'aria-invalid': true }),
      })}
      {hint && (
        <p id={`${id}-hint`} className="text-soft text-xs">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="font-medium text-down text-xs">
          {error}
        </p>
      )}
    </div>
  );
}

const BOX =
  'h-10 w-full rounded-lg border bg-surface px-3 text-base text-ink aria-invalid:border-down sm:text-sm border-edge';

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={clsx(BOX, className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<'select'>) {
  return <select className={clsx(BOX, 'pr-8', className)} {...rest} />;
}

/** A box to tick, with what ticking it means beside it. */
export function Checkbox({ label, ...rest }: ComponentProps<'input'> & { label: string }) {
  return (
    <label className="flex min-h-9 items-center gap-2.5">
      <input type="checkbox" className="size-4" {...rest} />
      {label}
    </label>
  );
}
