import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Loaded } from '@/answer/loaded';
import { ShowMore } from '@/answer/show-more';
import type { Check, CheckStatus } from '@/api/types';
import { latency } from '@/format/duration';
import { StatusBadge } from '@/status/badge';
import { CHECK_STATUSES, STATUS } from '@/status/words';
import { chosenLink } from '@/ui/chosen-link';
import { Panel } from '@/ui/panel';
import { Empty, LoadingLines } from '@/ui/states';
import { Instant } from '@/ui/time';
import { checksQuery } from './queries';
import { WINDOWS, type WindowName } from './windows';

const FILTERS: readonly (CheckStatus | undefined)[] = [undefined, ...CHECK_STATUSES];

type LogProps = { id: string; window: WindowName; status: CheckStatus | undefined };

/** The log of checks, newest first, page by page. */
export function LogPanel({ id, window, status }: LogProps) {
  const query = useInfiniteQuery(checksQuery(id, window, status));
  return (
    <Panel title="Check log" flush aside={<LogFilter id={id} chosen={status} />}>
      <Loaded
        query={query}
        what="the check log"
        loading={<LoadingLines what="the check log" lines={12} flush />}
      >
        {(checks) =>
          checks.length > 0 || query.hasNextPage ? (
            <CheckTable checks={checks} />
          ) : query.isPlaceholderData ? (
            <LoadingLines what="the check log" lines={12} flush />
          ) : (
            <Empty
              title={
                status
                  ? `No check was ${STATUS[status].label.toLowerCase()} in ${WINDOWS[window].words}.`
                  : `No check in ${WINDOWS[window].words}.`
              }
            />
          )
        }
      </Loaded>
      <ShowMore query={query}>Show older checks</ShowMore>
    </Panel>
  );
}

const LogFilter = ({ id, chosen }: { id: string; chosen: CheckStatus | undefined }) => (
  <nav aria-label="Checks by status" className="flex flex-wrap gap-1">
    {FILTERS.map((status) => (
      <Link
        key={status ?? 'all'}
        to="/monitors/$id"
        params={{ id }}
        search={({ status: _, ...rest }) => (status ? { ...rest, status } : rest)}
        replace
        resetScroll={false}
        {...chosenLink(chosen === status)}
        className="grid h-8 place-items-center rounded-md px-2.5 font-medium text-soft text-xs hover:text-ink data-chosen:bg-sunken data-chosen:text-ink"
      >
        {status ? STATUS[status].label : 'All'}
      </Link>
    ))}
  </nav>
);

const ORIGIN: Record<Check['origin'], string> = {
  scheduled: 'Scheduled',
  confirmation: 'Confirmation',
  manual: 'Manual',
};

const PHASES = [
  ['dns_ms', 'DNS'],
  ['connect_ms', 'connect'],
  ['tls_ms', 'TLS'],
  ['first_byte_ms', 'first byte'],
  ['transfer_ms', 'transfer'],
] as const;

/** `DNS 0.21 ms · connect 0.10 ms`: the phases that happened. */
export const phases = (timings: Check['timings']): string =>
  PHASES.flatMap(([key, label]) => {
    const ms = timings[key];
    return typeof ms === 'number' ? [`${label} ${latency(ms)}`] : [];
  }).join(' · ');

function CheckTable({ checks }: { checks: readonly Check[] }) {
  const head = 'px-4 py-2 text-left font-medium text-soft text-xs';
  return (
    <div>
      <table className="w-full">
        <caption className="sr-only">Checks, newest first</caption>
        <thead className="max-sm:sr-only">
          <tr className="border-line border-b">
            <th scope="col" className={head}>
              Slot
            </th>
            <th scope="col" className={head}>
              Status
            </th>
            <th scope="col" className={`${head} text-right`}>
              Latency
            </th>
            <th scope="col" className={`${head} max-sm:hidden`}>
              Answer
            </th>
            <th scope="col" className={`${head} max-lg:hidden`}>
              Phases
            </th>
            <th scope="col" className={`${head} max-sm:hidden`}>
              Origin
            </th>
          </tr>
        </thead>
        <tbody>
          {checks.map((check) => (
            <CheckRow key={`${check.slot} ${check.region}`} check={check} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function CheckRow({ check }: { check: Check }) {
  const cell = 'px-4 py-2 align-top leading-6 max-sm:px-2 max-sm:first:pl-4 max-sm:last:pr-4';
  return (
    <tr className="border-line border-b last:border-b-0 hover:bg-sunken/60">
      <td className={`${cell} whitespace-nowrap max-sm:whitespace-normal`}>
        <Instant at={check.slot} />
        {check.reason && (
          <span className="block text-soft text-xs leading-normal first-letter:uppercase sm:hidden">
            {check.reason}
          </span>
        )}
      </td>
      <td className={cell}>
        <StatusBadge status={check.status} />
      </td>
      <td className={`${cell} whitespace-nowrap text-right font-medium`}>{latency(check.latency_ms)}</td>
      <td className={`${cell} wrap-anywhere first-letter:uppercase max-sm:hidden`}>
        {check.reason ?? (typeof check.http_status === 'number' ? `HTTP ${check.http_status}` : '–')}
      </td>
      <td className={`${cell} whitespace-nowrap text-soft text-xs leading-6 max-lg:hidden`}>
        {phases(check.timings)}
      </td>
      <td className={`${cell} text-soft max-sm:hidden`}>{ORIGIN[check.origin]}</td>
    </tr>
  );
}
