import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Session, type SessionPorts } from '@/api/session';
import { answer } from '@/testing/examples';

let now = 0;
let hint = false;
let ports: { [Port in keyof SessionPorts]: SessionPorts[Port] } & {
  refresh: ReturnType<typeof vi.fn<SessionPorts['refresh']>>;
  tell: ReturnType<typeof vi.fn<SessionPorts['tell']>>;
};

beforeEach(() => {
  vi.useFakeTimers();
  now = 0;
  hint = true;
  ports = {
    refresh: vi.fn(async () => answer({ access_token: 'token-2' })),
    logOut: vi.fn(async () => undefined),
    takeTurns: (task) => task(),
    tell: vi.fn(),
    hint: {
      read: () => hint,
      write: (present) => {
        hint = present;
      },
    },
    now: () => now,
  };
  return () => vi.useRealTimers();
});

test('a stranger is not asked about at the server', async () => {
  hint = false;
  expect(await new Session(ports).ensure()).toBe(false);
  expect(ports.refresh).not.toHaveBeenCalled();
});

test('a reload brings the session back by way of the cookie', async () => {
  const session = new Session(ports);
  expect(await session.ensure()).toBe(true);
  expect(await session.token()).toBe('token-2');
});

test('a cookie that is not accepted ends the session and its hint', async () => {
  ports.refresh.mockResolvedValue(null);
  const session = new Session(ports);
  expect(await session.ensure()).toBe(false);
  expect(session.state().kind).toBe('anonymous');
  expect(hint).toBe(false);
  expect(ports.tell).toHaveBeenLastCalledWith({ kind: 'ended' });
});

test('a server that cannot be reached logs nobody out', async () => {
  ports.refresh.mockRejectedValue(new TypeError('Failed to fetch'));
  const session = new Session(ports);
  await expect(session.ensure()).rejects.toThrow('Failed to fetch');
  expect(session.state().kind).toBe('unknown');
  expect(hint).toBe(true);
});

describe('with a session', () => {
  let session: Session;
  beforeEach(() => {
    session = new Session(ports);
    session.begin(answer({ access_token: 'token-1' }));
  });

  test('a fresh token is used as it is', async () => {
    expect(await session.token()).toBe('token-1');
    expect(ports.refresh).not.toHaveBeenCalled();
  });

  test('a token that is about to expire is replaced first', async () => {
    now = 880_000;
    expect(await session.token()).toBe('token-2');
  });

  test('many refused requests ask for one renewal', async () => {
    const tokens = await Promise.all([1, 2, 3].map(() => session.replace('token-1')));
    expect(tokens).toEqual(['token-2', 'token-2', 'token-2']);
    expect(ports.refresh).toHaveBeenCalledOnce();
  });

  test('a request that was refused with an older token takes the newer one', async () => {
    expect(await session.replace('token-0')).toBe('token-1');
    expect(ports.refresh).not.toHaveBeenCalled();
  });

  test('the token is renewed before it expires, without anybody asking', async () => {
    await vi.advanceTimersByTimeAsync(839_000);
    expect(ports.refresh).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ports.refresh).toHaveBeenCalledOnce();
    expect(session.state()).toMatchObject({ kind: 'active', token: 'token-2' });
  });

  test('logging out ends the session here, on the server, and tells the other tabs', async () => {
    await session.logOut();
    expect(ports.logOut).toHaveBeenCalledOnce();
    expect(session.state().kind).toBe('anonymous');
    expect(ports.tell).toHaveBeenLastCalledWith({ kind: 'ended' });
    expect(await session.token()).toBeNull();
  });

  test('a logout that fails leaves the session as it is', async () => {
    ports.logOut = () => Promise.reject(new TypeError('Failed to fetch'));
    await expect(session.logOut()).rejects.toThrow();
    expect(session.state().kind).toBe('active');
  });

  test('a renewal that comes back after logging out changes nothing', async () => {
    let arrive: (late: ReturnType<typeof answer>) => void = () => undefined;
    ports.refresh.mockReturnValue(new Promise((resolve) => (arrive = resolve)));
    const renewal = session.replace('token-1');
    session.hear({ kind: 'ended' });
    arrive(answer({ access_token: 'token-late' }));
    expect(await renewal).toBeNull();
    expect(session.state().kind).toBe('anonymous');
  });

  test('another user in another tab makes this tab ask anew who is there', () => {
    session.hear({ kind: 'began', user: 'somebody-else' });
    expect(session.state().kind).toBe('unknown');
  });

  test('the same user in another tab changes nothing', () => {
    session.hear({ kind: 'began', user: answer().user.id });
    expect(session.state().kind).toBe('active');
  });
});

test('tabs take turns at refreshing', async () => {
  let free: Promise<unknown> = Promise.resolve();
  let running = 0;
  let most = 0;
  const takeTurns: SessionPorts['takeTurns'] = (task) => {
    const turn = free.then(task);
    free = turn.catch(() => undefined);
    return turn;
  };
  const refresh = async () => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    return answer();
  };
  const tabs = [1, 2, 3].map(() => new Session({ ...ports, takeTurns, refresh }));
  await Promise.all(tabs.map((tab) => tab.ensure()));
  expect(most).toBe(1);
});
