/** Ties the stream of events to the cache and to the notes: what is told is shown at once, the rest is asked again. */

import type { QueryClient } from '@tanstack/react-query';
import { API } from '@/api/browser';
import { fetchWithSession } from '@/api/client';
import type { FlipEvent } from '@/api/types';
import { incidentsKey } from '@/features/incidents/queries';
import { Collector } from '@/features/live/collector';
import { setConnection } from '@/features/live/connection';
import { follow, type LiveEvent } from '@/features/live/stream';
import { knownName, layCheckOver, layFlipOver, readWhatIsAtOdds } from '@/features/monitors/patch';
import { monitorKeys } from '@/features/monitors/queries';
import { STATUS } from '@/status/words';
import { note } from '@/ui/notes';

/** The page of a monitor is read again at most this often, however often it is checked. */
const REREAD_MS = 2_000;

/** Keeps the cache live while somebody looks at the page. Gives back how to stop it. */
export function startLive(client: QueryClient): () => void {
  const reread = new Collector((monitors) => {
    for (const id of monitors)
      void client.invalidateQueries({
        queryKey: monitorKeys.one(id),
        // What could not be read stays the picture of that until it is tried again, instead of flickering.
        predicate: ({ state }) => state.data !== undefined,
      });
    // One that cannot be read now is read with the whole list, which is asked for again once in a while.
    void readWhatIsAtOdds(client, monitors).catch(() => undefined);
  }, REREAD_MS);
  let stop: AbortController | undefined;

  const listen = () => {
    stop = new AbortController();
    void follow(
      {
        open: (signal) =>
          fetchWithSession(
            new Request(`${API}/events`, { signal, headers: { Accept: 'text/event-stream' } }),
          ),
        onEvent: (event) => take(client, reread, event),
        onConnected: (askedAt) => {
          setConnection('live');
          readAgain(client, askedAt);
        },
        onBroken: () => setConnection('broken'),
        random: Math.random,
      },
      stop.signal,
    );
  };
  // A browser grants a server few connections over all tabs: only tabs that are looked at hold one.
  const followVisibility = () => {
    stop?.abort();
    if (document.visibilityState === 'visible') listen();
    else setConnection('connecting');
  };
  followVisibility();
  document.addEventListener('visibilitychange', followVisibility);
  return () => {
    document.removeEventListener('visibilitychange', followVisibility);
    stop?.abort();
    reread.stop();
    setConnection('connecting');
  };
}

/** Reads again what was read before there was a stream to tell of changes. What is just coming for the first time is new. */
function readAgain(client: QueryClient, askedAt: number): void {
  void client.invalidateQueries({
    predicate: ({ state }) => {
      const isComing = state.data === undefined && state.fetchStatus === 'fetching';
      return !isComing && state.dataUpdatedAt < askedAt;
    },
  });
}

function take(client: QueryClient, reread: Collector, { kind, event }: LiveEvent): void {
  if (kind === 'check') layCheckOver(client, event);
  else {
    layFlipOver(client, event);
    announce(client, event);
    void client.invalidateQueries({ queryKey: incidentsKey });
  }
  reread.add(event.monitor_id);
}

/** Says that something went down, came back, or is not well. Pausing and the first check are no news. */
function announce(client: QueryClient, { monitor_id, from, to, reason }: FlipEvent): void {
  if (to === 'PENDING' || to === 'PAUSED' || (from === 'PENDING' && to === 'UP')) return;
  const name = knownName(client, monitor_id);
  if (name === undefined) return;
  note({
    tone: to === 'UP' ? 'good' : to === 'DOWN' ? 'bad' : 'plain',
    title: `${name} is ${STATUS[to].label.toLowerCase()}`,
    text: reason ?? undefined,
  });
}
