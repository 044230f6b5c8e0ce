import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Monitor } from '@/api/types';
import { duration, latency } from '@/format/duration';
import { percent } from '@/format/ratio';
import { StatusBadge } from '@/status/badge';
import { Elapsed } from '@/ui/time';
import { MonitorMenu } from './actions';
import { RecentBar } from './recent-bar';

/** One monitor of the list: wide enough it is a row, on a phone a card. */
export function MonitorRow({ monitor, onDelete }: { monitor: Monitor; onDelete: () => void }) {
  const last = monitor.last_check;
  return (
    <li className="relative grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-2.5 lg:gap-x-5 border-line border-t px-4 py-3 first:border-t-0 hover:bg-sunken/60 md:grid-cols-[7.25rem_minmax(0,1fr)_6.5rem_5rem_4.5rem_2.25rem] lg:grid-cols-[8.5rem_minmax(0,1fr)_11rem_5.5rem_5.5rem_2.25rem]">
      <div className="flex items-center gap-2.5 md:grid md:justify-items-start md:gap-1">
        <StatusBadge status={monitor.status} />
        <span className="text-soft text-xs">
          <span className="sr-only">for </span>
          <Elapsed since={monitor.status_since} />
        </span>
      </div>
      <div className="col-span-2 row-start-2 min-w-0 md:col-span-1 md:row-start-auto">
        <Link
          to="/monitors/$id"
          params={{ id: monitor.id }}
          className="row-link block truncate font-semibold hover:text-accent"
        >
          {monitor.name}
        </Link>
        <p className="truncate text-soft text-xs">
          {monitor.target.url}
          <span className="whitespace-nowrap"> · every {duration(monitor.interval_seconds)}</span>
        </p>
      </div>
      <div className="col-span-2 max-md:row-start-4 md:col-span-1">
        <RecentBar checks={monitor.recent_checks ?? []} />
      </div>
      <dl className="col-span-2 row-start-3 flex gap-6 md:contents">
        <Figure label="Uptime 24 h">
          {typeof monitor.uptime_24h === 'number' ? percent(monitor.uptime_24h) : '–'}
        </Figure>
        <Figure label="Latency">{last && last.status !== 'DOWN' ? latency(last.latency_ms) : '–'}</Figure>
      </dl>
      <div className="relative z-10 col-start-2 row-start-1 justify-self-end md:col-start-auto md:row-start-auto">
        <MonitorMenu monitor={monitor} onDelete={onDelete} />
      </div>
    </li>
  );
}

const Figure = ({ label, children }: { label: string; children: ReactNode }) => (
  <div className="flex flex-row-reverse items-baseline gap-1.5 md:flex-col md:items-end md:gap-0">
    <dt className="order-first text-soft text-xs md:order-last">{label}</dt>
    <dd className="font-medium">{children}</dd>
  </div>
);
