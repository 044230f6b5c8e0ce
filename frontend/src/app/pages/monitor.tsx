import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Loaded } from '@/answer/loaded';
import { problemOf } from '@/api/problem';
import type { Monitor } from '@/api/types';
import { NotFound, PagePending } from '@/app/page-states';
import { useTitle } from '@/app/title';
import { IncidentList } from '@/features/incidents/incident-list';
import { monitorIncidentsQuery } from '@/features/incidents/queries';
import { MonitorButtons } from '@/features/monitors/actions';
import { AuditPanel } from '@/features/monitors/audit-panel';
import { HistoryPanel } from '@/features/monitors/history-panel';
import { LatencyPanel } from '@/features/monitors/latency-panel';
import { LogPanel } from '@/features/monitors/log-panel';
import { MonitorHeader } from '@/features/monitors/monitor-header';
import { monitorQuery } from '@/features/monitors/queries';
import { UptimePanel } from '@/features/monitors/uptime-panel';
import { WindowChoice } from '@/features/monitors/window-choice';
import { defaultWindow } from '@/features/monitors/windows';
import { BackIcon } from '@/ui/icons';
import { Panel } from '@/ui/panel';
import { Empty } from '@/ui/states';

const route = getRouteApi('/home/monitors/$id');

export function MonitorPage() {
  const { id } = route.useParams();
  const query = useQuery(monitorQuery(id));
  useTitle(query.data?.name ?? 'Monitor');
  if (query.error && problemOf(query.error).status === 404) return <NotFound />;
  return (
    <div className="grid gap-5">
      <Link to="/monitors" className="flex w-fit items-center gap-1 rounded text-soft hover:text-ink">
        <BackIcon />
        Monitors
      </Link>
      <Loaded query={query} what="the monitor" framed loading={<PagePending />}>
        {(monitor) => <Whole key={monitor.id} monitor={monitor} />}
      </Loaded>
    </div>
  );
}

function Whole({ monitor }: { monitor: Monitor }) {
  const { window = defaultWindow(monitor), status } = route.useSearch();
  const navigate = route.useNavigate();
  const leave = () => navigate({ to: '/monitors', replace: true });
  const { id } = monitor;
  const incidents = useInfiniteQuery(monitorIncidentsQuery(id));
  return (
    <>
      <MonitorHeader monitor={monitor} actions={<MonitorButtons monitor={monitor} onDeleted={leave} />} />
      <UptimePanel monitor={monitor} />
      <div className="mt-2 flex flex-wrap items-center justify-between gap-3">
        <p className="text-soft">Graph, history, audit and log look back over:</p>
        <WindowChoice id={id} chosen={window} />
      </div>
      <LatencyPanel monitor={monitor} window={window} />
      <HistoryPanel id={id} window={window} />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <AuditPanel id={id} window={window} />
        <Panel title="Incidents" flush>
          <IncidentList query={incidents} empty={<Empty title="No incident so far." />} />
        </Panel>
      </div>
      <LogPanel id={id} window={window} status={status} />
    </>
  );
}
