/** What every unit test starts from: matchers for the page, and a page that is empty. */

import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

// How long a state is waited for before the wait counts as failed; a busy machine is not a fault.
configure({ asyncUtilTimeout: 10_000 });

afterEach(cleanup);

// jsdom has no media queries, and does not scroll: here everything is light, and stays where it is.
vi.stubGlobal('matchMedia', () => new EventTarget());
vi.stubGlobal('scrollTo', () => undefined);

// Nor does it show dialogs: here one is open, and its closing is told, without anything being modal.
if ('HTMLDialogElement' in globalThis) {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    if (!this.open) return;
    this.open = false;
    this.dispatchEvent(new Event('close'));
  };
}
