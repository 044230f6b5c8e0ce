import clsx from 'clsx';
import { useSyncExternalStore } from 'react';
import { Button } from '@/ui/button';
import { CloseIcon } from '@/ui/icons';
import { countDown, dismiss, hold, type Note, notesStore } from '@/ui/notes';

const EDGE: Record<Note['tone'], string> = {
  good: 'border-l-up',
  bad: 'border-l-down',
  plain: 'border-l-accent',
};

/** Where notes come up. It is there from the start, since a live region that appears with its text is not read aloud. */
export function NoticeBoard() {
  const notes = useSyncExternalStore(notesStore.subscribe, notesStore.read);
  return (
    <div
      role="log"
      aria-label="Notifications"
      className="pointer-events-none fixed inset-x-4 bottom-4 z-40 grid justify-items-end gap-2 sm:left-auto sm:w-96"
    >
      {notes.map((note) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: being at it only keeps the note from going; nothing needs it.
        <div
          key={note.id}
          onMouseEnter={() => hold(note.id)}
          onMouseLeave={({ currentTarget }) => {
            if (!currentTarget.contains(document.activeElement)) countDown(note.id);
          }}
          onFocus={() => hold(note.id)}
          onBlur={({ currentTarget }) => {
            if (!currentTarget.matches(':hover')) countDown(note.id);
          }}
          className={clsx(
            'panel pointer-events-auto flex w-full items-start gap-3 border-l-4 bg-raised py-2 pr-2 pl-4 shadow-float',
            EDGE[note.tone],
          )}
        >
          <div className="min-w-0 grow py-1.5">
            <p className="line-clamp-3 font-semibold">{note.title}</p>
            {note.text && <p className="mt-0.5 line-clamp-4 text-soft first-letter:uppercase">{note.text}</p>}
          </div>
          <Button look="quiet" square aria-label="Dismiss" onClick={() => dismiss(note.id)}>
            <CloseIcon />
          </Button>
        </div>
      ))}
    </div>
  );
}
