/** Light or dark: the system's choice unless one was made on this device. `public/theme.js` applies it before painting. */

import { useSyncExternalStore } from 'react';

export type ThemeChoice = 'system' | 'light' | 'dark';

const KEY = 'watchkeeper.theme';
const listeners = new Set<() => void>();
const root = document.documentElement;

export function chooseTheme(choice: ThemeChoice): void {
  if (choice === 'system') delete root.dataset.theme;
  else root.dataset.theme = choice;
  try {
    if (choice === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // Storage is blocked: the choice holds for this page.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  const system = globalThis.matchMedia('(prefers-color-scheme: dark)');
  listeners.add(listener);
  system.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    system.removeEventListener('change', listener);
  };
}

const chosen = (): ThemeChoice => (root.dataset.theme as ThemeChoice | undefined) ?? 'system';

const shown = (): 'light' | 'dark' => {
  const choice = chosen();
  if (choice !== 'system') return choice;
  return globalThis.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
};

/** What was chosen. */
export const useThemeChoice = (): ThemeChoice => useSyncExternalStore(subscribe, chosen);

/** What is shown, for whatever paints by itself. */
export const useTheme = (): 'light' | 'dark' => useSyncExternalStore(subscribe, shown);
