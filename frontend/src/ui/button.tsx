import clsx from 'clsx';
import { Slot } from 'radix-ui';
import type { ComponentProps, MouseEvent } from 'react';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong',
  plain: 'border border-edge/60 bg-surface text-ink hover:bg-sunken',
  quiet: 'text-soft hover:bg-sunken hover:text-ink',
  danger: 'bg-down text-on-accent hover:opacity-90',
};

type ButtonProps = ComponentProps<'button'> & {
  look?: Look;
  /** One of several choices beside a field. */
  small?: boolean;
  /** Only a sign: as wide as it is high. Needs an `aria-label`. */
  square?: boolean;
  /** Under way: says so, and takes no second press. */
  busy?: boolean;
  /** Dresses its child, such as a link, as a button. */
  asChild?: boolean;
};

const takeNoPress = (event: MouseEvent): void => event.preventDefault();

export function Button({ look = 'plain', small, square, busy, asChild, className, ...rest }: ButtonProps) {
  const Component = asChild ? Slot.Root : 'button';
  return (
    <Component
      {...(asChild ? {} : { type: 'button', 'aria-busy': busy || undefined })}
      className={clsx(
        'inline-flex items-center justify-center gap-2 whitespace-nowrap rounded-lg font-medium motion-safe:transition-colors',
        'disabled:cursor-default disabled:opacity-60 aria-busy:cursor-default aria-busy:opacity-60',
        small ? 'h-8 text-xs' : 'h-9 text-sm',
        square ? 'w-9' : small ? 'px-2.5' : 'px-3.5',
        LOOKS[look],
        className,
      )}
      {...rest}
      // Not disabled while it is busy: it would lose the focus.
      {...(busy && { 'aria-disabled': true, onClick: takeNoPress })}
    />
  );
}
