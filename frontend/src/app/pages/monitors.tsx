import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Loaded } from '@/answer/loaded';
import type { Monitor } from '@/api/types';
import { useTitle } from '@/app/title';
import { DeleteDialog } from '@/features/monitors/delete-dialog';
import { MonitorRow } from '@/features/monitors/monitor-row';
import { monitorsQuery } from '@/features/monitors/queries';
import { select } from '@/features/monitors/selection';
import { Summary } from '@/features/monitors/summary';
import { Button } from '@/ui/button';
import { Input } from '@/ui/field';
import { PlusIcon, SearchIcon } from '@/ui/icons';
import { Lighthouse } from '@/ui/logo';
import { Empty, Loading, Skeleton } from '@/ui/states';

const route = getRouteApi('/home/monitors');

/** So many are drawn at first, and so many more with each asking. */
const STEP = 100;

export function MonitorsPage() {
  useTitle('Monitors');
  const query = useQuery(monitorsQuery);
  const [toDelete, setToDelete] = useState<Monitor>();
  return (
    <div className="grid gap-5">
      <div className="flex min-h-9 flex-wrap items-center justify-between gap-3">
        <h1 className="font-semibold text-2xl tracking-tight">Monitors</h1>
        {query.data?.length !== 0 && (
          <Button asChild look="primary">
            <Link to="/monitors/new">
              <PlusIcon />
              Add monitor
            </Link>
          </Button>
        )}
      </div>
      <Loaded query={query} what="monitors" framed loading={<LoadingList />}>
        {(monitors) =>
          monitors.length === 0 ? <FirstRun /> : <MonitorList monitors={monitors} onDelete={setToDelete} />
        }
      </Loaded>
      {toDelete && <DeleteDialog monitor={toDelete} onClose={() => setToDelete(undefined)} />}
    </div>
  );
}

const LoadingList = () => (
  <Loading what="monitors">
    <div className="grid gap-5">
      <div className="flex gap-2">
        {['all', 'down', 'up'].map((tile) => (
          <Skeleton key={tile} className="h-16.5 grow rounded-xl" />
        ))}
      </div>
      <Skeleton className="h-10 w-full rounded-lg" />
      <Skeleton className="h-80 w-full rounded-xl" />
    </div>
  </Loading>
);

const FirstRun = () => (
  <div className="panel">
    <Empty title="Nothing is watched yet" picture={<Lighthouse className="size-16" />} className="py-14">
      <p className="max-w-md">
        Add the address of a page or an endpoint. It is checked at once and then every 60 seconds, and every
        single check is accounted for.
      </p>
      <Button asChild look="primary" className="mt-1">
        <Link to="/monitors/new">
          <PlusIcon />
          Add your first URL
        </Link>
      </Button>
    </Empty>
  </div>
);

type ListProps = { monitors: readonly Monitor[]; onDelete: (monitor: Monitor) => void };

function MonitorList({ monitors, onDelete }: ListProps) {
  const { status, q, shown = STEP } = route.useSearch();
  const selected = select(monitors, { status, q });
  return (
    <>
      <Summary monitors={monitors} chosen={status} />
      <Search />
      <p className="sr-only" role="status">
        {selected.length} of {monitors.length} monitors shown
      </p>
      {selected.length === 0 ? (
        <div className="panel">
          <Empty title="No monitor matches.">
            <Link to="/monitors" search={{}} className="text-accent underline">
              Show all
            </Link>
          </Empty>
        </div>
      ) : (
        <ul className="panel">
          {selected.slice(0, shown).map((monitor) => (
            <MonitorRow key={monitor.id} monitor={monitor} onDelete={() => onDelete(monitor)} />
          ))}
        </ul>
      )}
      {selected.length > shown && (
        <Button asChild className="justify-self-center">
          <Link
            to="/monitors"
            search={(before) => ({ ...before, shown: shown + STEP })}
            replace
            resetScroll={false}
          >
            Show {Math.min(STEP, selected.length - shown)} more
          </Link>
        </Button>
      )}
    </>
  );
}

function Search() {
  const { q } = route.useSearch();
  const navigate = route.useNavigate();
  const search = (text: string) =>
    navigate({
      search: (before) => ({ ...before, q: text || undefined }),
      replace: true,
      resetScroll: false,
    });
  return (
    <search className="relative">
      <SearchIcon className="pointer-events-none absolute top-3 left-3 size-4 text-soft" />
      <Input
        type="search"
        aria-label="Search monitors"
        placeholder="Search by name or URL"
        className="pl-9"
        value={q ?? ''}
        onChange={(event) => search(event.target.value)}
      />
    </search>
  );
}
