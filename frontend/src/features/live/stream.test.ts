import { expect, test, vi } from 'vitest';
import { check } from '@/testing/examples';
import { Collector } from './collector';
import { backoff, follow, type LiveEvent, type StreamPorts } from './stream';

const encode = (text: string) => new TextEncoder().encode(text);

/** A stream that gives these pieces, and then ends or, if told so, stays open until the reader leaves. */
function streamOf(
  pieces: string[],
  { open = false, signal }: { open?: boolean; signal?: AbortSignal } = {},
): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encode(piece));
      if (!open) controller.close();
      signal?.addEventListener('abort', () => controller.error(signal.reason));
    },
  });
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
}

function ports(change: Partial<StreamPorts>): StreamPorts {
  return {
    open: vi.fn(),
    onEvent: vi.fn(),
    onConnected: vi.fn(),
    onBroken: vi.fn(),
    random: () => 0,
    ...change,
  };
}

test('events are read whole, however the network cuts them', async () => {
  const told = { monitor_id: 'm', check: check() };
  const text = `: hello\n\nevent: check\ndata: ${JSON.stringify(told)}\n\nevent: other\ndata: {}\n\n`;
  const stop = new AbortController();
  const heard: LiveEvent[] = [];
  await follow(
    ports({
      open: async () => streamOf([text.slice(0, 30), text.slice(30, 71), text.slice(71)]),
      onEvent: (event) => heard.push(event),
      onBroken: () => stop.abort(),
    }),
    stop.signal,
  );
  expect(heard).toEqual([{ kind: 'check', event: told }]);
});

test('a stream that breaks is taken up again', async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  const onConnected = vi.fn(() => {
    if (onConnected.mock.calls.length === 2) stop.abort();
  });
  const onBroken = vi.fn();
  const following = follow(ports({ open: async () => streamOf([]), onConnected, onBroken }), stop.signal);
  await vi.runAllTimersAsync();
  await following;
  vi.useRealTimers();
  expect(onConnected).toHaveBeenCalledTimes(2);
  expect(onBroken).toHaveBeenCalledTimes(1);
});

test('a stream that ends in order after a while, as with its token, is taken up at once and is no fault', async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  const onBroken = vi.fn();
  const asked: number[] = [];
  const open = async (signal: AbortSignal) => {
    if (asked.length > 0) return streamOf([': hello\n\n'], { open: true, signal });
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void setTimeout(() => controller.close(), 10_000),
    });
    return new Response(body);
  };
  const began = Date.now();
  const following = follow(ports({ open, onConnected: (at) => asked.push(at), onBroken }), stop.signal);
  await vi.advanceTimersByTimeAsync(10_000);
  stop.abort();
  await following;
  vi.useRealTimers();
  expect(asked).toEqual([began, began + 10_000]);
  expect(onBroken).not.toHaveBeenCalled();
});

test('a stream that has fallen silent is given up', async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  const open = vi.fn(async (signal: AbortSignal) => streamOf([': hello\n\n'], { open: true, signal }));
  const following = follow(ports({ open, onBroken: () => stop.abort() }), stop.signal);
  await vi.advanceTimersByTimeAsync(44_000);
  expect(stop.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(2_000);
  await following;
  vi.useRealTimers();
  expect(stop.signal.aborted).toBe(true);
});

test('a refused stream is no connection', async () => {
  const stop = new AbortController();
  const onConnected = vi.fn();
  await follow(
    ports({
      open: async () => new Response(null, { status: 503 }),
      onConnected,
      onBroken: () => stop.abort(),
    }),
    stop.signal,
  );
  expect(onConnected).not.toHaveBeenCalled();
});

test('the pause grows with each failure up to a bound', () => {
  expect([0, 1, 2, 3].map((failures) => backoff(failures, 1))).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(backoff(50, 1)).toBe(10_000);
  expect(backoff(50, 0)).toBe(5_000);
});

test('many events about one thing ask for one reading', () => {
  vi.useFakeTimers();
  const hand = vi.fn();
  const collector = new Collector(hand, 2_000);
  for (const name of ['a', 'b', 'a']) collector.add(name);
  vi.advanceTimersByTime(2_000);
  collector.add('a');
  vi.advanceTimersByTime(2_000);
  vi.useRealTimers();
  expect(hand.mock.calls).toEqual([[['a', 'b']], [['a']]]);
});
