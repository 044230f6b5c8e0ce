/**
 * Asks before something that cannot be taken back.
 *
 * This is the browser's own dialog: it traps focus, closes on Escape and hides the rest from screen readers. The dialog
 * of Radix locks scrolling with an injected style element, which the content policy refuses.
 */

import { type ReactNode, type RefObject, useId } from 'react';
import { Button } from '@/ui/button';

type ConfirmProps = {
  ref: RefObject<HTMLDialogElement | null>;
  title: string;
  children: ReactNode;
  action: string;
  busy: boolean;
  onConfirm: () => void;
};

export function Confirm({ ref, title, children, action, busy, onConfirm }: ConfirmProps) {
  const id = useId();
  return (
    <dialog
      ref={ref}
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      className="panel m-auto w-[min(28rem,calc(100vw-2rem))] bg-raised p-5 text-ink shadow-float"
    >
      <h2 id={`${id}-title`} className="font-semibold text-base">
        {title}
      </h2>
      <div id={`${id}-text`} className="mt-2 grid gap-2 text-soft">
        {children}
      </div>
      <form method="dialog" className="mt-5 flex justify-end gap-2">
        <Button type="submit">Cancel</Button>
        <Button look="danger" busy={busy} onClick={onConfirm}>
          {action}
        </Button>
      </form>
    </dialog>
  );
}
