import { Link } from '@tanstack/react-router';
import clsx from 'clsx';
import type { Monitor } from '@/api/types';
import { count } from '@/format/ratio';
import { StatusSign } from '@/status/badge';
import { STATUS } from '@/status/words';
import { chosenLink } from '@/ui/chosen-link';
import { tally } from './selection';

const TILE =
  'panel flex flex-col gap-1 whitespace-nowrap px-2.5 py-2.5 sm:px-3.5 hover:border-edge data-chosen:border-accent data-chosen:outline data-chosen:outline-accent';

/** How many monitors have which status. Each number is a link that shows these monitors alone. */
export function Summary({
  monitors,
  chosen,
}: {
  monitors: readonly Monitor[];
  chosen: Monitor['status'] | undefined;
}) {
  return (
    <nav
      aria-label="Monitors by status"
      className="grid grid-cols-[repeat(auto-fit,minmax(6.75rem,1fr))] gap-2"
    >
      <Link
        to="/monitors"
        search={({ status: _, ...rest }) => rest}
        replace
        {...chosenLink(!chosen)}
        className={TILE}
      >
        <span className="label-caps">All</span>
        <span className="font-semibold text-xl leading-tight">{count(monitors.length)}</span>
      </Link>
      {tally(monitors).map(({ status, count: n }) => (
        <Link
          key={status}
          to="/monitors"
          search={(before) => ({ ...before, status })}
          replace
          {...chosenLink(chosen === status)}
          className={TILE}
        >
          <span className="label-caps flex items-center gap-1 sm:gap-1.5">
            <StatusSign status={status} className="size-3.5" />
            {STATUS[status].label}
          </span>
          <span
            className={clsx('font-semibold text-xl leading-tight', n > 0 ? STATUS[status].text : 'text-soft')}
          >
            {count(n)}
          </span>
        </Link>
      ))}
    </nav>
  );
}
