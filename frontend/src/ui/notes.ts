/** Short notes that come up, are read aloud, and go, unless they are bad: what has happened, not what has to be answered. */

export type Note = { id: number; tone: 'good' | 'bad' | 'plain'; title: string; text?: string | undefined };

/** So many are shown at once; older ones make room. */
const MAX_NOTES = 3;
const SHOWN_MS = 8_000;

let notes: readonly Note[] = [];
let last = 0;
const listeners = new Set<() => void>();
const timers = new Map<number, ReturnType<typeof setTimeout>>();

function publish(next: readonly Note[]): void {
  notes = next;
  for (const listener of listeners) listener();
}

export function dismiss(id: number): void {
  hold(id);
  publish(notes.filter((note) => note.id !== id));
}

/** Stops the time after which a note goes: it stays as long as somebody is at it. */
export function hold(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

/** Starts the time after which a note goes. Bad news stays until it is dismissed. */
export function countDown(id: number): void {
  hold(id);
  if (notes.find((note) => note.id === id)?.tone === 'bad') return;
  const timer = setTimeout(() => dismiss(id), SHOWN_MS);
  timers.set(id, timer);
}

export function note(news: Omit<Note, 'id'>): void {
  last += 1;
  const id = last;
  for (const old of notes.slice(0, Math.max(0, notes.length + 1 - MAX_NOTES))) hold(old.id);
  publish([...notes, { id, ...news }].slice(-MAX_NOTES));
  countDown(id);
}

export const notesStore = {
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  read: (): readonly Note[] => notes,
};
