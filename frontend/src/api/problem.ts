/** What went wrong with a request, in the words of the server (RFC 9457) or in ours where it could not be asked. */

import type { FieldError, ProblemDocument } from '@/api/types';
import { learnTime } from '@/clock/server';

export type Problem = {
  /** The status code of the answer; `null` where there was none. */
  status: number | null;
  title: string;
  detail: string | null;
  code: string;
  fields: FieldError[];
};

/** A request that did not do what it was asked to. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
    this.name = 'ProblemError';
  }
}

const isDocument = (body: unknown): body is ProblemDocument =>
  typeof body === 'object' && body !== null && 'title' in body && typeof body.title === 'string';

/** The problem that an answer describes. An answer from something in between is no problem document. */
export function problemOfAnswer(response: Response, body: unknown): Problem {
  if (isDocument(body)) {
    const fields = Array.isArray(body.errors) ? body.errors : [];
    return {
      status: response.status,
      title: body.title,
      detail: body.detail ?? null,
      code: body.code,
      fields,
    };
  }
  return {
    status: response.status,
    title: 'The server gave an unexpected answer',
    detail: `It answered ${response.status} without saying why.`,
    code: 'unexpected_answer',
    fields: [],
  };
}

const UNREACHABLE: Problem = {
  status: null,
  title: 'The server cannot be reached',
  detail: 'Check the connection to Watchkeeper, then try again.',
  code: 'unreachable',
  fields: [],
};

const BROKEN: Problem = {
  status: null,
  title: 'This page has failed',
  detail: 'That is a fault of the dashboard, not of what is watched. Trying again may help.',
  code: 'broken',
  fields: [],
};

/**
 * `fetch`, except that a server that cannot be reached is a problem like any other, and that each answer tells what time
 * it is there. Leaving off stays what it is.
 */
export async function reach(request: Request): Promise<Response> {
  const askedAt = Date.now();
  try {
    const response = await globalThis.fetch(request);
    learnTime(response.headers.get('Date'), askedAt, Date.now());
    return response;
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ProblemError(UNREACHABLE);
  }
}

/** The problem behind anything that was thrown. */
export const problemOf = (error: unknown): Problem =>
  error instanceof ProblemError ? error.problem : BROKEN;
