/** Where the dashboard begins: the cache, the router, and what ties them to the session. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import * as z from 'zod/mini';
import { problemOf } from '@/api/problem';
import { makeRouter } from '@/app/router';
import { followSession } from '@/app/session-change';
import '@/app/style.css';

// The content policy permits no code made from text, not even to try whether it is permitted.
z.config({ jitless: true });

const RETRIES = 2;

/** Trying again helps where the server was away or failed, not where it refused. */
const shouldRetry = (failures: number, error: Error): boolean => {
  const { status, code } = problemOf(error);
  return failures < RETRIES && (code === 'unreachable' || (status !== null && status >= 500));
};

const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: shouldRetry, staleTime: 5_000 } },
});
const router = makeRouter(queryClient);

// A page that is gone to begins at its content, for the keyboard and for screen readers. Arriving from elsewhere does not.
router.subscribe('onRendered', ({ fromLocation, pathChanged }) => {
  if (fromLocation && pathChanged) document.getElementById('main')?.focus({ preventScroll: true });
});

followSession(queryClient, router);

const place = document.getElementById('root');
if (place) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
