import { defineConfig } from '@playwright/test';

/** The browser of the machine: none is downloaded. */
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  reporter: [['list'], ['./e2e/why-reporter.ts']],
  // One program, one database, one story after the other.
  workers: 1,
  retries: 0,
  timeout: 180_000,
  // How long a state is waited for before the wait counts as failed; a busy machine is not a fault.
  expect: { timeout: 30_000 },
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    viewport: { width: 1280, height: 900 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        // A name that is reached by plain http, as in a home network: no secure context, unlike 127.0.0.1.
        '--host-resolver-rules=MAP watchkeeper.test 127.0.0.1',
      ],
    },
  },
});
