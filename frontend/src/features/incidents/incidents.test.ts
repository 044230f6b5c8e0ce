import { expect, test } from 'vitest';
import { incident } from '@/testing/examples';
import { ending, happened } from './words';

const at = '2026-11-22T12:00:00.000000Z';

test('an incident lasts, recovered, or was closed by pausing', () => {
  expect(ending(incident())).toBe('Ongoing');
  expect(ending(incident({ ended_at: at, ended_as: 'RECOVERED' }))).toBe('Recovered');
  expect(ending(incident({ ended_at: at, ended_as: 'PAUSED' }))).toBe('Closed by pausing');
});

test('a failed delivery says why, and whether it is tried again', () => {
  const failed = { at, type: 'delivery_failed', attempt: 2, error: 'connection refused' } as const;
  expect(happened(failed)).toBe(
    'The notice could not be delivered at attempt 2: connection refused. It is not tried again.',
  );
  expect(happened({ ...failed, retry_at: at })).toContain('It is tried again at');
});

test('every kind of event is a sentence', () => {
  const types = [
    'first_failure',
    'confirmed',
    'notice_owed',
    'delivered',
    'delivery_failed',
    'ended',
  ] as const;
  for (const type of types) expect(happened({ at, type })).toMatch(/\.$/);
});
