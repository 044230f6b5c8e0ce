import clsx from 'clsx';
import { type Connection, useConnection } from './connection';

const LOOK: Record<Connection, { label: string; dot: string }> = {
  connecting: { label: 'Connecting', dot: 'bg-edge motion-safe:animate-pulse' },
  live: { label: 'Live', dot: 'bg-up' },
  broken: { label: 'Reconnecting', dot: 'bg-degraded motion-safe:animate-pulse' },
};

/** Says whether what is shown is live. */
export function LiveIndicator() {
  const { label, dot } = LOOK[useConnection()];
  return (
    <p role="status" className="flex items-center gap-1.5 text-soft text-xs">
      <span aria-hidden="true" className={clsx('size-2 rounded-full', dot)} />
      <span className="max-sm:sr-only">{label}</span>
    </p>
  );
}
