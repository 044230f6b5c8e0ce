import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Loaded } from '@/answer/loaded';
import { problemOf } from '@/api/problem';
import { NotFound } from '@/app/page-states';
import { useTitle } from '@/app/title';
import { useAddMonitor, useChangeMonitor } from '@/features/monitors/changes';
import { MonitorForm } from '@/features/monitors/monitor-form';
import { monitorQuery } from '@/features/monitors/queries';
import { changeOf, PROPOSED, requestOf, settingsOf } from '@/features/monitors/settings';
import { Button } from '@/ui/button';
import { note } from '@/ui/notes';

const editRoute = getRouteApi('/home/monitors/$id/edit');

export function NewMonitorPage() {
  useTitle('Add monitor');
  const add = useAddMonitor();
  const navigate = useNavigate();
  return (
    <FormPage title="Add monitor" intro="It is checked at once, then on its own interval.">
      <MonitorForm
        settings={PROPOSED}
        isNew
        action="Add monitor"
        onSave={async (settings) => {
          const monitor = await add.mutateAsync(requestOf(settings));
          await navigate({ to: '/monitors/$id', params: { id: monitor.id } });
        }}
        cancel={
          <Button asChild>
            <Link to="/monitors">Cancel</Link>
          </Button>
        }
      />
    </FormPage>
  );
}

export function EditMonitorPage() {
  const { id } = editRoute.useParams();
  const query = useQuery(monitorQuery(id));
  const change = useChangeMonitor(id);
  const navigate = useNavigate();
  useTitle(query.data ? `Edit ${query.data.name}` : 'Edit monitor');
  if (query.error && problemOf(query.error).status === 404) return <NotFound />;
  return (
    <FormPage title="Edit monitor" intro="A new URL or interval begins a new schedule with a check at once.">
      <Loaded query={query} what="the settings">
        {(monitor) => (
          <MonitorForm
            settings={settingsOf(monitor)}
            isNew={false}
            action="Save changes"
            onSave={async (settings, touched) => {
              const saved = await change.mutateAsync(changeOf(settings, touched));
              note({ tone: 'good', title: `${saved.name} is saved` });
              await navigate({ to: '/monitors/$id', params: { id } });
            }}
            cancel={
              <Button asChild>
                <Link to="/monitors/$id" params={{ id }}>
                  Cancel
                </Link>
              </Button>
            }
          />
        )}
      </Loaded>
    </FormPage>
  );
}

const FormPage = ({ title, intro, children }: { title: string; intro: string; children: ReactNode }) => (
  <div className="mx-auto max-w-2xl">
    <h1 className="font-semibold text-2xl tracking-tight">{title}</h1>
    <p className="mt-1 text-soft">{intro}</p>
    <div className="panel mt-5 p-4 sm:p-6">{children}</div>
  </div>
);
