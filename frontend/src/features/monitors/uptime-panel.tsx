import { useQuery } from '@tanstack/react-query';
import clsx from 'clsx';
import { Loaded } from '@/answer/loaded';
import type { MonitorStatus, Uptime } from '@/api/types';
import { duration, durationInWords } from '@/format/duration';
import { percent } from '@/format/ratio';
import { STATUS } from '@/status/words';
import { Panel } from '@/ui/panel';
import { Loading, Skeleton } from '@/ui/states';
import { uptimeQuery } from './queries';
import { WINDOWS, type WindowName } from './windows';

const SHOWN: readonly WindowName[] = ['24h', '7d', '30d'];

/** How the time was spent. What we do not know, and announced work, stand apart: they count for nothing. */
export const UptimePanel = ({ id }: { id: string }) => (
  <Panel title="Uptime">
    <div className="grid gap-6 md:grid-cols-3">
      {SHOWN.map((window) => (
        <UptimeOf key={window} id={id} window={window} />
      ))}
    </div>
  </Panel>
);

function UptimeOf({ id, window }: { id: string; window: WindowName }) {
  const query = useQuery(uptimeQuery(id, window));
  return (
    <div>
      <h3 className="label-caps">
        <span aria-hidden="true">{WINDOWS[window].label}</span>
        <span className="sr-only">{WINDOWS[window].words}</span>
      </h3>
      <Loaded
        query={query}
        what={`uptime over ${WINDOWS[window].words}`}
        loading={
          <Loading what={`uptime over ${WINDOWS[window].words}`}>
            <Skeleton className="mt-1.5 h-7 w-28" />
            <Skeleton className="mt-2.5 h-2 w-full" />
            <Skeleton className="mt-2.5 h-4 w-40 max-w-full" />
          </Loading>
        }
      >
        {(uptime) => <Parts uptime={uptime} />}
      </Loaded>
    </div>
  );
}

function partsOf(uptime: Uptime): { status: MonitorStatus; seconds: number }[] {
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

function Parts({ uptime }: { uptime: Uptime }) {
  const parts = partsOf(uptime);
  return (
    <>
      <p className="mt-0.5 font-semibold text-2xl tracking-tight">
        {typeof uptime.ratio === 'number' ? (
          percent(uptime.ratio)
        ) : (
          <span className="text-soft">Nothing known</span>
        )}
      </p>
      <div aria-hidden="true" className="mt-2 flex h-2 gap-px overflow-hidden rounded-full bg-sunken">
        {parts.map(({ status, seconds }) => (
          <span
            key={status}
            style={{ flexGrow: seconds }}
            className={clsx('min-w-0.5', STATUS[status].fill)}
          />
        ))}
      </div>
      <dl className="mt-2.5 flex flex-wrap gap-x-4 gap-y-1 text-xs">
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
    </>
  );
}
