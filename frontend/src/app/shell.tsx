import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import { useLayoutEffect, useSyncExternalStore } from 'react';
import { session } from '@/api/browser';
import { AwayBar } from '@/features/live/away-bar';
import { LiveIndicator } from '@/features/live/indicator';
import { Lighthouse } from '@/ui/logo';
import { NoticeBoard } from '@/ui/notice-board';
import { AccountMenu } from './account-menu';
import { startLive } from './live';

const TAB =
  'grid h-9 place-items-center rounded-lg px-2.5 font-medium text-soft hover:text-ink sm:px-3 aria-[current=page]:bg-sunken aria-[current=page]:text-ink';

/**
 * What stands around every page of somebody who is logged in. It begins anew with each user, so that no page goes on showing
 * what it has read for the one before; while it is not known who is there, it shows nothing.
 */
export function Shell() {
  const state = useSyncExternalStore(session.subscribe, session.state);
  return state.kind === 'active' ? <ShellOfUser key={state.user.id} /> : null;
}

function ShellOfUser() {
  const client = useQueryClient();
  // Before the page asks for anything: what is read after that needs no second reading.
  useLayoutEffect(() => startLive(client), [client]);
  return (
    <>
      <a
        href="#main"
        className="absolute top-2 left-2 z-50 -translate-y-20 rounded-lg bg-accent px-4 py-2 font-medium text-on-accent focus:translate-y-0"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-30 border-line border-b bg-surface">
        <div className="mx-auto flex h-14 max-w-6xl items-center gap-2 px-4 sm:gap-4">
          <Link to="/monitors" aria-label="Watchkeeper" className="flex items-center gap-2.5 rounded-lg">
            <Lighthouse />
            <span className="font-semibold text-base tracking-tight max-sm:hidden">Watchkeeper</span>
          </Link>
          <nav aria-label="Main" className="flex gap-0.5">
            <Link to="/monitors" className={TAB}>
              Monitors
            </Link>
            <Link to="/incidents" className={TAB}>
              Incidents
            </Link>
          </nav>
          <div className="ml-auto flex items-center gap-2 sm:gap-3">
            <LiveIndicator />
            <AccountMenu />
          </div>
        </div>
        <AwayBar />
      </header>
      <main id="main" tabIndex={-1} className="mx-auto max-w-6xl px-4 py-6 outline-none">
        <Outlet />
      </main>
      <NoticeBoard />
    </>
  );
}
