import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Loaded } from '@/answer/loaded';
import { problemOf } from '@/api/problem';
import { NotFound, PagePending } from '@/app/page-states';
import { useTitle } from '@/app/title';
import { IncidentDetails } from '@/features/incidents/incident-details';
import { incidentQuery } from '@/features/incidents/queries';
import { BackIcon } from '@/ui/icons';

const route = getRouteApi('/home/incidents/$id');

export function IncidentPage() {
  const { id } = route.useParams();
  const query = useQuery(incidentQuery(id));
  useTitle(query.data ? `Incident of ${query.data.monitor_name}` : 'Incident');
  if (query.error && problemOf(query.error).status === 404) return <NotFound />;
  return (
    <div className="grid gap-5">
      <Link to="/incidents" className="flex w-fit items-center gap-1 rounded text-soft hover:text-ink">
        <BackIcon />
        Incidents
      </Link>
      <Loaded query={query} what="the incident" framed loading={<PagePending />}>
        {(incident) => <IncidentDetails incident={incident} />}
      </Loaded>
    </div>
  );
}
