import type { ReactNode } from 'react';
import type { Monitor } from '@/api/types';
import { duration, latency } from '@/format/duration';
import { StatusBadge } from '@/status/badge';
import { OutIcon } from '@/ui/icons';
import { Elapsed, Instant } from '@/ui/time';

/** What is watched, how it is, and since when. */
export function MonitorHeader({ monitor, actions }: { monitor: Monitor; actions: ReactNode }) {
  const last = monitor.last_check;
  return (
    <header className="grid gap-4">
      <div className="flex flex-wrap items-start justify-between gap-4">
        <div className="min-w-0">
          <h1 className="font-semibold text-2xl tracking-tight">{monitor.name}</h1>
          <a
            href={monitor.target.url}
            target="_blank"
            rel="noreferrer"
            title={monitor.target.url}
            className="mt-0.5 flex w-fit items-start gap-1.5 text-accent hover:underline"
          >
            <span className="line-clamp-2">{monitor.target.url}</span>
            <OutIcon className="mt-0.75 size-3.5" />
            <span className="sr-only">(opens in a new tab)</span>
          </a>
        </div>
        {actions}
      </div>
      <dl className="flex flex-wrap gap-x-8 gap-y-3 text-sm">
        <Fact label="Status">
          <span className="flex flex-wrap items-center gap-2">
            <StatusBadge status={monitor.status} />
            <span className="text-soft">
              for <Elapsed since={monitor.status_since} />, since <Instant at={monitor.status_since} />
            </span>
          </span>
        </Fact>
        <Fact label="Last check">
          {last ? (
            <>
              <Elapsed since={last.checked_at} /> ago, {latency(last.latency_ms)}
            </>
          ) : (
            'none yet'
          )}
        </Fact>
        <Fact label="Request">
          {monitor.target.method} every {duration(monitor.interval_seconds)}, at most{' '}
          {duration(monitor.timeout_seconds)}
        </Fact>
        <Fact label="Expected">
          {monitor.expectation.statuses}
          {typeof monitor.expectation.slow_after_ms === 'number' &&
            `, within ${latency(monitor.expectation.slow_after_ms)}`}
        </Fact>
      </dl>
      {last?.reason && monitor.status !== 'PAUSED' && (
        <p className="rounded-lg border border-line bg-surface px-4 py-2.5">
          <span className="text-soft">Last check: </span>
          {last.reason}
        </p>
      )}
    </header>
  );
}

const Fact = ({ label, children }: { label: string; children: ReactNode }) => (
  <div className="grid gap-1">
    <dt className="label-caps">{label}</dt>
    <dd className="flex min-h-6 items-center">
      <span>{children}</span>
    </dd>
  </div>
);
