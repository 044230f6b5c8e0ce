/** The three pictures of what is not there: still coming, nothing yet, and failed. */

import clsx from 'clsx';
import type { ReactNode } from 'react';
import { Button } from '@/ui/button';
import { RefreshIcon, WarnIcon } from '@/ui/icons';

/** The place of something that is still coming. The words for it are said once, by `Loading`. */
export const Skeleton = ({ className }: { className?: string }) => (
  <span
    aria-hidden="true"
    className={clsx('block motion-safe:animate-pulse rounded bg-line/70', className)}
  />
);

export function Loading({ what, children }: { what: string; children: ReactNode }) {
  return (
    <div aria-busy="true">
      <p className="sr-only" role="status">
        Loading {what}
      </p>
      {children}
    </div>
  );
}

/** Lines of text that are still coming; with an edge of their own where the panel leaves it to them. */
export const LoadingLines = ({
  what,
  lines = 3,
  flush,
}: {
  what: string;
  lines?: number;
  flush?: boolean;
}) => (
  <Loading what={what}>
    <div className={clsx('grid gap-3', flush && 'p-4')}>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are alike and never move.
        <Skeleton key={line} className={clsx('h-4', line % 3 === 2 ? 'w-2/3' : 'w-full')} />
      ))}
    </div>
  </Loading>
);

type EmptyProps = { title: string; picture?: ReactNode; children?: ReactNode; className?: string };

export const Empty = ({ title, picture, children, className }: EmptyProps) => (
  <div
    className={clsx(
      'grid justify-items-center gap-3 text-balance px-4 py-8 text-center text-soft',
      className,
    )}
  >
    {picture}
    <p className={clsx('text-ink', picture ? 'font-semibold text-base' : 'font-medium')}>{title}</p>
    {children}
  </div>
);

type FailedProps = {
  title: string;
  detail: string | null;
  onRetry?: (() => void) | undefined;
  children?: ReactNode;
};

export const Failed = ({ title, detail, onRetry, children }: FailedProps) => (
  <div role="alert" className="grid justify-items-center gap-3 px-4 py-8 text-center">
    <WarnIcon className="size-6 text-down" />
    <p className="font-semibold">{title}</p>
    {detail && <p className="max-w-prose text-soft">{detail}</p>}
    {onRetry && (
      <Button onClick={onRetry}>
        <RefreshIcon />
        Try again
      </Button>
    )}
    {children}
  </div>
);
