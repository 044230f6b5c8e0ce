/** The real program, started on a port and a data directory of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from '@playwright/test';

const BINARY = resolve(process.env.WATCHKEEPER_BIN ?? '../target/debug/watchkeeper');
/** A debug build on a busy machine takes its time to migrate and to bind. */
const START_MS = 60_000;

export type Program = {
  url: string;
  /** What it has printed so far, its log among it. */
  output: () => string;
  /** The lines that it has printed on standard output so far: what people are told on the console. */
  told: () => string[];
  /** Stops it, with the database left as it is. */
  goAway: () => Promise<void>;
  /** Starts it again on the same port and database. */
  comeBack: () => Promise<void>;
  stop: () => Promise<void>;
};

/** Starts the program and waits until it is ready. */
export async function startProgram(): Promise<Program> {
  const data = await mkdtemp(join(tmpdir(), 'watchkeeper-e2e-'));
  // The system chooses a port at first; whoever comes back listens on the same one.
  let listen = '127.0.0.1:0';
  const printed: string[] = [];
  const told: string[] = [];
  const output = () => printed.join('');
  const start = async (): Promise<ChildProcess> => {
    const before = addresses(told).length;
    const child = spawn(BINARY, ['serve'], {
      env: {
        PATH: process.env.PATH,
        WATCHKEEPER_LISTEN: listen,
        WATCHKEEPER_DATA_DIR: data,
        WATCHKEEPER_ALLOW_TARGETS: '127.0.0.0/8',
        WATCHKEEPER_MIN_INTERVAL_SECONDS: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (chunk: Buffer) => {
      printed.push(chunk.toString());
      told.push(chunk.toString());
    });
    child.stderr.on('data', (chunk: Buffer) => printed.push(chunk.toString()));
    await once(child, 'spawn').catch((error: Error) => {
      throw new Error(`${BINARY} cannot be started (build it, or set WATCHKEEPER_BIN): ${error.message}`);
    });
    listen = await addressOf(child, told, before, output);
    await waitUntilReady(child, `http://${listen}`, output);
    return child;
  };
  let child = await start();
  const url = `http://${listen}`;
  return {
    url,
    output,
    told: () => told.join('').split('\n'),
    goAway: () => end(child),
    comeBack: async () => {
      child = await start();
    },
    stop: async () => {
      await end(child);
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Where it says that it listens: the newest such line, which is the first of each start. */
async function addressOf(
  child: ChildProcess,
  told: readonly string[],
  before: number,
  output: () => string,
): Promise<string> {
  await expect
    .poll(
      () => {
        if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}:\n${output()}`);
        return addresses(told).length;
      },
      { timeout: START_MS, message: 'the program listens' },
    )
    .toBeGreaterThan(before);
  return addresses(told).at(-1) ?? '';
}

const addresses = (told: readonly string[]): string[] =>
  [...told.join('').matchAll(/^Watchkeeper listens on http:\/\/(\S+)$/gm)].map(([, address = '']) => address);

async function waitUntilReady(child: ChildProcess, url: string, output: () => string): Promise<void> {
  await expect
    .poll(
      async () => {
        if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}:\n${output()}`);
        return (await fetch(`${url}/readyz`).catch(() => undefined))?.status;
      },
      { timeout: START_MS, message: 'the program is ready' },
    )
    .toBe(200);
}

/** Asks it to stop, as a service manager does, and sees it go. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
