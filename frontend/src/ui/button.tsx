import clsx from 'clsx';
import { Slot } from 'radix-ui';
import type { ComponentProps } from 'react';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong',
  plain: 'border border-edge/60 bg-surface text-ink hover:bg-sunken',
  quiet: 'text-soft hover:bg-sunken hover:text-ink',
  danger: 'bg-down text-on-accent hover:opacity-90',
};

type ButtonProps = ComponentProps<'button'> & {
  look?: Look;
  /** Only a sign: as wide as it is high. Needs an `aria-label`. */
  square?: boolean;
  /** Under way: says so, and takes no second press. */
  busy?: boolean;
  /** Dresses its child, such as a link, as a button. */
  asChild?: boolean;
};

export function Button({ look = 'plain', square, busy, asChild, className, ...rest }: ButtonProps) {
  const Component = asChild ? Slot.Root : 'button';
  return (
    <Component
      {...(asChild ? {} : { type: 'button', 'aria-busy': busy || undefined })}
      className={clsx(
        'inline-flex h-9 items-center justify-center gap-2 whitespace-nowrap rounded-lg font-medium text-sm motion-safe:transition-colors',
        'disabled:cursor-default disabled:opacity-60',
        square ? 'w-9' : 'px-3.5',
        LOOKS[look],
        className,
      )}
      {...rest}
      disabled={rest.disabled || busy}
    />
  );
}
