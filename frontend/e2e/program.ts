/** The real program, started on a port and a data directory of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
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
  const listen = `127.0.0.1:${await freePort()}`;
  const url = `http://${listen}`;
  const printed: string[] = [];
  const told: string[] = [];
  const output = () => printed.join('');
  const start = async (): Promise<ChildProcess> => {
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
    await waitUntilReady(child, url, output);
    return child;
  };
  let child = await start();
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

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
