import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Loaded } from '@/answer/loaded';
import type { LatencyBucket, Monitor } from '@/api/types';
import { latency } from '@/format/duration';
import { count } from '@/format/ratio';
import { Panel } from '@/ui/panel';
import { Empty, Loading, Skeleton } from '@/ui/states';
import { Instant } from '@/ui/time';
import { LatencyChart } from './latency-chart';
import { isOfDays, latestOf, PERCENTILES } from './latency-series';
import { latencyQuery } from './queries';
import { WINDOWS, type WindowName } from './windows';

/** How long answers took: percentiles over the window, as a graph and as a table. */
export function LatencyPanel({ monitor, window }: { monitor: Monitor; window: WindowName }) {
  const query = useQuery(latencyQuery(monitor, window));
  return (
    <Panel title="Latency">
      <Loaded
        query={query}
        what="latencies"
        loading={
          <Loading what="latencies">
            <Skeleton className="h-72 w-full" />
          </Loading>
        }
      >
        {({ from, to, step, buckets }) =>
          buckets.length === 0 ? (
            <Empty title={`No latency to show for ${WINDOWS[window].words}.`}>
              <p>It is drawn from checks that are up or degraded.</p>
            </Empty>
          ) : (
            <>
              <Legend latest={latestOf(buckets, to, step)} step={step} />
              <LatencyChart from={from} to={to} step={step} buckets={buckets} />
              <LatencyTable
                buckets={buckets}
                byDay={isOfDays(step)}
                caption={`Latency in ${WINDOWS[window].words}, newest first`}
              />
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

/** The lines and where they stand now; where a stretch has days, where they stand since the last one began. */
function Legend({ latest, step }: { latest: LatencyBucket | undefined; step: number }) {
  const byDay = isOfDays(step);
  return (
    <div className="mb-3 flex flex-wrap items-baseline-last gap-x-8 gap-y-2">
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        {PERCENTILES.map(({ key, label, stroke, width, dash }) => (
          <div key={key}>
            <dt className="label-caps flex items-center gap-2">
              <svg viewBox="0 0 20 4" aria-hidden="true" className={`h-1 w-5 ${stroke}`}>
                <path d="M0 2h20" strokeWidth={width} strokeDasharray={dash.join(' ')} />
              </svg>
              {byDay ? label : `${label} now`}
            </dt>
            <dd className="font-semibold text-lg leading-tight">{latest ? latency(latest[key]) : '–'}</dd>
          </div>
        ))}
      </dl>
      {byDay && latest && (
        <p className="text-soft text-xs">
          since <Instant at={latest.at} by="utc-day" />
        </p>
      )}
    </div>
  );
}

const COLUMNS = [
  ...PERCENTILES.map(({ key, label }) => [key, label] as const),
  ['min_ms', 'Least'],
  ['max_ms', 'Most'],
] as const;

type TableProps = { buckets: readonly LatencyBucket[]; byDay: boolean; caption: string };

function LatencyTable({ buckets, byDay, caption }: TableProps) {
  return (
    <details className="mt-3">
      <summary className="w-fit rounded text-soft hover:text-ink">The same as a table</summary>
      <section
        aria-label={caption}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard.
        tabIndex={0}
        className="mt-2 max-h-80 overflow-auto rounded-lg border border-line"
      >
        <table className="w-full whitespace-nowrap text-xs">
          <caption className="sr-only">{caption}</caption>
          <thead className="sticky top-0 bg-sunken">
            <tr>
              <Head>From</Head>
              <Head>Checks</Head>
              {COLUMNS.map(([, label]) => (
                <Head key={label}>{label}</Head>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...buckets].reverse().map((bucket) => (
              <tr key={bucket.at} className="border-line border-t">
                <th scope="row" className="px-3 py-1.5 text-left font-normal">
                  <Instant at={bucket.at} by={byDay ? 'utc-day' : 'time'} />
                </th>
                <td className="px-3 py-1.5 text-right">{count(bucket.count)}</td>
                {COLUMNS.map(([key]) => (
                  <td key={key} className="px-3 py-1.5 text-right">
                    {latency(bucket[key])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

const Head = ({ children }: { children: ReactNode }) => (
  <th scope="col" className="px-3 py-2 text-right font-medium text-soft first:text-left">
    {children}
  </th>
);
