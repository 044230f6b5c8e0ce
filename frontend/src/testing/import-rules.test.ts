// @vitest-environment node
/** Imports go one way. The rules are Biome's (`biome.json`): here they are tried out on files that break each of them. */

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** What each folder may import, itself left out. */
const MAY: Record<string, readonly string[]> = {
  clock: [],
  format: [],
  ui: ['clock', 'format'],
  api: ['clock', 'format'],
  status: ['api', 'format', 'ui'],
  answer: ['api', 'ui'],
  features: ['answer', 'api', 'clock', 'format', 'status', 'ui'],
  app: ['answer', 'api', 'clock', 'features', 'format', 'status', 'ui'],
};
const FOLDERS = [...Object.keys(MAY), 'testing', 'nowhere'].sort();

let place: string;
let refused: Set<string>;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'watchkeeper-import-rules-'));
  await cp('biome.json', join(place, 'biome.json'));
  for (const from of FOLDERS) {
    const lines = FOLDERS.map((to) => `import '@/${to}/file';\n`);
    await write(`src/${from}/probe.ts`, `${lines.join('')}import '../ui/file';\nimport './../ui/file';\n`);
  }
  await write('src/features/one/probe.ts', "import '@/features/two/file';\nimport '../two/file';\n");
  refused = await refusals();
});
afterAll(() => rm(place, { recursive: true }));

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(place, path)), { recursive: true });
  await writeFile(join(place, path), text);
}

/** What Biome refuses, each as `path:line`. */
async function refusals(): Promise<Set<string>> {
  const biome = join(process.cwd(), 'node_modules/.bin/biome');
  const args = [
    'lint',
    '--only=style/noRestrictedImports',
    '--max-diagnostics=none',
    '--reporter=github',
    '.',
  ];
  const report = await new Promise<string>((resolve) =>
    execFile(biome, args, { cwd: place }, (_, printed) => resolve(printed)),
  );
  const found = report.matchAll(/file=(?:.*\/)?(src\/[^,]+),line=(\d+)/g);
  return new Set([...found].map(([, path, line]) => `${path}:${line}`));
}

const permitted = (from: string): string[] =>
  FOLDERS.filter((to, place) => to !== from && !refused.has(`src/${from}/probe.ts:${place + 1}`));

test.each(Object.entries(MAY))('%s imports what stands below it, and nothing else', (from, may) => {
  expect(permitted(from)).toEqual(may);
});

test('a folder without a rule imports nothing, and is imported by nobody', () => {
  expect(permitted('nowhere')).toEqual([]);
  expect(refused).toContain(`src/app/probe.ts:${FOLDERS.indexOf('nowhere') + 1}`);
});

test('another folder is imported by its name alone', () => {
  for (const from of Object.keys(MAY)) {
    const lines = [1, 2].map((line) => `src/${from}/probe.ts:${FOLDERS.length + line}`);
    for (const line of lines) expect(refused).toContain(line);
  }
});

test('no feature imports another', () => {
  expect(refused).toContain('src/features/one/probe.ts:1');
  expect(refused).toContain('src/features/one/probe.ts:2');
});

test('every folder has its rule', async () => {
  const entries = await readdir('src', { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const folder of folders) expect([...Object.keys(MAY), 'testing']).toContain(folder);
});
