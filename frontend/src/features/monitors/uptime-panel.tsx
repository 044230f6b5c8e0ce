import { useQuery } from '@tanstack/react-query';
import clsx from 'clsx';
import type { ReactNode } from 'react';
import { Loaded } from '@/answer/loaded';
import type { Monitor, MonitorStatus, UptimeOfDays } from '@/api/types';
import { duration, durationInWords } from '@/format/duration';
import { secondsBetween } from '@/format/instant';
import { percent } from '@/format/ratio';
import { STATUS } from '@/status/words';
import { Panel } from '@/ui/panel';
import { Loading, Skeleton } from '@/ui/states';
import { Instant } from '@/ui/time';
import { uptimesQuery } from './queries';
import { DAY_SECONDS, uptimeWindows, windowOfDays, withoutRepeats } from './windows';

/**
 * How the time was spent. What we do not know, and announced work, stand apart: they count for nothing. A window that is
 * longer than the life of its monitor says since when it tells; those that are longer still are left out.
 */
export function UptimePanel({ monitor }: { monitor: Monitor }) {
  const query = useQuery(uptimesQuery(monitor.id));
  return (
    <Panel title="Uptime">
      <Loaded
        query={query}
        what="the uptime"
        loading={
          <Loading what="the uptime">
            <Windows>
              {uptimeWindows(monitor).map((window) => (
                <UptimeToCome key={window} />
              ))}
            </Windows>
          </Loading>
        }
      >
        {(uptimes) => (
          <Windows>
            {withoutRepeats(uptimes).map((uptime) => (
              <UptimeOf key={uptime.days} uptime={uptime} />
            ))}
          </Windows>
        )}
      </Loaded>
    </Panel>
  );
}

/** One below the other where it is narrow, else side by side. */
const Windows = ({ children }: { children: ReactNode }) => (
  <div className="grid gap-x-7 gap-y-5 lg:auto-cols-fr lg:grid-flow-col">{children}</div>
);

const HEAD = 'flex items-baseline justify-between gap-x-3 lg:block';
const BAR = 'mt-1.5 h-2 lg:mt-2';
const PARTS = 'mt-2 lg:mt-2.5';

const UptimeToCome = () => (
  <div>
    <div className={HEAD}>
      <Skeleton className="h-4 w-10" />
      <Skeleton className="h-7 w-24 lg:mt-1.5" />
    </div>
    <Skeleton className={BAR} />
    <Skeleton className={clsx(PARTS, 'h-4 w-40 max-w-full')} />
  </div>
);

function UptimeOf({ uptime }: { uptime: UptimeOfDays }) {
  const { label, words } = windowOfDays(uptime.days);
  const parts = partsOf(uptime);
  return (
    <div className="min-w-0">
      <div className={HEAD}>
        <div className="flex flex-wrap items-baseline gap-x-2 text-soft text-xs">
          <h3 className="label-caps whitespace-nowrap">
            <span aria-hidden="true">{label}</span>
            <span className="sr-only">{words}</span>
          </h3>
          {isOfWholeLife(uptime) && (
            <p className="whitespace-nowrap">
              since{' '}
              <Instant
                at={uptime.from}
                by={secondsBetween(uptime.from, uptime.to) >= DAY_SECONDS ? 'day' : 'time'}
              />
            </p>
          )}
        </div>
        <p className="whitespace-nowrap font-semibold text-xl tracking-tight lg:mt-0.5 lg:text-2xl">
          {typeof uptime.ratio === 'number' ? (
            percent(uptime.ratio)
          ) : (
            <span className="text-lg text-soft">Nothing known</span>
          )}
        </p>
      </div>
      <div aria-hidden="true" className={clsx(BAR, 'flex gap-px overflow-hidden rounded-full bg-sunken')}>
        {parts.map(({ status, seconds }) => (
          <span
            key={status}
            style={{ flexGrow: seconds }}
            className={clsx('min-w-0.5', STATUS[status].fill)}
          />
        ))}
      </div>
      <dl className={clsx(PARTS, 'flex flex-wrap gap-x-4 gap-y-1 text-xs lg:grid')}>
        {parts.map(({ status, seconds }) => (
          <div key={status} className="flex items-center gap-1.5">
            <dt className="flex items-center gap-1.5 text-soft">
              <span aria-hidden="true" className={clsx('size-2 rounded-xs', STATUS[status].fill)} />
              {STATUS[status].label}
            </dt>
            <dd className="font-medium">
              <span aria-hidden="true">{duration(seconds)}</span>
              <span className="sr-only">{durationInWords(seconds)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** Whether a window begins with its monitor, and so is shorter than it is called. */
const isOfWholeLife = ({ days, from, to }: UptimeOfDays): boolean =>
  Math.round(secondsBetween(from, to)) < days * DAY_SECONDS;

function partsOf(uptime: UptimeOfDays): { status: MonitorStatus; seconds: number }[] {
  const all: { status: MonitorStatus; seconds: number }[] = [
    { status: 'UP', seconds: uptime.up_seconds },
    { status: 'DEGRADED', seconds: uptime.degraded_seconds },
    { status: 'DOWN', seconds: uptime.down_seconds },
    { status: 'UNKNOWN', seconds: uptime.unknown_seconds },
    { status: 'MAINTENANCE', seconds: uptime.maintenance_seconds },
    { status: 'PAUSED', seconds: uptime.paused_seconds },
    { status: 'PENDING', seconds: uptime.pending_seconds },
  ];
  // What would read as no time at all is left out.
  return all.filter(({ seconds }) => seconds >= 0.5);
}
