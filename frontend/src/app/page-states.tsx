/** The pages that stand in for a page: it is coming, it failed, it does not exist. */

import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { problemOf } from '@/api/problem';
import { Button } from '@/ui/button';
import { Lighthouse } from '@/ui/logo';
import { Failed, Loading, Skeleton } from '@/ui/states';
import { useTitle } from './title';

export const PagePending = () => (
  <Loading what="the page">
    <div className="grid gap-4">
      <Skeleton className="h-8 w-56" />
      <Skeleton className="h-20 w-full" />
      <Skeleton className="h-64 w-full" />
    </div>
  </Loading>
);

export function PageFailed({ error }: ErrorComponentProps) {
  const router = useRouter();
  const problem = problemOf(error);
  useTitle(problem.title);
  return <Failed title={problem.title} detail={problem.detail} onRetry={() => void router.invalidate()} />;
}

export function NotFound() {
  useTitle('Not found');
  return (
    <div className="grid justify-items-center gap-3 px-4 py-20 text-center">
      <Lighthouse className="size-14" />
      <h1 className="font-semibold text-xl">There is nothing at this address</h1>
      <p className="text-soft">It may have been deleted, or the address is mistyped.</p>
      <Button asChild>
        <Link to="/monitors">Go to the monitors</Link>
      </Button>
    </div>
  );
}

/** The same where not even the address of a page was met, and so nothing stands around it. */
export const NowhereFound = () => (
  <main className="grid min-h-dvh place-items-center">
    <NotFound />
  </main>
);
