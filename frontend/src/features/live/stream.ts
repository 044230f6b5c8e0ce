/**
 * The stream of events, read with `fetch` because the token travels in a header and never in a URL. It is read while
 * the page is looked at, and taken up again, with a growing pause, whenever it breaks.
 */

import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { CheckEvent, FlipEvent } from '@/api/types';

/** The server gives a sign of life every 15 seconds; three of them missing means that it is gone. */
const SILENCE_MS = 45_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export type LiveEvent = { kind: 'check'; event: CheckEvent } | { kind: 'flip'; event: FlipEvent };

export type StreamPorts = {
  /** Asks for the stream. */
  open: (signal: AbortSignal) => Promise<Response>;
  onEvent: (event: LiveEvent) => void;
  /** The stream is read from now on; what happened before is not in it. */
  onConnected: () => void;
  /** The stream broke, or could not be had. */
  onBroken: () => void;
  /** A number from 0 to 1, so that many pages do not come back at the same instant. */
  random: () => number;
};

/** Reads the stream until it is told to stop. */
export async function follow(ports: StreamPorts, stop: AbortSignal): Promise<void> {
  let failures = 0;
  while (!stop.aborted) {
    const connected = await readOnce(ports, stop).catch(() => false);
    if (stop.aborted) return;
    ports.onBroken();
    failures = connected ? 0 : failures + 1;
    await pause(backoff(failures, ports.random()), stop);
  }
}

/** The pause before trying again: doubled with each failure up to a bound, the second half of it left to chance. */
export function backoff(failures: number, chance: number): number {
  const whole = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  return whole / 2 + (whole / 2) * chance;
}

/** Reads one stream to its end; `false` where there was none. */
async function readOnce(ports: StreamPorts, stop: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  const signal = AbortSignal.any([stop, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  try {
    const response = await ports.open(signal);
    if (!response.ok || !response.body) return false;
    ports.onConnected();
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
    await deliver(messages, ports.onEvent).catch(() => undefined);
    return true;
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
