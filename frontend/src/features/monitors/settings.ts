/** The settings of a monitor as a form holds them, from and to what the API takes. Field names are the API's own. */

import * as z from 'zod/mini';
import type { Monitor, MonitorChange, NewMonitor } from '@/api/types';

const whole = (message: string) => z.number(message).check(z.int(message));

/**
 * What a new monitor takes. Only what cannot even be sent is caught here: every other rule is the server's, whose answer
 * lands on the field.
 */
export const newSettingsSchema = z.object({
  name: z.string(),
  target: z.object({
    url: z.string().check(z.minLength(1, 'Enter the URL to watch.')),
    method: z.enum(['GET', 'HEAD']),
    follow_redirects: z.boolean(),
  }),
  interval_seconds: whole('Enter a whole number of seconds.'),
  timeout_seconds: z.nullable(whole('Enter a whole number of seconds, or leave it empty.')),
  expectation: z.object({
    statuses: z.string().check(z.minLength(1, 'Enter the status codes that count as up.')),
    slow_after_ms: z.nullable(whole('Enter a whole number of milliseconds, or leave it empty.')),
  }),
  confirmation: z.object({
    before_down: whole('Enter a whole number.'),
    before_up: whole('Enter a whole number.'),
  }),
});

export type Settings = z.infer<typeof newSettingsSchema>;

/** What a monitor takes that exists: it has a timeout, which is not left to the server any more. */
export const settingsSchema = z.extend(newSettingsSchema, {
  timeout_seconds: whole('Enter a whole number of seconds.'),
});

/** What a new monitor starts from: every minute, as the server would choose the rest. */
export const PROPOSED: Settings = {
  name: '',
  target: { url: '', method: 'GET', follow_redirects: true },
  interval_seconds: 60,
  timeout_seconds: null,
  expectation: { statuses: '200-399', slow_after_ms: null },
  confirmation: { before_down: 1, before_up: 0 },
};

export function settingsOf(monitor: Monitor): Settings {
  const { name, target, interval_seconds, timeout_seconds, expectation, confirmation } = monitor;
  return {
    name,
    target: { url: target.url, method: target.method, follow_redirects: target.follow_redirects },
    interval_seconds,
    timeout_seconds,
    expectation: { statuses: expectation.statuses, slow_after_ms: expectation.slow_after_ms ?? null },
    confirmation: { before_down: confirmation.before_down, before_up: confirmation.before_up },
  };
}

/** The request that these settings make. A URL without a scheme is taken for https; what is empty is left to the server. */
export function requestOf(settings: Settings): NewMonitor {
  const { name, target, timeout_seconds, ...rest } = settings;
  return {
    ...rest,
    target: { type: 'http', ...target, url: withScheme(target.url.trim()) },
    ...(name.trim() && { name: name.trim() }),
    ...(timeout_seconds !== null && { timeout_seconds }),
  };
}

/** Which fields were touched, in the shape of the settings. */
export type Touched = { [Field in keyof Settings]?: boolean | Record<string, boolean> };

/**
 * The change that these settings make: what was touched, and nothing else, so that nobody's change of another field is
 * taken back. A target is changed as a whole.
 */
export function changeOf(settings: Settings, touched: Touched): MonitorChange {
  const { target, expectation, confirmation, ...rest } = requestOf(settings);
  const whole = { target, ...rest };
  const change = Object.entries(whole).filter(([field]) => isTouched(touched[field as keyof Settings]));
  return {
    ...Object.fromEntries(change),
    ...partOf('expectation', expectation, touched.expectation),
    ...partOf('confirmation', confirmation, touched.confirmation),
  };
}

const isTouched = (touched: Touched[keyof Settings]): boolean =>
  typeof touched === 'object' ? Object.values(touched).some(Boolean) : touched === true;

function partOf(name: string, values: object | undefined, touched: Touched[keyof Settings]): object {
  if (!isTouched(touched) || typeof touched !== 'object') return {};
  return { [name]: Object.fromEntries(Object.entries(values ?? {}).filter(([field]) => touched[field])) };
}

const withScheme = (url: string): string => (/^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `https://${url}`);
