/** One question to the server in its three pictures: still coming, failed, and answered. */

import type { ReactNode } from 'react';
import { problemOf } from '@/api/problem';
import { Failed, LoadingLines } from '@/ui/states';

/** As much of a query as its picture depends on. */
export type Question<Data> = {
  data: Data | undefined;
  error: Error | null;
  /** What is there answers the question before, and stands in for the answer that is coming. */
  isPlaceholderData?: boolean;
  refetch: () => unknown;
};

type LoadedProps<Data> = {
  query: Question<Data>;
  what: string;
  loading?: ReactNode;
  /** Draws a panel around a failure, where nothing else stands around it. */
  framed?: boolean;
  children: (data: Data) => ReactNode;
};

/** What was read before stays on the page while a later reading fails, and says that it is not the newest. */
export function Loaded<Data>({ query, what, loading, framed, children }: LoadedProps<Data>) {
  if (query.data !== undefined)
    return (
      <>
        {query.error && (
          <p className="px-4 py-1 text-degraded text-xs">
            This could not be read again, and may be out of date.
          </p>
        )}
        <div
          aria-busy={query.isPlaceholderData || undefined}
          className={query.isPlaceholderData ? 'opacity-60' : 'contents'}
        >
          {children(query.data)}
        </div>
      </>
    );
  if (query.error === null) return loading ?? <LoadingLines what={what} />;
  const problem = problemOf(query.error);
  return (
    <div className={framed ? 'panel py-8' : ''}>
      <Failed title={problem.title} detail={problem.detail} onRetry={() => query.refetch()} />
    </div>
  );
}
