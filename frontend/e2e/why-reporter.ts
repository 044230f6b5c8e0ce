/** Says once more at the very end why tests failed: attachments and traces stand between that and its telling. */

import type { Reporter, TestCase, TestResult } from '@playwright/test/reporter';

/** So much of a reason is told again. */
const MOST = 600;

export default class WhyReporter implements Reporter {
  private readonly reasons: string[] = [];

  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.status === test.expectedStatus) return;
    const step = result.steps.filter(({ error }) => error).map(({ title }) => title);
    const message = result.error?.message ?? result.status;
    this.reasons.push(`${[test.title, ...step].join(' › ')}: ${message.slice(0, MOST)}`);
  }

  onEnd(): void {
    for (const reason of this.reasons) process.stdout.write(`\nwhy: ${reason}\n`);
  }
}
