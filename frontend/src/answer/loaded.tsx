/** One question to the server in its three pictures: still coming, failed, and answered. */

import type { ReactNode } from 'react';
import { problemOf } from '@/api/problem';
import { Failed, LoadingLines } from '@/ui/states';

/** As much of a query as its picture depends on. */
export type Question<Data> = { data: Data | undefined; error: Error | null; refetch: () => unknown };

type LoadedProps<Data> = {
  query: Question<Data>;
  what: string;
  loading?: ReactNode;
  /** Draws a panel around a failure, where nothing else stands around it. */
  framed?: boolean;
  children: (data: Data) => ReactNode;
};

/** What was read before stays on the page while a later reading fails: the shell says when the server is away. */
export function Loaded<Data>({ query, what, loading, framed, children }: LoadedProps<Data>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error === null) return loading ?? <LoadingLines what={what} />;
  const problem = problemOf(query.error);
  return (
    <div className={framed ? 'panel py-8' : ''}>
      <Failed title={problem.title} detail={problem.detail} onRetry={() => query.refetch()} />
    </div>
  );
}
