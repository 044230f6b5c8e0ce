/**
 * The session of this tab. The access token lives in memory only; the refresh token is a cookie that no script sees.
 *
 * A refresh token works once, and using an old one ends the whole family of tokens. Therefore one tab refreshes at a
 * time (a lock over all tabs) and each tab has at most one renewal under way.
 */

import type { SessionAnswer, User } from '@/api/types';

/** Renewed so long before it ends, so that no request meets an expired token. */
const RENEW_BEFORE_MS = 60_000;

export type SessionState =
  | { kind: 'unknown' }
  | { kind: 'anonymous' }
  | { kind: 'active'; token: string; expiresAt: number; user: User };

export type SessionMessage = { kind: 'began'; user: string } | { kind: 'ended' };

/** What the session needs from the browser and the server. */
export type SessionPorts = {
  /** Trades the refresh cookie for a new session; `null` where the server does not accept it. */
  refresh: () => Promise<SessionAnswer | null>;
  /** Ends the session on the server and takes the cookie back. */
  logOut: () => Promise<void>;
  /** Runs one task at a time over all tabs. */
  takeTurns: <T>(task: () => Promise<T>) => Promise<T>;
  /** Tells the other tabs. */
  tell: (message: SessionMessage) => void;
  /** Whether a session was begun on this device and not ended; spares a stranger a refused request. */
  hint: { read: () => boolean; write: (present: boolean) => void };
  now: () => number;
};

export class Session {
  #state: SessionState = { kind: 'unknown' };
  #renewal: Promise<string | null> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(private readonly ports: SessionPorts) {}

  readonly state = (): SessionState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Takes over what signing up or logging in has answered. */
  begin(answer: SessionAnswer): void {
    this.#activate(answer);
    this.ports.hint.write(true);
    this.ports.tell({ kind: 'began', user: answer.user.id });
  }

  /** Whether somebody is logged in, if need be by way of the cookie. Fails where the server cannot be asked. */
  async ensure(): Promise<boolean> {
    if (this.#state.kind === 'unknown') {
      if (!this.ports.hint.read()) this.#become({ kind: 'anonymous' });
      else await this.#renew();
    }
    return this.#state.kind === 'active';
  }

  /** A token that will not expire within the next moments; `null` where nobody is logged in. */
  async token(): Promise<string | null> {
    const state = this.#state;
    if (state.kind !== 'active') return null;
    return state.expiresAt - this.ports.now() > RENEW_BEFORE_MS / 2 ? state.token : this.#renew();
  }

  /** Another token in place of one that the server has refused; `null` where there is none. */
  async replace(refused: string): Promise<string | null> {
    const state = this.#state;
    if (state.kind !== 'active') return null;
    return state.token === refused ? this.#renew() : state.token;
  }

  /** Logs out: here, on the server, and in all tabs. */
  async logOut(): Promise<void> {
    await this.ports.takeTurns(() => this.ports.logOut());
    this.#end();
  }

  /** What another tab has told. */
  hear(message: SessionMessage): void {
    const state = this.#state;
    if (message.kind === 'ended') this.#become({ kind: 'anonymous' });
    else if (state.kind !== 'active' || state.user.id !== message.user) this.#become({ kind: 'unknown' });
  }

  #renew(): Promise<string | null> {
    this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #renewOnce(): Promise<string | null> {
    const before = this.#state;
    const answer = await this.ports.takeTurns(() => this.ports.refresh());
    // Whoever logged out or in meanwhile has the last word.
    if (this.#state !== before) return this.#state.kind === 'active' ? this.#state.token : null;
    if (answer === null) {
      this.#end();
      return null;
    }
    this.#activate(answer);
    return answer.access_token;
  }

  #activate(answer: SessionAnswer): void {
    const lifetime = answer.expires_in * 1000;
    const expiresAt = this.ports.now() + lifetime;
    this.#become({ kind: 'active', token: answer.access_token, expiresAt, user: answer.user });
    // A failure here is met again, and then reported, by the next request that needs a token.
    this.#timer = setTimeout(
      () => this.#renew().catch(() => undefined),
      Math.max(lifetime - RENEW_BEFORE_MS, lifetime / 2),
    );
  }

  /** Ends the session here and in all tabs: they share the cookie. */
  #end(): void {
    this.ports.hint.write(false);
    this.#become({ kind: 'anonymous' });
    this.ports.tell({ kind: 'ended' });
  }

  #become(state: SessionState): void {
    clearTimeout(this.#timer);
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
