import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import clsx from 'clsx';
import { Loaded } from '@/answer/loaded';
import { ShowMore } from '@/answer/show-more';
import type { Gap, SlotAccount } from '@/api/types';
import { count } from '@/format/ratio';
import { STATUS } from '@/status/words';
import { CheckIcon, WarnIcon } from '@/ui/icons';
import { Panel } from '@/ui/panel';
import { LoadingLines } from '@/ui/states';
import { Instant } from '@/ui/time';
import { gapsQuery, slotsQuery } from './queries';
import { WINDOWS, type WindowName } from './windows';

const OUTCOMES = [
  { key: 'up', label: 'Up', fill: STATUS.UP.fill, means: 'checked, as expected' },
  { key: 'degraded', label: 'Degraded', fill: STATUS.DEGRADED.fill, means: 'checked, slow' },
  { key: 'down', label: 'Down', fill: STATUS.DOWN.fill, means: 'checked, failed' },
  { key: 'missed', label: 'Missed', fill: 'bg-edge', means: 'Watchkeeper was late or stopped' },
  { key: 'unknown', label: 'Unknown', fill: STATUS.UNKNOWN.fill, means: 'Watchkeeper had no network' },
  { key: 'skipped', label: 'Skipped', fill: STATUS.MAINTENANCE.fill, means: 'maintenance' },
] as const;

/**
 * The audit: what the schedule asked for, against what is in the record. What was due is computed from the schedule's
 * history and not from the log, so that the difference can be shown. It is zero.
 */
export function AuditPanel({ id, window }: { id: string; window: WindowName }) {
  const query = useQuery(slotsQuery(id, window));
  return (
    <Panel title="Slot audit">
      <Loaded query={query} what="the slot audit" loading={<LoadingLines what="the slot audit" lines={11} />}>
        {(account) => <Account account={account} window={window} />}
      </Loaded>
      <Gaps id={id} window={window} />
    </Panel>
  );
}

function Account({ account, window }: { account: SlotAccount; window: WindowName }) {
  const whole = account.unaccounted === 0;
  return (
    <>
      <p className="flex items-start gap-2.5">
        {whole ? (
          <CheckIcon className="mt-0.5 size-5 text-up" />
        ) : (
          <WarnIcon className="mt-0.5 size-5 text-down" />
        )}
        <span>
          <strong className="font-semibold">
            {whole ? 'Every slot is accounted for.' : imbalance(account.unaccounted)}
          </strong>{' '}
          <span className="text-soft">
            {count(account.due)} {account.due === 1 ? 'slot was' : 'slots were'} due in{' '}
            {WINDOWS[window].words}.
          </span>
        </span>
      </p>
      <div aria-hidden="true" className="mt-3 flex h-2 gap-px overflow-hidden rounded-full bg-sunken">
        {OUTCOMES.filter(({ key }) => account[key] > 0).map(({ key, fill }) => (
          <span key={key} style={{ flexGrow: account[key] }} className={clsx('min-w-0.5', fill)} />
        ))}
      </div>
      <table className="mt-3 w-full">
        <caption className="sr-only">
          What became of the slots that were due in {WINDOWS[window].words}
        </caption>
        <tbody>
          {OUTCOMES.map(({ key, label, fill, means }) => (
            <tr key={key} className="border-line border-b">
              <th scope="row" className="py-1.5 text-left font-normal">
                <span aria-hidden="true" className={clsx('mr-2 inline-block size-2 rounded-xs', fill)} />
                {label}
                <span className="ml-2 text-soft text-xs">{means}</span>
              </th>
              <td className="py-1.5 text-right font-medium">{count(account[key])}</td>
            </tr>
          ))}
          <Sum label="Due" value={account.due} means="what the schedule asked for" />
          <Sum
            label="Unaccounted"
            value={account.unaccounted}
            means="due, less all of the above"
            bad={!whole}
          />
          <Sum label="In flight" value={account.in_flight} means="started, or may still start" light />
        </tbody>
      </table>
    </>
  );
}

/** What it means that the account does not add up. */
export function imbalance(unaccounted: number): string {
  const n = Math.abs(unaccounted);
  const slots = `${count(n)} ${n === 1 ? 'slot' : 'slots'}`;
  return unaccounted > 0
    ? `${slots} ${n === 1 ? 'is' : 'are'} not accounted for.`
    : `${slots} too many ${n === 1 ? 'is' : 'are'} on record.`;
}

type SumProps = { label: string; value: number; means: string; bad?: boolean; light?: boolean };

const Sum = ({ label, value, means, bad, light }: SumProps) => (
  <tr className={clsx(bad && 'text-down', !light && 'font-semibold')}>
    <th scope="row" className="pt-1.5 text-left font-[inherit]">
      {label}
      <span className="ml-2 font-normal text-soft text-xs">{means}</span>
    </th>
    <td className="pt-1.5 text-right">{count(value)}</td>
  </tr>
);

const WHY: Record<Gap['outcome'], string> = {
  missed: 'Missed: Watchkeeper was late or stopped',
  unknown: 'Unknown: Watchkeeper had no network',
  skipped: 'Skipped: maintenance',
};

/** The slots without a check, as runs. */
function Gaps({ id, window }: { id: string; window: WindowName }) {
  const query = useInfiniteQuery(gapsQuery(id, window));
  return (
    <div className="mt-5">
      <h3 className="label-caps">Gaps</h3>
      <Loaded query={query} what="the gaps">
        {(gaps) =>
          gaps.length === 0 ? (
            <p className="mt-1 text-soft">None: no slot in {WINDOWS[window].words} went without a check.</p>
          ) : (
            <ul className="mt-1.5 grid gap-1.5">
              {gaps.map((gap) => (
                <li
                  key={`${gap.outcome} ${gap.first_slot}`}
                  className="flex items-start justify-between gap-x-4"
                >
                  <span>
                    {WHY[gap.outcome]}
                    <span className="block text-soft text-xs">
                      <Instant at={gap.first_slot} />
                      {gap.count > 1 && (
                        <>
                          {' to '}
                          <Instant at={gap.last_slot} />
                        </>
                      )}
                    </span>
                  </span>
                  <span className="whitespace-nowrap font-medium">
                    {count(gap.count)} {gap.count === 1 ? 'slot' : 'slots'}
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <ShowMore query={query}>Show older gaps</ShowMore>
    </div>
  );
}
