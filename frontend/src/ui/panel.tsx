import clsx from 'clsx';
import { type ReactNode, useId } from 'react';

type PanelProps = {
  title: string;
  /** Stands at the far end of the heading: a choice or a link. */
  aside?: ReactNode;
  /** Leaves the edges to the content, for lists and tables. */
  flush?: boolean;
  className?: string;
  children: ReactNode;
};

/** A titled part of a page; a landmark of its own. */
export function Panel({ title, aside, flush, className, children }: PanelProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={clsx('panel min-w-0', className)}>
      <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-4 gap-y-2 border-line border-b px-4 py-2">
        <h2 id={id} className="font-semibold text-sm">
          {title}
        </h2>
        {aside}
      </header>
      <div className={flush ? '' : 'p-4'}>{children}</div>
    </section>
  );
}
