import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test, vi } from 'vitest';
import { dismiss, note, notesStore } from '@/ui/notes';
import { NoticeBoard } from '@/ui/notice-board';

afterEach(() => {
  for (const { id } of notesStore.read()) dismiss(id);
});

test('a note is read aloud and can be dismissed', async () => {
  render(<NoticeBoard />);
  act(() => note({ tone: 'bad', title: 'Shop is down', text: 'the answer was 503' }));
  expect(screen.getByRole('log')).toHaveTextContent('Shop is down');
  await userEvent.click(screen.getByRole('button', { name: 'Dismiss' }));
  expect(screen.getByRole('log')).toBeEmptyDOMElement();
});

test('many notes at once do not cover the page', () => {
  for (const n of [1, 2, 3, 4, 5]) note({ tone: 'plain', title: `Note ${n}` });
  expect(notesStore.read().map(({ title }) => title)).toEqual(['Note 3', 'Note 4', 'Note 5']);
});

test('a note goes after its time', () => {
  vi.useFakeTimers();
  note({ tone: 'plain', title: 'Saved' });
  vi.advanceTimersByTime(7_999);
  expect(notesStore.read()).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(notesStore.read()).toHaveLength(0);
  vi.useRealTimers();
});

test('a note stays while the keyboard is at it', () => {
  vi.useFakeTimers();
  render(<NoticeBoard />);
  act(() => note({ tone: 'plain', title: 'Saved' }));
  const button = screen.getByRole('button', { name: 'Dismiss' });
  act(() => button.focus());
  act(() => void vi.advanceTimersByTime(60_000));
  expect(button).toHaveFocus();
  act(() => button.blur());
  act(() => void vi.advanceTimersByTime(8_000));
  expect(notesStore.read()).toHaveLength(0);
  vi.useRealTimers();
});

test('bad news stays until it is dismissed', () => {
  vi.useFakeTimers();
  note({ tone: 'bad', title: 'Shop is down' });
  vi.advanceTimersByTime(600_000);
  expect(notesStore.read()).toHaveLength(1);
  vi.useRealTimers();
});
