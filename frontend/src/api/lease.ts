/**
 * Turns over all tabs where there are no Web Locks: a page that was reached by plain http, as in a home network, has none.
 *
 * A tab takes the lease, keeps it alive while its task runs, and gives it back. A tab that is gone lets it run out. It lies
 * in IndexedDB and not in the local storage because only a transaction there reads and writes in one step.
 */

import { ProblemError } from '@/api/problem';

/** Who holds the turn, and until when (milliseconds since the epoch). */
export type Lease = { owner: string; until: number };

/** Where the lease lies: reads it and puts what `change` makes of it in its place, in one step over all tabs. */
export type LeaseStore = (change: (held: Lease | null) => Lease | null) => Promise<Lease | null>;

/** So long a lease holds that nobody keeps alive. */
export const LEASE_MS = 3_000;
const KEEP_ALIVE_MS = 500;
const ASK_AGAIN_MS = 100;
/** So long a tab waits for its turn before it gives up. */
export const PATIENCE_MS = 30_000;

const NO_TURN = {
  status: null,
  title: 'Another tab is renewing the session',
  detail: 'It has not come to an end yet. Try again in a moment.',
  code: 'no_turn',
  fields: [],
};

/** A lease that ends later than any may was taken before the clock was set back. */
const isHeld = (lease: Lease | null, now: number): boolean =>
  lease !== null && lease.until > now && lease.until <= now + LEASE_MS;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs the task while this owner, and nobody else, has the turn. Each task is an owner of its own, so that those of one
 * tab take turns as well. Fails where the turn does not come. Where storage is blocked there are no turns to be had.
 */
export async function withLease<T>(store: LeaseStore, owner: string, task: () => Promise<T>): Promise<T> {
  await takeTurn(store, owner);
  const keepAlive = setInterval(() => void prolong(store, owner).catch(() => undefined), KEEP_ALIVE_MS);
  try {
    return await task();
  } finally {
    clearInterval(keepAlive);
    await store((held) => (held?.owner === owner ? null : held)).catch(() => undefined);
  }
}

async function takeTurn(store: LeaseStore, owner: string): Promise<void> {
  const before = Date.now() + PATIENCE_MS;
  while (!(await take(store, owner).catch(() => true))) {
    if (Date.now() > before) throw new ProblemError(NO_TURN);
    await sleep(ASK_AGAIN_MS);
  }
}

/** Whether the lease could be had. */
async function take(store: LeaseStore, owner: string): Promise<boolean> {
  const lease = await store((held) => {
    const now = Date.now();
    return isHeld(held, now) ? held : { owner, until: now + LEASE_MS };
  });
  return lease?.owner === owner;
}

const prolong = (store: LeaseStore, owner: string): Promise<Lease | null> =>
  store((held) => (held?.owner === owner ? { owner, until: Date.now() + LEASE_MS } : held));
