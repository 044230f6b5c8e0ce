/** What a change of the session means for the cache and for the page. */

import type { QueryClient } from '@tanstack/react-query';
import { session } from '@/api/browser';

/** Forgets what one user has read when another one comes, and lets the routes decide anew. Gives back how to stop it. */
export function followSession(
  queryClient: QueryClient,
  router: { invalidate: () => Promise<void> },
): () => void {
  let known = session.state();
  return session.subscribe(() => {
    const before = known;
    known = session.state();
    const sameUser = before.kind === 'active' && known.kind === 'active' && before.user.id === known.user.id;
    if (sameUser) return;
    // What one user has read is not the next one's to see.
    if (before.kind === 'active') queryClient.clear();
    // The routes' guards decide where this leads.
    if (before.kind !== 'unknown') void router.invalidate();
  });
}
