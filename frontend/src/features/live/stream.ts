/**
 * The stream of events, read with `fetch` because the token travels in a header and never in a URL. It is read while
 * the page is looked at, and taken up again, with a growing pause, whenever it breaks.
 */

import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { CheckEvent, FlipEvent } from '@/api/types';

/** The server gives a sign of life every 15 seconds; three of them missing means that it is gone. */
const SILENCE_MS = 45_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
/** A stream that was heard for so long and then ended in order is taken up at once: it ends with its access token. */
const HEARD_MS = 5_000;

export type LiveEvent = { kind: 'check'; event: CheckEvent } | { kind: 'flip'; event: FlipEvent };

export type StreamPorts = {
  /** Asks for the stream. */
  open: (signal: AbortSignal) => Promise<Response>;
  onEvent: (event: LiveEvent) => void;
  /** The stream is read. It tells what happened since about the time it was asked for, and nothing from before. */
  onConnected: (askedAt: number) => void;
  /** The stream broke, or could not be had. One that has come to its end in order is no fault. */
  onBroken: () => void;
  /** A number from 0 to 1, so that many pages do not come back at the same instant. */
  random: () => number;
};

/** Reads the stream until it is told to stop. */
export async function follow(ports: StreamPorts, stop: AbortSignal): Promise<void> {
  let failures = 0;
  while (!stop.aborted) {
    const end = await readOnce(ports, stop).catch((): End => 'refused');
    if (stop.aborted) return;
    failures = end === 'refused' ? failures + 1 : 0;
    if (end === 'complete') continue;
    ports.onBroken();
    await pause(backoff(failures, ports.random()), stop);
  }
}

/** The pause before trying again: doubled with each failure up to a bound, the second half of it left to chance. */
export function backoff(failures: number, chance: number): number {
  const whole = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  return whole / 2 + (whole / 2) * chance;
}

/** How a stream came to its end: there was none, it broke, or the server ended it after a while. */
type End = 'refused' | 'broken' | 'complete';

async function readOnce(ports: StreamPorts, stop: AbortSignal): Promise<End> {
  const askedAt = Date.now();
  const silence = new AbortController();
  const signal = AbortSignal.any([stop, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  try {
    const response = await ports.open(signal);
    if (!response.ok || !response.body) return 'refused';
    ports.onConnected(askedAt);
    const signsOfLife = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        heard();
        controller.enqueue(chunk);
      },
    });
    const messages = response.body
      .pipeThrough(signsOfLife)
      .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .pipeThrough(new EventSourceParserStream());
    const inOrder = await deliver(messages, ports.onEvent).then(
      () => true,
      () => false,
    );
    return inOrder && Date.now() - askedAt >= HEARD_MS ? 'complete' : 'broken';
  } finally {
    clearTimeout(timer);
  }
}

async function deliver(
  messages: ReadableStream<{ event?: string | undefined; data: string }>,
  onEvent: StreamPorts['onEvent'],
): Promise<void> {
  const reader = messages.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const { event, data } = next.value;
    if (event === 'check') onEvent({ kind: 'check', event: JSON.parse(data) as CheckEvent });
    if (event === 'flip') onEvent({ kind: 'flip', event: JSON.parse(data) as FlipEvent });
  }
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done);
    if (stop.aborted) done();
  });
}
