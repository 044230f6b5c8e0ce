import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { Loaded, type Question } from './loaded';

const show = (change: Partial<Question<string>>) =>
  render(
    <Loaded
      query={{ data: 'all is well', error: null, refetch: () => undefined, ...change }}
      what="the answer"
    >
      {(words) => <p>{words}</p>}
    </Loaded>,
  );

test('what was read stays where it cannot be read again, and says so', () => {
  show({ error: new Error('away') });
  expect(screen.getByText('all is well')).toBeVisible();
  expect(screen.getByText(/could not be read again/)).toBeVisible();
});

test('what stands in for an answer that is coming is marked as that', () => {
  show({ isPlaceholderData: true });
  expect(screen.getByText('all is well').parentElement).toHaveAttribute('aria-busy', 'true');
});
