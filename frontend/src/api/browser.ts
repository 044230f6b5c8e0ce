/** The session on the real browser and the real server: cookie, turns over all tabs, BroadcastChannel, local storage. */

import { withLease } from '@/api/lease';
import { leaseIn } from '@/api/lease-store';
import { ProblemError, problemOfAnswer, reach } from '@/api/problem';
import { afterEarlierRenewals } from '@/api/renewal';
import { Session, type SessionMessage } from '@/api/session';
import { recall, remember } from '@/api/storage';
import type { SessionAnswer } from '@/api/types';

export const API = `${globalThis.location.origin}/api/v1`;
const NAME = 'watchkeeper.session';

const postAuth = (path: string): Promise<Response> =>
  reach(
    new Request(`${API}/auth/${path}`, {
      method: 'POST',
      keepalive: true,
      headers: { Accept: 'application/json' },
    }),
  );

async function refresh(): Promise<SessionAnswer | null> {
  const response = await afterEarlierRenewals(() => postAuth('refresh'));
  if (response.status === 401) return null;
  if (!response.ok) throw await refusal(response);
  // An answer that breaks off, as when the page is left, is a failure and not a refusal.
  return (await response.json()) as SessionAnswer;
}

async function logOut(): Promise<void> {
  const response = await postAuth('logout');
  if (!response.ok) throw await refusal(response);
}

const refusal = async (response: Response): Promise<ProblemError> =>
  new ProblemError(problemOfAnswer(response, await response.json().catch(() => null)));

const lease = leaseIn(NAME);
const newOwner = (): string => String(crypto.getRandomValues(new BigUint64Array(1))[0]);

/** Web Locks exist in secure contexts only. Elsewhere, as on plain http in a home network, a lease stands in for them. */
const takeTurns = <T>(task: () => Promise<T>): Promise<T> =>
  'locks' in navigator
    ? (navigator.locks.request(NAME, task) as Promise<T>)
    : 'indexedDB' in globalThis
      ? withLease(lease, newOwner(), task)
      : task();

const hint = {
  read: () => recall(NAME) !== null,
  write: (present: boolean) => remember(NAME, present ? 'present' : null),
};

const tabs = new BroadcastChannel(NAME);

export const session = new Session({
  refresh,
  logOut,
  takeTurns,
  tell: (message) => tabs.postMessage(message),
  hint,
  now: Date.now,
});

tabs.onmessage = (event: MessageEvent<SessionMessage>) => session.hear(event.data);
