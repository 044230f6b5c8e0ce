import { useConnection } from './connection';

/** Says, when the server has been away for longer than a blink, that what is shown may be old. */
export function AwayBar() {
  const isAway = useConnection() === 'broken';
  // It is there from the start, since a live region that appears with its text is not read aloud.
  return <div role="status">{isAway && <Words />}</div>;
}

const Words = () => (
  <p className="slides-in overflow-hidden text-balance bg-degraded-wash px-4 text-center font-medium text-degraded">
    <span className="block py-2">
      Watchkeeper cannot be reached. What you see may be out of date; it is tried again by itself.
    </span>
  </p>
);
