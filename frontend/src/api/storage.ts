/** What this device remembers between pages. Storage may be blocked; then nothing is remembered, and nothing fails. */

/** What is remembered: `null` where there is nothing, `undefined` where nobody can tell. */
export function recall(key: string): string | null | undefined {
  try {
    return localStorage.getItem(key);
  } catch {
    return undefined;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Blocked.
  }
}
