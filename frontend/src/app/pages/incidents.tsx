import { useInfiniteQuery } from '@tanstack/react-query';
import { useTitle } from '@/app/title';
import { IncidentList } from '@/features/incidents/incident-list';
import { incidentsQuery } from '@/features/incidents/queries';
import { Lighthouse } from '@/ui/logo';
import { Empty } from '@/ui/states';

export function IncidentsPage() {
  useTitle('Incidents');
  const query = useInfiniteQuery(incidentsQuery);
  return (
    <div className="grid gap-5">
      <div>
        <h1 className="font-semibold text-2xl tracking-tight">Incidents</h1>
        <p className="mt-1 text-soft">
          Every time something was down, from the first failing slot to the end.
        </p>
      </div>
      <div className="panel">
        <IncidentList
          query={query}
          named
          empty={
            <Empty title="No incident so far" picture={<Lighthouse className="size-14" />} className="py-14">
              <p>When a monitor goes down and that is confirmed, it is written up here.</p>
            </Empty>
          }
        />
      </div>
    </div>
  );
}
