import { expect, test } from 'vitest';
import { workspace } from '@/testing/examples';
import { changeOf, formOf, shortened } from './retention';

const wanted = (retention: Partial<Record<'raw_days' | 'packed_days' | 'rollup_days', number>>) => ({
  retention: { raw_days: null, packed_days: null, rollup_days: null, ...retention },
});

test('what the workspace asks for is what the form begins with', () => {
  const own = workspace({ raw_days: { days: 3, own: 3, most: 7 } });
  expect(formOf(own)).toEqual(wanted({ raw_days: 3 }));
});

test('only what was touched is changed, and empty leaves it to the operator', () => {
  expect(changeOf(wanted({ packed_days: 90 }), { packed_days: true })).toEqual({
    retention: { packed_days: 90 },
  });
  expect(changeOf(wanted({}), { packed_days: true })).toEqual({ retention: { packed_days: null } });
  expect(changeOf(wanted({ raw_days: 1 }))).toEqual({ retention: {} });
});

test('what is kept for less is known beforehand, finer forms included', () => {
  expect(shortened(workspace(), wanted({}))).toEqual([]);
  expect(shortened(workspace(), wanted({ rollup_days: 90 }))).toEqual([
    { name: 'packed_days', days: 90 },
    { name: 'rollup_days', days: 90 },
  ]);
  expect(shortened(workspace(), wanted({ raw_days: 1, packed_days: 400 }))).toEqual([
    { name: 'raw_days', days: 1 },
  ]);
  const short = workspace({ packed_days: { days: 30, own: 30, most: 400 } });
  expect(shortened(short, wanted({ packed_days: 90 }))).toEqual([]);
});
