import { Link } from '@tanstack/react-router';
import { chosenLink } from '@/ui/chosen-link';
import { WINDOW_NAMES, WINDOWS, type WindowName } from './windows';

/** Chooses how far the page looks back; the choice is kept in the URL. */
export const WindowChoice = ({ id, chosen }: { id: string; chosen: WindowName }) => (
  <nav aria-label="Window of time" className="flex rounded-lg border border-line bg-sunken p-0.5">
    {WINDOW_NAMES.map((name) => (
      <Link
        key={name}
        to="/monitors/$id"
        params={{ id }}
        search={(before) => ({ ...before, window: name })}
        replace
        resetScroll={false}
        {...chosenLink(name === chosen)}
        className="grid h-8 min-w-11 place-items-center rounded-md px-2 font-medium text-soft text-xs hover:text-ink data-chosen:bg-raised sm:min-w-12 sm:px-2.5 data-chosen:text-ink data-chosen:shadow-panel"
      >
        {WINDOWS[name].label}
      </Link>
    ))}
  </nav>
);
