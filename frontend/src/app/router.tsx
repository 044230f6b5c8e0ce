/**
 * Every page, its address, and what its address holds. The pages for strangers, and those of who is logged in, are loaded
 * when one of them is first gone to.
 */

import type { QueryClient } from '@tanstack/react-query';
import {
  createBrowserHistory,
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouterHistory,
  redirect,
} from '@tanstack/react-router';
import * as z from 'zod/mini';
import { session } from '@/api/browser';
import { safeTarget } from '@/features/auth/credentials';
import { WINDOW_NAMES } from '@/features/monitors/windows';
import { CHECK_STATUSES, STATUSES } from '@/status/words';
import { NotFound, NowhereFound, PageFailed, PagePending } from './page-states';

const optional = <Value,>(schema: z.ZodMiniType<Value>) => z.catch(z.optional(schema), undefined);

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({ notFoundComponent: NowhereFound });

const next = z.object({ next: optional(z.string()) });

/** Pages for strangers. Who is logged in is sent on to where they wanted to go. */
const gate = createRoute({
  getParentRoute: () => root,
  id: 'gate',
  validateSearch: next,
  beforeLoad: async ({ search }) => {
    if (await session.ensure()) throw redirect({ href: safeTarget(search.next), replace: true });
  },
});

const login = createRoute({
  getParentRoute: () => gate,
  path: '/login',
  component: lazyRouteComponent(() => import('./pages/login'), 'LoginPage'),
});

const signup = createRoute({
  getParentRoute: () => gate,
  path: '/signup',
  component: lazyRouteComponent(() => import('./pages/signup'), 'SignupPage'),
});

/** Pages for who is logged in. Others are asked to, and come back to where they wanted to go. */
const home = createRoute({
  getParentRoute: () => root,
  id: 'home',
  beforeLoad: async ({ location }) => {
    if (!(await session.ensure()))
      throw redirect({ to: '/login', search: { next: location.href }, replace: true });
  },
  component: lazyRouteComponent(() => import('./home'), 'Shell'),
});

const start = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/monitors', replace: true });
  },
});

const monitors = createRoute({
  getParentRoute: () => home,
  path: '/monitors',
  validateSearch: z.object({
    status: optional(z.enum(STATUSES)),
    q: optional(z.string()),
    shown: optional(z.number().check(z.int(), z.positive())),
  }),
  component: lazyRouteComponent(() => import('./home'), 'MonitorsPage'),
});

const newMonitor = createRoute({
  getParentRoute: () => home,
  path: '/monitors/new',
  component: lazyRouteComponent(() => import('./home'), 'NewMonitorPage'),
});

const monitor = createRoute({
  getParentRoute: () => home,
  path: '/monitors/$id',
  validateSearch: z.object({
    window: optional(z.enum(WINDOW_NAMES)),
    status: optional(z.enum(CHECK_STATUSES)),
  }),
  component: lazyRouteComponent(() => import('./home'), 'MonitorPage'),
});

const editMonitor = createRoute({
  getParentRoute: () => home,
  path: '/monitors/$id/edit',
  component: lazyRouteComponent(() => import('./home'), 'EditMonitorPage'),
});

const incidents = createRoute({
  getParentRoute: () => home,
  path: '/incidents',
  component: lazyRouteComponent(() => import('./home'), 'IncidentsPage'),
});

const incident = createRoute({
  getParentRoute: () => home,
  path: '/incidents/$id',
  component: lazyRouteComponent(() => import('./home'), 'IncidentPage'),
});

const settings = createRoute({
  getParentRoute: () => home,
  path: '/settings',
  component: lazyRouteComponent(() => import('./home'), 'SettingsPage'),
});

const routeTree = root.addChildren([
  start,
  gate.addChildren([login, signup]),
  home.addChildren([monitors, newMonitor, monitor, editMonitor, incidents, incident, settings]),
]);

export const makeRouter = (queryClient: QueryClient, history: RouterHistory = createBrowserHistory()) =>
  createRouter({
    routeTree,
    history,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultPendingMs: 300,
    scrollRestoration: true,
    defaultPendingComponent: PagePending,
    defaultErrorComponent: PageFailed,
    defaultNotFoundComponent: NotFound,
  });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
