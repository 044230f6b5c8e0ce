import { useConnection } from './connection';

/** Says, when the server has been away for longer than a blink, that what is shown may be old. */
export function AwayBar() {
  if (useConnection() !== 'broken') return null;
  return (
    <p className="slides-in overflow-hidden text-balance bg-degraded-wash px-4 text-center font-medium text-degraded">
      <span className="block py-2">
        Watchkeeper cannot be reached. What you see may be out of date; it is tried again by itself.
      </span>
    </p>
  );
}
