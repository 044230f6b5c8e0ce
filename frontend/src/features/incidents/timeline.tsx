import type { TimelineEntry } from '@/api/types';
import { Instant } from '@/ui/time';
import { happened } from './words';

/** What happened in the course of an incident, oldest first. */
export const Timeline = ({ events }: { events: readonly TimelineEntry[] }) => (
  <ol className="grid">
    {events.map((event, place) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: events may coincide; their order is fixed.
      <li key={place} className="relative grid grid-cols-[auto_1fr] gap-x-3 pb-4 last:pb-0">
        <span
          aria-hidden="true"
          className="relative z-10 mt-1.5 size-2 rounded-full bg-accent ring-4 ring-surface"
        />
        {place < events.length - 1 && (
          <span aria-hidden="true" className="absolute top-2 bottom-0 left-[3.5px] w-px bg-line" />
        )}
        <div>
          <p>{happened(event)}</p>
          <Instant at={event.at} className="text-soft text-xs" />
        </div>
      </li>
    ))}
  </ol>
);
