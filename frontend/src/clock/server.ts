/**
 * What time it is at the server. Windows, and how long something has lasted, are counted by the clock that stamped the
 * record: the browser's own may be off by minutes.
 */

/** What is less than this apart is the same time: an answer tells whole seconds, and has been under way for a while. */
const TOLERANCE_MS = 2_000;

let aheadMs = 0;

/** Milliseconds since the epoch, by the server's clock as far as its answers have told it. */
export const serverNow = (): number => Date.now() + aheadMs;

/**
 * Learns from the `Date` of an answer that was asked for and came at these times of the browser. Within the tolerance
 * nothing changes, so that what counts on does not jump to and fro.
 */
export function learnTime(date: string | null, askedAt: number, cameAt: number): void {
  const told = Date.parse(date ?? '');
  if (Number.isNaN(told)) return;
  const ahead = told + 500 - (askedAt + cameAt) / 2;
  const doubt = TOLERANCE_MS + (cameAt - askedAt) / 2;
  if (Math.abs(ahead - aheadMs) > doubt) aheadMs = Math.abs(ahead) > doubt ? ahead : 0;
}
