/** The session on the real browser and the real server: cookie, Web Locks, BroadcastChannel, local storage. */

import { ProblemError, problemOfAnswer, reach } from '@/api/problem';
import { Session, type SessionMessage } from '@/api/session';
import type { SessionAnswer } from '@/api/types';

export const API = `${globalThis.location.origin}/api/v1`;
const NAME = 'watchkeeper.session';

const postAuth = (path: string): Promise<Response> =>
  reach(new Request(`${API}/auth/${path}`, { method: 'POST', headers: { Accept: 'application/json' } }));

async function refresh(): Promise<SessionAnswer | null> {
  const response = await postAuth('refresh');
  if (response.status === 401) return null;
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new ProblemError(problemOfAnswer(response, body));
  return body as SessionAnswer;
}

async function logOut(): Promise<void> {
  const response = await postAuth('logout');
  if (!response.ok)
    throw new ProblemError(problemOfAnswer(response, await response.json().catch(() => null)));
}

/** Web Locks exist in secure contexts only. Elsewhere tabs cannot take turns; each still renews once at a time. */
function takeTurns<T>(task: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? (navigator.locks.request(NAME, task) as Promise<T>) : task();
}

const hint = {
  read: () => attempt(() => localStorage.getItem(NAME) !== null) ?? true,
  write: (present: boolean) =>
    void attempt(() => (present ? localStorage.setItem(NAME, 'present') : localStorage.removeItem(NAME))),
};

/** Storage may be blocked. Without the hint a refresh is simply tried. */
function attempt<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}

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
