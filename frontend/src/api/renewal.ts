/**
 * A renewal that was under way when its page was left.
 *
 * The server replaces the refresh token as soon as it is asked to, and takes an older one for stolen. Who reloads a page
 * in that very moment would show the older one. Therefore the request outlives its page (`keepalive`), so that the
 * new cookie arrives in any case, and a note on this device tells the next page to leave it the time for that.
 */

import { recall, remember } from '@/api/storage';

const NOTE = 'watchkeeper.renewal';

/** So long an answer whose page was left may take: as long as a busy server, or one that waits for its store, needs. */
export const ANSWER_MS = 10_000;

/** How much longer an earlier renewal may take whose page was left: nothing, where none was. */
export function patience(begun: string | null | undefined, now: number): number {
  const rest = Number(begun ?? Number.NaN) + ANSWER_MS - now;
  return rest > 0 && rest <= ANSWER_MS ? rest : 0;
}

/**
 * Renews after whatever is still under way, and notes that this renewal is. Only an answer takes the note away: leaving
 * a page looks to it like a failure, and what has failed may have reached the server all the same. The note is read again
 * after each wait: on a device that slept meanwhile another tab may have had its turn, and begun.
 */
export async function afterEarlierRenewals<T>(renew: () => Promise<T>): Promise<T> {
  const rest = (): number => patience(recall(NOTE), Date.now());
  for (let wait = rest(); wait > 0; wait = rest()) await new Promise((resolve) => setTimeout(resolve, wait));
  remember(NOTE, String(Date.now()));
  const answer = await renew();
  remember(NOTE, null);
  return answer;
}
