import { expect, test } from 'vitest';
import { safeTarget } from './credentials';

test('after logging in one comes back to where one wanted to go', () => {
  expect(safeTarget('/monitors/1?window=7d')).toBe('/monitors/1?window=7d');
});

test('no address leads to another site', () => {
  for (const next of [
    undefined,
    '',
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
  ]) {
    expect(safeTarget(next), next).toBe('/monitors');
  }
});
