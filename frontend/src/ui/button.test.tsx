import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { Button } from '@/ui/button';

test('a button that is busy keeps the focus and takes no press', async () => {
  const [press, send] = [vi.fn(), vi.fn((event: Event) => event.preventDefault())];
  const form = (busy: boolean) => (
    <form onSubmit={(event) => send(event.nativeEvent)}>
      <Button type="submit" busy={busy} onClick={press}>
        Save
      </Button>
    </form>
  );
  const { rerender } = render(form(false));
  const button = screen.getByRole('button', { name: 'Save' });
  button.focus();
  rerender(form(true));
  expect(button).toHaveFocus();
  await userEvent.click(button);
  expect([press, send].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  rerender(form(false));
  await userEvent.click(button);
  expect([press, send].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
});
