import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { ProblemError } from '@/api/problem';
import { monitor } from '@/testing/examples';
import { MonitorForm } from './monitor-form';
import { changeOf, PROPOSED, type Settings, settingsOf, type Touched } from './settings';

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

test('what a refusal has opened stays open while the correction is typed', async () => {
  const user = show(() =>
    Promise.reject(refusal([{ field: 'timeout_seconds', code: 'out_of_bounds', message: 'Too long.' }])),
  );
  await user.type(screen.getByLabelText('URL'), 'https://example.org');
  await user.click(screen.getByRole('button', { name: 'Add monitor' }));
  expect(await screen.findByText('Too long.')).toBeVisible();
  const timeout = screen.getByLabelText('Timeout (seconds)');
  expect(timeout).toHaveFocus();
  await user.type(timeout, '5');
  await waitFor(() => expect(screen.queryByText('Too long.')).not.toBeInTheDocument());
  expect(screen.getByRole('group')).toHaveAttribute('open');
});

test('what is wrong in the fields that are folded away is open before it is focused', async () => {
  const user = show(async () => undefined);
  await user.type(screen.getByLabelText('URL'), 'https://example.org');
  const statuses = screen.getByLabelText('Expected status codes');
  await user.clear(statuses);
  const openAtFocus: boolean[] = [];
  const group = screen.getByRole('group') as HTMLDetailsElement;
  group.open = false;
  statuses.addEventListener('focus', () => openAtFocus.push(group.open));
  await user.click(screen.getByRole('button', { name: 'Add monitor' }));
  await waitFor(() => expect(statuses).toHaveFocus());
  expect(openAtFocus[0]).toBe(true);
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

test('only what was touched is changed, and what is read later fills the other fields', async () => {
  const onSave = vi.fn(async (_: Settings, __: Touched) => undefined);
  const form = (change: Partial<Settings>) => (
    <MonitorForm
      settings={{ ...settingsOf(monitor()), ...change }}
      isNew={false}
      action="Save"
      onSave={onSave}
      cancel={null}
    />
  );
  const { rerender } = render(form({}));
  const user = userEvent.setup();
  await user.type(screen.getByLabelText('Name'), ' front');
  const slow = screen.getByLabelText('Degraded when slower than (ms)');
  await user.type(slow, '250');
  rerender(form({ name: 'Store', interval_seconds: 300 }));
  await waitFor(() => expect(screen.getByLabelText('Check every (seconds)')).toHaveValue(300));
  expect(screen.getByLabelText('Name')).toHaveValue('Shop front');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(onSave).toHaveBeenCalledOnce();
  const [settings, touched] = onSave.mock.calls[0] ?? [PROPOSED, {}];
  expect(changeOf(settings, touched)).toEqual({ name: 'Shop front', expectation: { slow_after_ms: 250 } });
});
