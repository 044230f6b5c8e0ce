import { useQuery } from '@tanstack/react-query';
import { Loaded } from '@/answer/loaded';
import { useTitle } from '@/app/title';
import { workspaceQuery } from '@/features/workspace/queries';
import { RetentionForm } from '@/features/workspace/retention-form';

export function SettingsPage() {
  useTitle('Settings');
  const query = useQuery(workspaceQuery);
  return (
    <div className="mx-auto max-w-2xl">
      <h1 className="font-semibold text-2xl tracking-tight">Settings</h1>
      <p className="mt-1 text-soft">They hold for all monitors of your workspace.</p>
      <section aria-labelledby="history" className="panel mt-5 p-4 sm:p-6">
        <h2 id="history" className="font-semibold text-base">
          How long history is kept
        </h2>
        <p className="mt-1 mb-5 text-soft">
          By whole days (UTC). Nothing is kept for longer than a coarser form of it.
        </p>
        <Loaded query={query} what="the settings">
          {(workspace) => <RetentionForm workspace={workspace} />}
        </Loaded>
      </section>
    </div>
  );
}
