/** The main job, as a person does it: sign up, add a URL, watch it go down and come back, look into it, tidy up. */

import { expect, type Locator, type Page, test } from '@playwright/test';
import { collectComplaints, expectWellMade } from './page-check';
import { type Program, startProgram } from './program';
import { startTarget, type Target } from './target';

const EMAIL = 'ada@example.org';
const PASSWORD = 'mossy lantern by the quay';

let program: Program;
let target: Target;

test.beforeEach(async () => {
  [program, target] = await Promise.all([startProgram(), startTarget()]);
});

// biome-ignore lint/correctness/noEmptyPattern: the runner reads from this which fixtures are wanted.
test.afterEach(async ({}, info) => {
  if (info.status !== info.expectedStatus) await info.attach('program', { body: program.output() });
  await Promise.all([program.stop(), target.stop()]);
});

/** The status at the head of a monitor's page. */
const statusOf = (page: Page): Locator => page.getByRole('main').getByRole('definition').first();

/** What the console has told about a monitor: each change, since when, and why. */
function alertsOf(name: string): string[] {
  const head = `"${name}" ${target.url} `;
  return program.told().flatMap((line) => (line.startsWith(head) ? [line.slice(head.length)] : []));
}

const region = (page: Page, name: string): Locator => page.getByRole('region', { name });

async function signUp(page: Page, url = program.url): Promise<void> {
  await page.goto(`${url}/signup`);
  await page.getByLabel('E-mail').fill(EMAIL);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await expect(page.getByText('Nothing is watched yet')).toBeVisible();
}

async function addMonitor(page: Page, name: string, url = target.url): Promise<void> {
  await page
    .getByRole('link', { name: /Add (monitor|your first URL)/ })
    .first()
    .click();
  await page.getByLabel('URL').fill(url);
  await page.getByLabel('Name').fill(name);
  // A target is given as long as its interval: a machine that stands still for a second is not a target that is down.
  await page.getByLabel('Check every (seconds)').fill('2');
  await page.getByRole('button', { name: 'Add monitor' }).click();
  await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();
}

async function logOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
}

async function logIn(page: Page): Promise<void> {
  await page.getByLabel('E-mail').fill(EMAIL);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
}

test('somebody watches a URL go down and come back', async ({ page }) => {
  const complaints = await collectComplaints(page);

  await test.step('a stranger is led to log in, and from there to sign up', async () => {
    await page.goto(program.url);
    await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible();
    await expectWellMade(page, 'log in');
    await page.getByRole('link', { name: 'Sign up' }).click();
    await expect(page.getByRole('heading', { name: 'Sign up' })).toBeVisible();
    await expectWellMade(page, 'sign up');
    await signUp(page);
    await expectWellMade(page, 'first run');
  });

  await test.step('a URL is added and is up, live', async () => {
    await page.getByRole('link', { name: 'Add your first URL' }).click();
    await expect(page.getByLabel('Check every (seconds)')).toHaveValue('60');
    await page.getByText('Request, expectation and confirmation').click();
    await expectWellMade(page, 'add monitor');
    await page.goBack();
    await addMonitor(page, 'Quay');
    await expect(statusOf(page)).toContainText('Up');
  });

  await test.step('it goes down, live, with an incident', async () => {
    target.goDown();
    await expect(statusOf(page)).toContainText('Down');
    await expect(page.getByRole('log')).toContainText('Quay is down');
    const incident = region(page, 'Incidents').getByRole('listitem').first();
    await expect(incident).toContainText('Ongoing');
    await expect(incident).toContainText('503');
    await expectWellMade(page, 'a monitor that is down');
  });

  await test.step('it comes back, live, and the incident ends', async () => {
    target.comeBack();
    await expect(statusOf(page)).toContainText('Up');
    await expect(region(page, 'Incidents').getByRole('listitem').first()).toContainText('Recovered');
    await expect
      .poll(() => alertsOf('Quay'), { message: 'the console tells both changes, each once' })
      .toEqual([
        expect.stringMatching(/^UP -> DOWN since \d{4}-\S+Z: the answer was 503/),
        expect.stringMatching(/^DOWN -> UP since \d{4}-\S+Z: it answers as expected$/),
      ]);
  });

  await test.step('graph, history, log and audit show what happened', async () => {
    await expect(region(page, 'Latency').locator('canvas')).toBeVisible();
    await region(page, 'Latency').getByText('The same as a table').click();
    await expect(region(page, 'Latency').getByRole('table').getByRole('row').nth(1)).toContainText('ms');
    await region(page, 'Status history')
      .getByText(/as a list$/)
      .click();
    await expect(
      region(page, 'Status history').getByRole('listitem').filter({ hasText: 'Down' }),
    ).not.toHaveCount(0);
    await expect(region(page, 'Slot audit')).toContainText('Every slot is accounted for.');
    // A monitor that was just made has one window: all others would repeat it.
    await expect(region(page, 'Uptime').getByText(/^\d+(\.\d+)? %$/)).toHaveCount(1);
    await expect(region(page, 'Uptime').getByText('100 %')).toHaveCount(0);
    const log = region(page, 'Check log');
    await log.getByRole('link', { name: 'Down' }).click();
    await expect(page).toHaveURL(/status=DOWN/);
    await expect(log.getByRole('row').filter({ hasText: 'HTTP 200' })).toHaveCount(0);
    await expect(log.getByRole('row').nth(1)).toContainText('the answer was 503');
    await page.getByRole('navigation', { name: 'Window of time' }).getByRole('link', { name: '7 d' }).click();
    await expect(page).toHaveURL(/window=7d/);
    await expectWellMade(page, 'a monitor');
  });

  await test.step('the incident has its cause, evidence and timeline', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Incidents' }).click();
    await expect(page.getByRole('listitem').filter({ hasText: 'Quay' })).toHaveCount(1);
    await expectWellMade(page, 'incidents');
    await page.getByRole('main').getByRole('link', { name: 'Quay' }).click();
    await expect(region(page, 'Timeline')).toContainText('The failure was confirmed: down.');
    await expect(region(page, 'Timeline')).toContainText('It recovered.');
    await expect(region(page, 'Evidence')).toContainText('out of order');
    await expectWellMade(page, 'an incident');
    await page.getByRole('link', { name: 'Show the monitor' }).click();
  });

  await test.step('it is renamed, checked at once, paused and resumed', async () => {
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByLabel('Name').fill('Harbour');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await expect(page.getByRole('heading', { name: 'Harbour', level: 1 })).toBeVisible();
    await page.getByRole('button', { name: 'Check now' }).click();
    await expect(page.getByRole('log')).toContainText('Harbour: Up in');
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect(statusOf(page)).toContainText('Paused');
    await page.getByRole('button', { name: 'Resume' }).click();
    await expect(statusOf(page)).toContainText('Up');
  });

  await test.step('its details are kept for less', async () => {
    const address = page.url();
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Settings' }).click();
    await expect(page.getByText('Kept for 7 days now')).toBeVisible();
    await expectWellMade(page, 'settings');
    await page.getByLabel('Full details (days)').fill('3');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await expect(page.getByRole('dialog')).toContainText('Full details: 3 days instead of 7 days');
    await expectWellMade(page, 'a question about history');
    await page.getByRole('button', { name: 'Let go of it' }).click();
    await expect(page.getByText('Kept for 3 days now')).toBeVisible();
    await page.goto(address);
    await expect(page.getByRole('heading', { name: 'Harbour', level: 1 })).toBeVisible();
  });

  await test.step('the documentation of the API opens and shows the operations', async () => {
    const documents = await page.context().newPage();
    const complaintsThere = await collectComplaints(documents);
    await documents.goto(`${program.url}/docs`);
    await expect(documents.getByRole('heading', { name: /Watchkeeper/ }).first()).toBeVisible();
    await expect(documents.getByText('/api/v1/monitors', { exact: true }).first()).toBeVisible();
    await documents.close();
    expect(complaintsThere).toEqual([]);
  });

  await test.step('a reload, and a theme, stay', async () => {
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitemradio', { name: 'Dark' }).click();
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Harbour', level: 1 })).toBeVisible();
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  });

  await test.step('logging out is for all tabs; logging in leads back to where one was', async () => {
    const other = await page.context().newPage();
    await other.goto(`${program.url}/monitors`);
    await expect(other.getByRole('link', { name: 'Harbour' })).toBeVisible();
    await page.bringToFront();
    await logOut(page);
    await expect(other.getByRole('heading', { name: 'Log in' })).toBeVisible();
    await other.close();
    await logIn(page);
    await expect(page.getByRole('heading', { name: 'Harbour', level: 1 })).toBeVisible();
  });

  await test.step('it is found in the list, and deleted after a question', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Monitors' }).click();
    await expect(page.getByRole('img', { name: /^Last \d+ checks: / })).toBeVisible();
    await expectWellMade(page, 'monitors');
    await page.getByRole('searchbox').fill('nothing like it');
    await expect(page.getByText('No monitor matches.')).toBeVisible();
    await page.getByRole('searchbox').fill('harb');
    await page.getByRole('button', { name: 'Actions for Harbour' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const question = page.getByRole('dialog', { name: 'Delete “Harbour”?' });
    await expect(question).toContainText(target.url);
    await expectWellMade(page, 'delete');
    await question.getByRole('button', { name: 'Delete monitor' }).click();
    await expect(page.getByText('Nothing is watched yet')).toBeVisible();
  });

  expect(complaints).toEqual([]);
  expect([...alertsOf('Quay'), ...alertsOf('Harbour')], 'nothing else was told').toHaveLength(2);
});

test('everything is reached by keyboard', async ({ page }) => {
  await signUp(page);
  await addMonitor(page, 'Quay');
  await page.goto(`${program.url}/monitors`);
  await expect(page.getByRole('link', { name: 'Quay' })).toBeVisible();

  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Add monitor' })).toBeFocused();

  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Add monitor' })).toBeVisible();
  await expect(page.getByRole('main')).toBeFocused();
  await page.goBack();

  await page.getByRole('button', { name: 'Actions for Quay' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: 'Check now' })).toBeFocused();
  await page.keyboard.press('End');
  await expect(page.getByRole('menuitem', { name: 'Delete' })).toBeFocused();
  await page.keyboard.press('Enter');
  const question = page.getByRole('dialog', { name: 'Delete “Quay”?' });
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(question.getByRole('button', { name: 'Delete monitor' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(page.getByRole('link', { name: 'Quay' })).toBeVisible();
});

/** Reloads, and each time leaves the page while it renews its session. */
async function reloadInHaste(page: Page, times: number): Promise<void> {
  for (let done = 0; done < times; done += 1) {
    const renewal = page.waitForRequest(/auth\/refresh$/);
    await page.reload({ waitUntil: 'commit' });
    await renewal;
  }
}

test('tabs that reload at the same moment, and reloading in haste, log nobody out', async ({
  page,
  context,
}) => {
  await signUp(page);
  const tabs = [page, await context.newPage(), await context.newPage()];
  await Promise.all(tabs.map((tab) => tab.goto(`${program.url}/monitors`)));
  await Promise.all(tabs.map((tab) => tab.reload()));
  for (const tab of tabs) await expect(tab.getByText('Nothing is watched yet')).toBeVisible();

  await reloadInHaste(page, 4);
  await page.reload();
  await expect(page.getByText('Nothing is watched yet')).toBeVisible();
});

test('tabs take turns also on plain http, where there are no Web Locks', async ({ page, context }) => {
  const url = program.url.replace('127.0.0.1', 'watchkeeper.test');
  await signUp(page, url);
  expect(await page.evaluate(() => [isSecureContext, 'locks' in navigator])).toEqual([false, false]);
  const tabs = [page, await context.newPage()];
  await Promise.all(tabs.map((tab) => tab.goto(`${url}/monitors`)));
  for (let times = 0; times < 4; times += 1) await Promise.all(tabs.map((tab) => tab.reload()));
  for (const tab of tabs) await expect(tab.getByText('Nothing is watched yet')).toBeVisible();

  await Promise.all(tabs.map((tab) => reloadInHaste(tab, 2)));
  await Promise.all(tabs.map((tab) => tab.reload()));
  for (const tab of tabs) await expect(tab.getByText('Nothing is watched yet')).toBeVisible();
});

test('a server that goes away is said to be away, and everything is there again with it', async ({
  page,
}) => {
  await signUp(page);
  await addMonitor(page, 'Quay');
  await expect(page.getByText('Live')).toBeVisible();
  await program.goAway();
  await expect(page.getByText('Watchkeeper cannot be reached.')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Quay', level: 1 })).toBeVisible();
  await expectWellMade(page, 'a monitor while the server is away');
  await page.getByRole('link', { name: 'Incidents' }).click();
  await expect(page.getByRole('alert')).toContainText('The server cannot be reached');
  await program.comeBack();
  await expect(page.getByText('No incident so far')).toBeVisible();
  await expect(page.getByText('Watchkeeper cannot be reached.')).toBeHidden();
});

test('long names and URLs fit on every page', async ({ page }) => {
  const name = 'W'.repeat(100);
  target.goDown();
  await signUp(page);
  await addMonitor(page, name, `${target.url}/${'x'.repeat(2000 - target.url.length - 1)}`);
  await expect(region(page, 'Incidents').getByRole('listitem')).toBeVisible();
  await expectWellMade(page, 'a monitor');
  for (const place of ['Monitors', 'Incidents']) {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: place }).click();
    await expect(page.getByRole('main').getByRole('link', { name })).toBeVisible();
    await expectWellMade(page, place);
  }
  await page.getByRole('main').getByRole('link', { name }).click();
  await expect(region(page, 'Evidence')).toBeVisible();
  await expectWellMade(page, 'an incident');
});

test('what the server refuses lands on its field', async ({ page }) => {
  await signUp(page);
  await page.getByRole('link', { name: 'Add your first URL' }).click();
  await page.getByLabel('URL').fill('ftp://example.org');
  await page.getByRole('button', { name: 'Add monitor' }).click();
  await expect(page.getByLabel('URL')).toHaveAccessibleDescription(/http:\/\/ or https:\/\//);
  await expect(page.getByLabel('URL')).toBeFocused();
  await page.goto(`${program.url}/monitors/new`);
  await page.getByLabel('URL').fill(target.url);
  await page.getByLabel('Check every (seconds)').fill('100000');
  await page.getByRole('button', { name: 'Add monitor' }).click();
  await expect(page.getByLabel('Check every (seconds)')).toHaveAccessibleDescription(/An interval has/);
});
