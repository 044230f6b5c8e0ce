import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { api, data, withSession } from '@/api/client';
import { ProblemError, problemOf } from '@/api/problem';

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const URL_OF_MONITORS = 'http://localhost:3000/api/v1/monitors';

const post = () => new Request(URL_OF_MONITORS, { method: 'POST', body: '{"name":"Shop"}' });

test('a request carries the token', async () => {
  server.use(
    http.post(URL_OF_MONITORS, ({ request }) => HttpResponse.text(request.headers.get('Authorization'))),
  );
  const send = withSession({ token: async () => 'token-1', replace: async () => null });
  expect(await (await send(post())).text()).toBe('Bearer token-1');
});

test('a refused token is replaced once and the whole request sent again', async () => {
  const bodies: string[] = [];
  server.use(
    http.post(URL_OF_MONITORS, async ({ request }) => {
      bodies.push(await request.text());
      const isFresh = request.headers.get('Authorization') === 'Bearer token-2';
      return new HttpResponse(null, { status: isFresh ? 201 : 401 });
    }),
  );
  const send = withSession({ token: async () => 'token-1', replace: async () => 'token-2' });
  expect((await send(post())).status).toBe(201);
  expect(bodies).toEqual(['{"name":"Shop"}', '{"name":"Shop"}']);
});

test('a second refusal is not tried again', async () => {
  const answered = vi.fn(() => new HttpResponse(null, { status: 401 }));
  server.use(http.post(URL_OF_MONITORS, answered));
  const send = withSession({ token: async () => 'token-1', replace: async () => 'token-2' });
  expect((await send(post())).status).toBe(401);
  expect(answered).toHaveBeenCalledTimes(2);
});

test('without a session a refusal is the answer', async () => {
  const answered = vi.fn(() => new HttpResponse(null, { status: 401 }));
  server.use(http.post(URL_OF_MONITORS, answered));
  const replace = vi.fn(async () => 'token-2');
  await withSession({ token: async () => null, replace })(post());
  expect(answered).toHaveBeenCalledOnce();
  expect(replace).not.toHaveBeenCalled();
});

test('a problem document is thrown with its words and its fields', async () => {
  const errors = [
    { field: 'target.url', code: 'invalid_url', message: 'A URL looks like https://example.org/path.' },
  ];
  server.use(
    http.get(URL_OF_MONITORS, () =>
      HttpResponse.json(
        { type: '/problems/invalid', title: 'Invalid', status: 422, detail: 'No.', code: 'invalid', errors },
        { status: 422 },
      ),
    ),
  );
  const refusal = await data(api.GET('/api/v1/monitors')).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ProblemError);
  expect(problemOf(refusal)).toEqual({
    status: 422,
    title: 'Invalid',
    detail: 'No.',
    code: 'invalid',
    fields: errors,
  });
});

test('an answer of something in between is a problem with its status', async () => {
  server.use(http.get(URL_OF_MONITORS, () => new HttpResponse('<h1>Bad gateway</h1>', { status: 502 })));
  const refusal = await data(api.GET('/api/v1/monitors')).catch((error: unknown) => error);
  expect(problemOf(refusal)).toMatchObject({ status: 502, code: 'unexpected_answer' });
});

test('a server that cannot be reached is a problem without a status', async () => {
  server.use(http.get(URL_OF_MONITORS, () => HttpResponse.error()));
  const refusal = await data(api.GET('/api/v1/monitors')).catch((error: unknown) => error);
  expect(problemOf(refusal)).toMatchObject({ status: null, code: 'unreachable' });
});
