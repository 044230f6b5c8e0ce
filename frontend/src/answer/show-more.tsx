import { Button } from '@/ui/button';

/** As much of a query that is read page by page as going on with it takes. */
export type Pages = { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };

/** Reads the next page of a list, where there is one. */
export function ShowMore({ query, children }: { query: Pages; children: string }) {
  if (!query.hasNextPage) return null;
  return (
    <div className="border-line border-t p-3 text-center">
      <Button busy={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
        {children}
      </Button>
    </div>
  );
}
