/** What holds on every page: nothing in the console, no breach of the content policy, nobody kept out. */

import { expect, type Page } from '@playwright/test';
import axe, { type AxeResults } from 'axe-core';

const PHONE = { width: 360, height: 740 };
const TABLET = { width: 768, height: 1024 };
const DESK = { width: 1280, height: 900 };

/** Collects what the browser complains about from now on. */
export async function collectComplaints(page: Page): Promise<string[]> {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()))
      complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      // biome-ignore lint/suspicious/noConsole: the console is where complaints are collected from.
      console.error(`content policy: ${event.violatedDirective} refused ${event.blockedURI || 'inline'}`);
    });
  });
  return complaints;
}

/** Looks at the page as it stands: in both themes, for barriers; and on smaller screens, for what does not fit. */
export async function expectWellMade(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await barriers(page), `${name}, ${colorScheme}`).toEqual([]);
  }
  for (const size of [TABLET, PHONE]) {
    await page.setViewportSize(size);
    // A drawing takes on a new size in the frame after that of everything else.
    await expect
      .poll(
        () => page.evaluate(() => document.documentElement.scrollWidth),
        `${name} at ${size.width} pixels`,
      )
      .toBeLessThanOrEqual(size.width);
  }
  expect(await barriers(page), `${name}, on a phone`).toEqual([]);
  await page.setViewportSize(DESK);
}

/** What axe calls serious or critical, with the elements that it is about. */
async function barriers(page: Page): Promise<string[]> {
  // Evaluated by the debugger and not put into the page: the content policy stands.
  await page.evaluate(axe.source);
  const results = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  );
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
}
