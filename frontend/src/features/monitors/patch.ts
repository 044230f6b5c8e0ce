/** Lays what the stream of events tells over what is in the cache, so that the page shows it at once. */

import type { QueryClient, QueryKey } from '@tanstack/react-query';
import type { Monitor } from '@/api/types';
import { layOver, type News, tellReadings } from './news';
import { monitorKeys, monitorQuery } from './queries';

/** Lays news over the list in one step, and over the pages of the monitors that they are about. */
export function layNewsOver(client: QueryClient, news: readonly News[]): void {
  change<Monitor[]>(client, monitorKeys.list, (monitors) => layOver(monitors, news));
  for (const { id, patch } of news) change<Monitor>(client, monitorQuery(id).queryKey, patch);
  tellReadings(news);
}

/**
 * Changes what was read, if it was, without making the reading look younger than it is. One that is to be asked for again
 * stays that: setting data would take the mark away, and an age beyond all measure stands for it.
 */
function change<Data>(client: QueryClient, queryKey: QueryKey, patch: (data: Data) => Data): void {
  const state = client.getQueryState<Data>(queryKey);
  if (state?.data === undefined) return;
  const updatedAt = state.isInvalidated ? 0 : state.dataUpdatedAt;
  client.setQueryData(queryKey, patch(state.data), { updatedAt });
}

/** So many monitors are read one by one; where more are to be read, the whole list is. */
const MAX_READ_ONE_BY_ONE = 20;

/** Whether its last check does not go with its status: it is not confirmed yet, or nobody told of the change. */
const isAtOdds = ({ status, last_check }: Monitor): boolean =>
  last_check !== null && last_check.status !== status && status !== 'PAUSED' && status !== 'MAINTENANCE';

/**
 * Reads those of these monitors again that the list shows at odds with their last check. A change that came between the
 * reading of the list and the beginning of the stream is in neither of them.
 */
export async function readWhatIsAtOdds(client: QueryClient, ids: ReadonlySet<string>): Promise<void> {
  const listed = client.getQueryData<Monitor[]>(monitorKeys.list) ?? [];
  const odd = listed.filter((monitor) => ids.has(monitor.id) && isAtOdds(monitor));
  if (odd.length > MAX_READ_ONE_BY_ONE) return client.invalidateQueries({ queryKey: monitorKeys.list });
  for (const { id } of odd) {
    const { recent_checks: _, ...read } = await client.fetchQuery(monitorQuery(id));
    change<Monitor[]>(client, monitorKeys.list, (monitors) =>
      monitors.map((monitor) => (monitor.id === id ? { ...monitor, ...read } : monitor)),
    );
  }
}

/** What a monitor is called, where the cache knows it. */
export function knownName(client: QueryClient, id: string): string | undefined {
  const known = client.getQueryData(monitorQuery(id).queryKey);
  return (known ?? client.getQueryData<Monitor[]>(monitorKeys.list)?.find((monitor) => monitor.id === id))
    ?.name;
}
