/** Ties the stream of events to the cache and to the notes: what is told is shown at once, the rest is asked again. */

import type { QueryClient } from '@tanstack/react-query';
import { API } from '@/api/browser';
import { fetchWithSession } from '@/api/client';
import type { FlipEvent } from '@/api/types';
import { Collector } from '@/features/live/collector';
import { setConnection } from '@/features/live/connection';
import { follow, type LiveEvent } from '@/features/live/stream';
import { checkNews, flipNews } from '@/features/monitors/news';
import { knownName, layNewsOver } from '@/features/monitors/patch';
import { STATUS } from '@/status/words';
import { note } from '@/ui/notes';
import { Rereading } from './rereading';

/** So long events are gathered, to be shown in one go: thousands of monitors are checked many times a second. */
const GATHER_MS = 250;

/** Keeps the cache live while somebody looks at the page. Gives back how to stop it. */
export function startLive(client: QueryClient): () => void {
  const rereading = new Rereading(client);
  const gathered = new Collector<LiveEvent>((events) => show(client, rereading, events), GATHER_MS);
  let stop: AbortController | undefined;

  const listen = () => {
    stop = new AbortController();
    void follow(
      {
        open: (signal) =>
          fetchWithSession(
            new Request(`${API}/events`, { signal, headers: { Accept: 'text/event-stream' } }),
          ),
        onEvent: (event) => gathered.add(event),
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
    gathered.stop();
    rereading.stop();
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

function show(client: QueryClient, rereading: Rereading, events: readonly LiveEvent[]): void {
  layNewsOver(
    client,
    events.map((told) => (told.kind === 'check' ? checkNews(told.event) : flipNews(told.event))),
  );
  for (const { kind, event } of events) {
    if (kind === 'flip') {
      announce(client, event);
      rereading.addIncidents();
    }
    rereading.addMonitor(event.monitor_id);
  }
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
