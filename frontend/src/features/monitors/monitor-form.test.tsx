import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { ProblemError } from '@/api/problem';
import { MonitorForm } from './monitor-form';
import { PROPOSED } from './settings';

function show(onSave: (request: unknown) => Promise<unknown>) {
  render(<MonitorForm settings={PROPOSED} isNew action="Add monitor" onSave={onSave} cancel={null} />);
  return userEvent.setup();
}

const refusal = (fields: { field: string; code: string; message: string }[]) =>
  new ProblemError({
    status: 422,
    title: 'Invalid',
    detail: 'Some values break a rule.',
    code: 'invalid',
    fields,
  });

test('a URL is all that it takes', async () => {
  const onSave = vi.fn(async (_: unknown) => undefined);
  const user = show(onSave);
  await user.type(screen.getByLabelText('URL'), 'https://example.org');
  await user.click(screen.getByRole('button', { name: 'Add monitor' }));
  expect(onSave).toHaveBeenCalledOnce();
  expect(onSave.mock.calls[0]?.[0]).toMatchObject({
    target: { url: 'https://example.org' },
    interval_seconds: 60,
  });
});

test('without a URL nothing is sent', async () => {
  const onSave = vi.fn(async () => undefined);
  const user = show(onSave);
  await user.click(screen.getByRole('button', { name: 'Add monitor' }));
  expect(await screen.findByText('Enter the URL to watch.')).toBeVisible();
  expect(screen.getByLabelText('URL')).toHaveAccessibleDescription(/Enter the URL to watch\./);
  expect(onSave).not.toHaveBeenCalled();
});

test('what the server refuses lands on its field, and the fields that were folded away open', async () => {
  const fields = [
    { field: 'target.url', code: 'guarded_address', message: 'This address lies in a private range.' },
    {
      field: 'timeout_seconds',
      code: 'timeout_out_of_bounds',
      message: 'A timeout has at most the interval.',
    },
  ];
  const user = show(() => Promise.reject(refusal(fields)));
  await user.type(screen.getByLabelText('URL'), 'http://10.0.0.1');
  await user.click(screen.getByRole('button', { name: 'Add monitor' }));
  expect(await screen.findByText('This address lies in a private range.')).toBeVisible();
  expect(screen.getByLabelText('URL')).toBeInvalid();
  expect(screen.getByLabelText('Timeout (seconds)')).toHaveAccessibleDescription(
    /A timeout has at most the interval\./,
  );
  expect(screen.getByRole('group')).toHaveAttribute('open');
});

test('a problem without a field stands at the foot of the form', async () => {
  const problem = {
    status: 503,
    title: 'Away',
    detail: 'The store is away.',
    code: 'unavailable',
    fields: [],
  };
  const user = show(() => Promise.reject(new ProblemError(problem)));
  await user.type(screen.getByLabelText('URL'), 'https://example.org');
  await user.click(screen.getByRole('button', { name: 'Add monitor' }));
  expect(await screen.findByRole('alert')).toHaveTextContent('The store is away.');
});

test('an interval is one press away', async () => {
  const user = show(async () => undefined);
  await user.click(screen.getByRole('button', { name: 'Check every 5 min' }));
  expect(screen.getByLabelText('Check every (seconds)')).toHaveValue(300);
});
