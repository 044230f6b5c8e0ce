/**
 * Asks before something that cannot be taken back.
 *
 * This is the browser's own dialog: it traps focus, closes on Escape and hides the rest from screen readers. The dialog
 * of Radix locks scrolling with an injected style element, which the content policy refuses.
 */

import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { Button } from '@/ui/button';

type ConfirmProps = {
  title: string;
  children: ReactNode;
  action: string;
  busy: boolean;
  /** Is handed how to close the question once that is done. */
  onConfirm: (close: () => void) => void;
  /** The question was closed, however it was answered. */
  onClose: () => void;
};

/** Asks for as long as it is there. */
export function Confirm({ title, children, action, busy, onConfirm, onClose }: ConfirmProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      onClose={onClose}
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
        <Button look="danger" busy={busy} onClick={() => onConfirm(() => dialog.current?.close())}>
          {action}
        </Button>
      </form>
    </dialog>
  );
}
