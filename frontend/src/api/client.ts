/** The client of the API, typed by `openapi.yaml`. Requests carry the token of the session and survive its renewal. */

import createClient from 'openapi-fetch';
import { session } from '@/api/browser';
import { ProblemError, problemOfAnswer, reach } from '@/api/problem';
import type { paths } from '@/api/schema';
import type { Session } from '@/api/session';

/** Sends a request with the session's token. A refused token is replaced once, and the request sent again. */
export function withSession(
  tokens: Pick<Session, 'token' | 'replace'>,
): (request: Request) => Promise<Response> {
  const send = (request: Request, token: string | null): Promise<Response> => {
    if (token !== null) request.headers.set('Authorization', `Bearer ${token}`);
    return reach(request);
  };
  return async (request) => {
    const again = request.clone();
    const token = await tokens.token();
    const response = await send(request, token);
    if (response.status !== 401 || token === null) return response;
    const another = await tokens.replace(token);
    return another === null ? response : send(again, another);
  };
}

/** `fetch` with the session, for what is not JSON: the stream of events. */
export const fetchWithSession = withSession(session);

export const api = createClient<paths>({
  baseUrl: globalThis.location.origin,
  fetch: fetchWithSession,
});

type Answer<Data> = { data?: Data; error?: unknown; response: Response };

/** The data of an answer; anything but success is thrown as a `ProblemError`. */
export async function data<Data>(answer: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ProblemError(problemOfAnswer(response, error));
  return data as Data;
}
