import { useQuery } from '@tanstack/react-query';
import clsx from 'clsx';
import { Loaded } from '@/answer/loaded';
import { problemOf } from '@/api/problem';
import type { StatusSpan } from '@/api/types';
import { duration } from '@/format/duration';
import { instant, secondsBetween } from '@/format/instant';
import { StatusBadge } from '@/status/badge';
import { STATUS } from '@/status/words';
import { Panel } from '@/ui/panel';
import { Empty } from '@/ui/states';
import { Instant } from '@/ui/time';
import { stretchesOf } from './history-columns';
import { historyQuery } from './queries';
import { DAY_SECONDS, WINDOWS, type WindowName } from './windows';

/** So many of the newest spans are listed as text. The bar shows them all. */
const MAX_LISTED = 50;

/** From this length on the ends of the bar are known by their days. */
const BY_DAY_SECONDS = 14 * DAY_SECONDS;

/** What the server calls a window with more changes of status than it tells at once. */
const TOO_FULL = 'window_too_full';

/** The status over the window, to scale. A failure is never too short to be seen. */
export function HistoryPanel({ id, window }: { id: string; window: WindowName }) {
  const query = useQuery(historyQuery(id, window));
  const { words } = WINDOWS[window];
  return (
    <Panel title="Status history">
      {query.error && isTooFull(query.error) ? (
        <Empty title={`The status changed too often in ${words} to be shown.`}>
          <p>A shorter window has fewer changes.</p>
        </Empty>
      ) : (
        <Loaded query={query} what="the status history">
          {(spans) =>
            spans.length === 0 ? (
              <Empty title={`Nothing is recorded for ${words}.`} />
            ) : (
              <Spans spans={spans} />
            )
          }
        </Loaded>
      )}
    </Panel>
  );
}

const isTooFull = (error: Error): boolean => problemOf(error).fields.some(({ code }) => code === TOO_FULL);

function Spans({ spans }: { spans: readonly StatusSpan[] }) {
  const [first, last] = [spans[0], spans[spans.length - 1]];
  return (
    <>
      <div aria-hidden="true" className="flex h-9 overflow-hidden rounded-lg bg-sunken">
        {stretchesOf(spans).map(({ status, from, to, columns, seconds }) => (
          <span
            key={from}
            style={{ flexGrow: columns }}
            title={`${STATUS[status].label} for ${duration(seconds)}, between ${instant(new Date(from))} and ${instant(new Date(to))}`}
            className={clsx('min-w-0 basis-0', STATUS[status].fill)}
          />
        ))}
      </div>
      {first && last && <Ends from={first.from} to={last.to} />}
      <details className="mt-2">
        <summary className="w-fit rounded text-soft hover:text-ink">The same as a list</summary>
        <ul className="mt-2 grid gap-1.5">
          {[...spans]
            .reverse()
            .slice(0, MAX_LISTED)
            .map((span) => (
              <li key={span.from} className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <StatusBadge status={span.status} />
                <span className="font-medium">{duration(secondsBetween(span.from, span.to))}</span>
                <span className="text-soft">
                  from <Instant at={span.from} /> to <Instant at={span.to} />
                </span>
              </li>
            ))}
        </ul>
        {spans.length > MAX_LISTED && (
          <p className="mt-2 text-soft">
            The newest {MAX_LISTED} are listed; a shorter window shows more of its own.
          </p>
        )}
      </details>
    </>
  );
}

function Ends({ from, to }: { from: string; to: string }) {
  const by = secondsBetween(from, to) >= BY_DAY_SECONDS ? 'day' : 'time';
  return (
    <p className="mt-1.5 flex justify-between text-soft text-xs">
      <Instant at={from} by={by} />
      <Instant at={to} by={by} />
    </p>
  );
}
