/**
 * Reads again what events were about and do not carry, once in a while. A reading that is under way is never cut off, or
 * over a slow link none would ever end: another one follows it.
 */

import type { InfiniteData, Query, QueryClient, QueryKey } from '@tanstack/react-query';
import { incidentsKey } from '@/api/keys';
import { Collector } from '@/features/live/collector';
import { readWhatIsAtOdds } from '@/features/monitors/patch';
import { monitorKeys } from '@/features/monitors/queries';

/** The page of a monitor is read again at most this often, however often it is checked. */
export const REREAD_MS = 2_000;

/**
 * What could not be read stays the picture of that until it is tried again, instead of flickering. A list whose older
 * pages were asked for is read again at its own pace, since that takes a request for each page.
 */
const isReadWithEvents = ({ state: { data } }: Query): boolean =>
  data !== undefined && ((data as Partial<InfiniteData<unknown>>).pages?.length ?? 1) <= 1;

export class Rereading {
  readonly #pages: Collector<string>;
  readonly #listed: Collector<string>;
  readonly #incidents: Collector<'all'>;

  constructor(private readonly client: QueryClient) {
    this.#pages = new Collector((ids) => {
      for (const id of ids) {
        const queryKey = monitorKeys.one(id);
        if (this.#isUnderWay(queryKey)) this.#pages.add(id);
        else void client.invalidateQueries({ queryKey, predicate: isReadWithEvents });
      }
    }, REREAD_MS);
    this.#listed = new Collector((ids) => {
      if (this.#isUnderWay(monitorKeys.list)) for (const id of ids) this.#listed.add(id);
      // One that cannot be read now is read with the whole list, which is asked for again once in a while.
      else void readWhatIsAtOdds(client, new Set(ids)).catch(() => undefined);
    }, REREAD_MS);
    this.#incidents = new Collector(() => {
      if (this.#isUnderWay(incidentsKey)) this.addIncidents();
      else void client.invalidateQueries({ queryKey: incidentsKey });
    }, REREAD_MS);
  }

  #isUnderWay(queryKey: QueryKey): boolean {
    return this.client.isFetching({ queryKey }) > 0;
  }

  /** Asks for a reading of the monitor's page, and of its line in the list where that is at odds with itself. */
  addMonitor(id: string): void {
    this.#pages.add(id);
    this.#listed.add(id);
  }

  /** Asks for a reading of the incidents. */
  addIncidents(): void {
    this.#incidents.add('all');
  }

  /** Forgets what was asked for. */
  stop(): void {
    this.#pages.stop();
    this.#listed.stop();
    this.#incidents.stop();
  }
}
