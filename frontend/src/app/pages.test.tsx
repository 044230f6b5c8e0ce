import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { session } from '@/api/browser';
import type { Monitor } from '@/api/types';
import { makeRouter } from '@/app/router';
import { followSession } from '@/app/session-change';
import { answer, check, monitor, uptime, workspace } from '@/testing/examples';

const API = 'http://localhost:3000/api/v1';
const server = setupServer();

/** The stream of events of the page that is shown. */
let events: ReadableStreamDefaultController<Uint8Array>;

const tell = (event: string, data: unknown) =>
  events.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));

const listing = (monitors: Monitor[]) =>
  http.get(`${API}/monitors`, () => HttpResponse.json({ items: monitors, next_cursor: null }));

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
beforeEach(() => {
  server.use(
    http.get(`${API}/events`, () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          events = controller;
        },
      });
      return new HttpResponse(body, { headers: { 'Content-Type': 'text/event-stream' } });
    }),
  );
});
afterEach(() => {
  server.resetHandlers();
  session.hear({ kind: 'ended' });
  unfollow();
});
afterAll(() => server.close());

let unfollow = () => undefined as unknown;

function visit(address: string) {
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const router = makeRouter(queryClient, createMemoryHistory({ initialEntries: [address] }));
  unfollow = followSession(queryClient, router);
  render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  return { router, user: userEvent.setup() };
}

const names = () =>
  within(screen.getByRole('main'))
    .getAllByRole('listitem')
    .map((item) => within(item).getAllByRole('link')[0]?.textContent);

test('a stranger is asked to log in, and the address is kept', async () => {
  const { router } = visit('/monitors?status=DOWN');
  expect(await screen.findByRole('heading', { name: 'Log in' })).toBeVisible();
  expect(router.state.location.search).toEqual({ next: '/monitors?status=DOWN' });
});

test('a workspace without monitors invites to add the first URL', async () => {
  session.begin(answer());
  server.use(listing([]));
  visit('/monitors');
  expect(await screen.findByRole('link', { name: 'Add your first URL' })).toHaveAttribute(
    'href',
    '/monitors/new',
  );
});

test('a list that cannot be read says why and can be tried again', async () => {
  session.begin(answer());
  const problem = {
    type: '/p',
    title: 'The store is away',
    status: 503,
    detail: 'It is waited for.',
    code: 'unavailable',
  };
  server.use(http.get(`${API}/monitors`, () => HttpResponse.json(problem, { status: 503 })));
  const { user } = visit('/monitors');
  expect(await screen.findByRole('alert')).toHaveTextContent('The store is awayIt is waited for.');
  server.use(listing([monitor()]));
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('link', { name: 'Shop' })).toBeVisible();
});

test('every page of a long list is read', async () => {
  session.begin(answer());
  server.use(
    http.get(`${API}/monitors`, ({ request }) => {
      const isSecond = new URL(request.url).searchParams.get('cursor') === 'second';
      const item = isSecond ? monitor({ id: '2', name: 'Mail' }) : monitor({ id: '1', name: 'Shop' });
      return HttpResponse.json({ items: [item], next_cursor: isSecond ? null : 'second' });
    }),
  );
  visit('/monitors');
  await screen.findByRole('link', { name: 'Shop' });
  expect(names()).toEqual(['Mail', 'Shop']);
});

test('status and search are kept in the address', async () => {
  session.begin(answer());
  server.use(
    listing([
      monitor({ id: '1', name: 'Shop' }),
      monitor({ id: '2', name: 'Mail', status: 'DOWN' }),
      monitor({ id: '3', name: 'Blog', status: 'DOWN' }),
    ]),
  );
  const { router, user } = visit('/monitors');
  await user.click(await screen.findByRole('link', { name: 'Down 2' }));
  expect(names()).toEqual(['Blog', 'Mail']);
  await user.type(screen.getByRole('searchbox', { name: 'Search monitors' }), 'mail');
  await waitFor(() => expect(names()).toEqual(['Mail']));
  expect(router.state.location.search).toEqual({ status: 'DOWN', q: 'mail' });
});

test('the first page is read once, and again when the stream was away', async () => {
  session.begin(answer());
  let readings = 0;
  server.use(
    http.get(`${API}/monitors`, () => {
      readings += 1;
      return HttpResponse.json({ items: [monitor({ name: `Reading ${readings}` })], next_cursor: null });
    }),
  );
  visit('/monitors');
  await screen.findByText('Live');
  expect(await screen.findByRole('link', { name: 'Reading 1' })).toBeVisible();
  events.error(new Error('the connection broke'));
  await screen.findByText('Reconnecting');
  await screen.findByText('Live');
  expect(await screen.findByRole('link', { name: 'Reading 2' })).toBeVisible();
  expect(readings).toBe(2);
});

test('a change of status is shown and read aloud as it happens', async () => {
  session.begin(answer());
  const shop = monitor({ recent_checks: [] });
  server.use(listing([shop]));
  visit('/monitors');
  await screen.findByRole('link', { name: 'Shop' });
  await screen.findByText('Live');
  const down = { ...shop, status: 'DOWN' as const };
  server.use(listing([down]));
  const failed = check({ slot: '2026-11-22T12:01:00.000000Z', status: 'DOWN', reason: 'the answer was 503' });
  tell('check', { monitor_id: shop.id, check: failed });
  expect(await screen.findByRole('img', { name: 'Last check: 1 down' })).toBeVisible();
  tell('flip', { monitor_id: shop.id, from: 'UP', to: 'DOWN', at: failed.slot, reason: failed.reason });
  await waitFor(() => expect(screen.getByRole('log')).toHaveTextContent('Shop is downthe answer was 503'));
  expect(screen.getByRole('link', { name: 'Down 1' })).toBeVisible();
});

test('a change that nobody told of is found with the next check', async () => {
  session.begin(answer());
  const shop = monitor({ status: 'PENDING', last_check: null, uptime_24h: null, recent_checks: [] });
  const checked = check();
  server.use(
    listing([shop]),
    http.get(`${API}/monitors/${shop.id}`, () =>
      HttpResponse.json({ ...shop, status: 'UP', last_check: checked, recent_checks: undefined }),
    ),
  );
  visit('/monitors');
  await screen.findByRole('link', { name: 'Pending 1' });
  await screen.findByText('Live');
  tell('check', { monitor_id: shop.id, check: checked });
  expect(await screen.findByRole('link', { name: 'Up 1' })).toBeVisible();
  expect(screen.getByRole('img', { name: 'Last check: 1 up' })).toBeVisible();
});

test('a monitor that does not exist is a page of its own', async () => {
  session.begin(answer());
  server.use(
    http.get(`${API}/monitors/nothing`, () =>
      HttpResponse.json({ title: 'Not found', code: 'not_found' }, { status: 404 }),
    ),
  );
  visit('/monitors/nothing');
  expect(await screen.findByRole('heading', { name: 'There is nothing at this address' })).toBeVisible();
});

test('another user sees nothing of what the one before has read', async () => {
  const first = answer();
  session.begin(first);
  server.use(listing([monitor({ name: 'Shop of the first' })]));
  visit('/monitors');
  await screen.findByRole('link', { name: 'Shop of the first' });
  let arrive: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  server.use(
    http.get(`${API}/monitors`, async () => {
      await arrived;
      return HttpResponse.json({ items: [monitor({ name: 'Mail of the second' })], next_cursor: null });
    }),
  );
  session.begin(answer({ user: { ...first.user, id: 'second', email: 'grace@example.org' } }));
  await waitFor(() => expect(screen.queryByRole('link', { name: 'Shop of the first' })).toBeNull());
  arrive();
  expect(await screen.findByRole('link', { name: 'Mail of the second' })).toBeVisible();
});

test('a question whether to delete outlives the row that it was asked from, and the monitor stays away', async () => {
  session.begin(answer());
  const shop = monitor({ status: 'DOWN' });
  let monitors = [shop];
  server.use(
    http.get(`${API}/monitors`, () => HttpResponse.json({ items: monitors, next_cursor: null })),
    http.delete(`${API}/monitors/${shop.id}`, () => {
      monitors = [];
      return new HttpResponse(null, { status: 204 });
    }),
  );
  const { user } = visit('/monitors?status=DOWN');
  await screen.findByRole('link', { name: 'Shop' });
  await screen.findByText('Live');
  await user.click(screen.getByRole('button', { name: 'Actions for Shop' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Delete' }));
  const question = await screen.findByRole('dialog', { name: 'Delete “Shop”?' });
  tell('flip', {
    monitor_id: shop.id,
    from: 'DOWN',
    to: 'UP',
    at: '2026-11-22T12:05:00.000000Z',
    reason: null,
  });
  await screen.findByText('No monitor matches.');
  expect(question).toBeVisible();
  await user.click(within(question).getByRole('button', { name: 'Delete monitor' }));
  expect(await screen.findByText('Nothing is watched yet')).toBeVisible();
  expect(screen.getByRole('main')).toHaveFocus();
});

test('no panel speaks of a window whose answer has not come', async () => {
  session.begin(answer());
  const shop = monitor();
  const account = { due: 1440, up: 1440, degraded: 0, down: 0, missed: 0, unknown: 0, skipped: 0 };
  const empty = () => HttpResponse.json({ items: [], next_cursor: null });
  const path = `${API}/monitors/${shop.id}`;
  let arrive: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  let isSecond = false;
  const inTurn = (body: object) => async () => {
    if (isSecond) await arrived;
    return HttpResponse.json(body);
  };
  server.use(
    http.get(path, () => HttpResponse.json(shop)),
    http.get(`${path}/uptimes`, () => HttpResponse.json({ title: 'Away' }, { status: 503 })),
    http.get(`${path}/incidents`, empty),
    http.get(`${path}/latency`, inTurn({ items: [] })),
    http.get(`${path}/history`, inTurn({ items: [] })),
    http.get(`${path}/slots`, inTurn({ ...account, unaccounted: 0, in_flight: 1 })),
    http.get(`${path}/gaps`, inTurn({ items: [], next_cursor: null })),
    http.get(`${path}/checks`, inTurn({ items: [], next_cursor: null })),
  );
  const { user } = visit(`/monitors/${shop.id}?window=24h`);
  await waitFor(() => expect(screen.getAllByText(/the last 24 hours\.$/)).toHaveLength(4));
  isSecond = true;
  await user.click(screen.getByRole('link', { name: '7 d' }));
  await waitFor(() => expect(screen.queryAllByText(/the last 24 hours\.$/)).toHaveLength(0));
  expect(screen.queryAllByText(/the last 7 days\.$/)).toHaveLength(0);
  arrive();
  await waitFor(() => expect(screen.getAllByText(/the last 7 days\.$/)).toHaveLength(4));
});

/** The page of a monitor about which nothing is on record, but for what is said here. */
function emptyPage(shop: Monitor) {
  const path = `${API}/monitors/${shop.id}`;
  const account = { due: 0, up: 0, degraded: 0, down: 0, missed: 0, unknown: 0, skipped: 0 };
  const empty = () => HttpResponse.json({ items: [], next_cursor: null });
  server.use(
    http.get(path, () => HttpResponse.json(shop)),
    http.get(`${path}/slots`, () => HttpResponse.json({ ...account, unaccounted: 0, in_flight: 1 })),
    ...['uptimes', 'incidents', 'latency', 'history', 'gaps', 'checks'].map((name) =>
      http.get(`${path}/${name}`, empty),
    ),
  );
  return path;
}

test('uptime is told of every window that tells something of its own, and of the last since when', async () => {
  session.begin(answer());
  const shop = monitor({ created_at: '2026-11-12T12:00:00.000000Z' });
  const path = emptyPage(shop);
  const from = shop.created_at;
  const items = [
    uptime(),
    uptime({ days: 7, from: '2026-11-15T12:00:00.000000Z', ratio: 0.99983, down_seconds: 103 }),
    uptime({ days: 30, from, ratio: 0.9991 }),
    uptime({ days: 90, from, ratio: 0.9991 }),
    uptime({ days: 365, from, ratio: 0.9991 }),
  ];
  server.use(http.get(`${path}/uptimes`, () => HttpResponse.json({ items })));
  visit(`/monitors/${shop.id}`);
  const panel = await screen.findByRole('region', { name: 'Uptime' });
  await within(panel).findByText('99.983 %');
  const titles = within(panel).getAllByRole('heading', { level: 3 });
  expect(titles.map((title) => title.lastChild?.textContent)).toEqual([
    'the last 24 hours',
    'the last 7 days',
    'the last 30 days',
  ]);
  expect(within(panel).getByText(/^since/)).toHaveTextContent(/^since 12 Nov( 2026)?$/);
  expect(within(panel).getAllByText('99.91 %')).toHaveLength(1);
});

test('the page of a monitor looks back over a year', async () => {
  session.begin(answer());
  const shop = monitor();
  const path = emptyPage(shop);
  const daysBack: number[] = [];
  server.use(
    http.get(`${path}/history`, ({ request }) => {
      const from = new URL(request.url).searchParams.get('from') ?? '';
      daysBack.push(Math.round((Date.now() - Date.parse(from)) / 86_400_000));
      return HttpResponse.json({ items: [] });
    }),
  );
  const { router, user } = visit(`/monitors/${shop.id}?window=90d`);
  await waitFor(() => expect(screen.getAllByText(/the last 90 days\.$/)).toHaveLength(4));
  await user.click(screen.getByRole('link', { name: '1 y' }));
  await waitFor(() => expect(screen.getAllByText(/the last year\.$/)).toHaveLength(4));
  expect(router.state.location.search).toEqual({ window: '1y' });
  expect(daysBack).toEqual([90, 365]);
});

test('a history that is too full says so, and what helps', async () => {
  session.begin(answer());
  const shop = monitor();
  const path = emptyPage(shop);
  const errors = [{ field: 'from', code: 'window_too_full', message: 'Ask for a shorter window.' }];
  const problem = { title: 'A value breaks a rule', code: 'validation_failed', errors };
  server.use(http.get(`${path}/history`, () => HttpResponse.json(problem, { status: 422 })));
  visit(`/monitors/${shop.id}?window=1y`);
  const history = await screen.findByRole('region', { name: 'Status history' });
  expect(await within(history).findByText(/changed too often in the last year/)).toBeVisible();
  expect(within(history).queryByRole('alert')).toBeNull();
});

test('what is kept for less is asked about first, and what the server refuses lands on its field', async () => {
  session.begin(answer());
  const changes: unknown[] = [];
  server.use(
    http.get(`${API}/workspace`, () => HttpResponse.json(workspace())),
    http.patch(`${API}/workspace`, async ({ request }) => {
      changes.push(await request.json());
      if (changes.length > 1)
        return HttpResponse.json(workspace({ raw_days: { days: 3, own: 3, most: 7 } }), { status: 200 });
      const message = 'It is at most 7 days.';
      const errors = [{ field: 'retention.raw_days', code: 'days_out_of_bounds', message }];
      return HttpResponse.json({ title: 'Invalid', code: 'validation_failed', errors }, { status: 422 });
    }),
  );
  const { user } = visit('/settings');
  const details = await screen.findByLabelText('Full details (days)');
  expect(screen.getByRole('button', { name: 'Save changes' })).toBeDisabled();
  await user.type(details, '3');
  await user.click(screen.getByRole('button', { name: 'Save changes' }));
  const question = await screen.findByRole('dialog', { name: 'Let go of older history?' });
  expect(within(question).getByText('Full details: 3 days instead of 7 days')).toBeVisible();
  expect(changes).toEqual([]);
  await user.click(within(question).getByRole('button', { name: 'Let go of it' }));
  expect(await screen.findByText('It is at most 7 days.')).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Save changes' }));
  await user.click(await screen.findByRole('button', { name: 'Let go of it' }));
  expect(await screen.findByText(/Kept for 3 days now/)).toBeVisible();
  expect(changes).toEqual([{ retention: { raw_days: 3 } }, { retention: { raw_days: 3 } }]);
});
