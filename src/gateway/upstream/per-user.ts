import { type Cancellation, signalOf } from '../../cancel.js';
import type { UpstreamSettings } from '../../config/index.js';
import {
  findSallyError,
  OauthNoCaller,
  UpstreamBusy,
  UpstreamCancelled,
  UpstreamDown,
  UpstreamStatus,
} from '../../errors.js';
import type { Asker, OauthClient } from '../../oauth/index.js';
import { backoff, pause, unlessAborted, withDeadline } from '../../wait.js';
import type { Identity } from '../client.js';
import type { SessionRequest, Upstream, UpstreamLoad, UpstreamSession } from '../upstream.js';
import { TokenAuthorization } from './authorization.js';
import { Condition } from './condition.js';
import { transportOf, type UpstreamContext, type UpstreamDeps } from './options.js';
import { UserConsent } from './user-consent.js';

/** An upstream as one user has it: over connections of its own, with the tokens of that user. */
interface User {
  readonly authorization: TokenAuthorization;
  /** Where the user is asked in a browser. */
  readonly consent: UserConsent | undefined;
  upstream: Upstream | undefined;
  /** Of whom its token is made. */
  token: string | undefined;
  /** The clients that use it. */
  readonly clients: Set<string>;
  usedAt: number;
}

interface Parts {
  readonly context: UpstreamContext;
  readonly client: OauthClient;
  readonly deps: Pick<UpstreamDeps, 'callers' | 'consent'>;
  /** Opens it for one user. */
  open(authorization: TokenAuthorization): Upstream;
}

/** Users of one upstream at a time: of those that nobody uses, the one that has rested longest goes. */
const maxUsers = 1_000;

/**
 * An upstream that is asked with a token of the user who calls: each has sessions and connections of its own, and nothing of one
 * is ever used for another. Whether it is there is found out without a token: that it wants one is an answer, too.
 */
export class PerUserUpstream extends Condition implements Upstream {
  readonly settings: UpstreamSettings;
  readonly #parts: Parts;
  readonly #users = new Map<string, User>();
  readonly #closing = new AbortController();
  readonly #sweeper: NodeJS.Timeout;
  #looking = false;
  /** It says what it is to users alone, and may say another thing to each. */
  readonly facts = undefined;

  constructor(settings: UpstreamSettings, parts: Parts) {
    super(settings.name, parts.context.log);
    this.settings = settings;
    this.#parts = parts;
    this.#sweeper = setInterval(() => this.#sweep(), parts.context.pace.idle / 4).unref();
    void this.#look();
  }

  get load(): UpstreamLoad {
    const load = { running: 0, waiting: 0, connections: 0 };
    for (const { upstream } of this.#users.values()) {
      load.running += upstream?.load.running ?? 0;
      load.waiting += upstream?.load.waiting ?? 0;
      load.connections += upstream?.load.connections ?? 0;
    }
    return load;
  }

  async session(request: SessionRequest, signal: Cancellation, asker?: Identity): Promise<UpstreamSession> {
    const { principal, client } = request;
    const upstream = this.name;
    if (this.state.kind === 'connecting') await this.settled(signalOf(signal));
    if (signal.aborted)
      throw findSallyError(signal.reason) ?? UpstreamCancelled({ upstream, method: 'initialize' });
    if (this.state.kind === 'down') throw this.downError();
    const user = this.#users.get(principal) ?? this.#newUser(principal);
    user.clients.add(client);
    user.usedAt = Date.now();
    if (user.consent) {
      const asked = await user.consent.session(request, signal);
      if (asked) {
        this.#leave(user);
        return asked;
      }
    } else {
      const caller = this.#parts.deps.callers?.of(principal, asker);
      if (user.token !== caller?.token) this.#renew(user, caller?.token);
      // What keeps this user from a token is told to this user, and does not make the upstream one that is down.
      const value = user.authorization.value(signal, asker);
      if (value instanceof Promise) await value;
    }
    user.upstream ??= this.#open(user.authorization);
    return user.upstream.session(request, signal, asker);
  }

  async look(signal: AbortSignal): Promise<string> {
    await this.settled(signal);
    if (this.state.kind !== 'up') throw this.downError();
    const { issuer } = await unlessAborted(this.#parts.client.server(), signal);
    return `it is there, and each user has a token of ${issuer}`;
  }

  async release(client: string): Promise<void> {
    const using = [...this.#users.values()].filter(({ clients }) => clients.delete(client));
    for (const { consent } of using) consent?.release(client);
    await Promise.all(using.map(({ upstream }) => upstream?.release(client)));
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const reason = UpstreamDown({ upstream: this.name, reason: 'it was closed' });
    this.#closing.abort(reason);
    clearInterval(this.#sweeper);
    this.becomeDown(reason);
    await Promise.allSettled([...this.#users.values()].map(({ upstream }) => upstream?.close()));
    this.#users.clear();
    this.#parts.deps.consent?.desk.forget(this.#parts.client);
    await this.#parts.client.close();
  }

  #newUser(principal: string): User {
    if (this.#users.size >= maxUsers) this.#makeRoom();
    const { client, deps } = this.#parts;
    const consent = client.needsConsent ? new UserConsent(client, principal, deps.consent) : undefined;
    const authorization =
      consent?.authorization ??
      new TokenAuthorization(client, async (more, asker) =>
        client.token(this.#askerOf(principal, asker), more),
      );
    const user: User = {
      authorization,
      consent,
      upstream: undefined,
      token: undefined,
      clients: new Set(),
      usedAt: Date.now(),
    };
    this.#users.set(principal, user);
    return user;
  }

  #askerOf(principal: string, asker: Identity | undefined): Asker {
    const upstream = this.name;
    const caller = this.#parts.deps.callers?.of(principal, asker);
    if (caller === undefined) throw OauthNoCaller({ upstream, reason: 'no such token has come' });
    if (caller.end !== undefined && caller.end <= Date.now())
      throw OauthNoCaller({ upstream, reason: 'the token that came has ended' });
    return { kind: 'caller', ...caller };
  }

  /** The caller came with another token: what failed for the one before may go well. */
  #renew(user: User, token: string | undefined): void {
    user.token = token;
    user.authorization.forgive();
    if (user.upstream?.state.kind === 'down') this.#leave(user);
  }

  #leave(user: User): void {
    void user.upstream?.close();
    user.upstream = undefined;
  }

  #open(authorization: TokenAuthorization): Upstream {
    const upstream = this.#parts.open(authorization);
    upstream.onState((state) => {
      if (state.kind !== 'down' || state.code.startsWith('SALLY_UPSTREAM_OAUTH')) return;
      if (!this.#closing.signal.aborted) void this.#look();
    });
    return upstream;
  }

  /** Looks whether anybody is there, until somebody is. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { pace } = this.#parts.context;
    for (let failures = 1; !this.#closing.signal.aborted; failures += 1) {
      try {
        await this.#contact();
        break;
      } catch (thrown) {
        if (this.#closing.signal.aborted) break;
        this.failed(thrown);
      }
      if (!(await pause(backoff(failures, pace, Math.random), this.#closing.signal))) break;
    }
    this.#looking = false;
  }

  async #contact(): Promise<void> {
    const { context } = this.#parts;
    const transport = transportOf(this.settings, context);
    const { times, pace, errors, log } = context;
    const ms = Math.min(times.silent.ms, pace.handshake);
    const late = () => errors.timeout('the handshake', ms / 1000);
    try {
      const work = (signal: AbortSignal) => transport.contact(undefined, signal);
      const session = await withDeadline(ms, late, this.#closing.signal, work);
      await session.close();
    } catch (error) {
      const wantsToken = UpstreamStatus.is(error) && [401, 403].includes(error.context.status);
      if (!wantsToken) throw error;
      this.#parts.client.challenged(error.context.challenge ?? '');
    } finally {
      await transport.close();
    }
    if (this.#closing.signal.aborted || this.state.kind === 'up') return;
    log.info(
      { upstream: this.name },
      `the upstream '${this.name}' is there: each user connects to it with a token`,
    );
    this.become({ kind: 'up' });
  }

  /** Ends what nobody has used for long. */
  #sweep(): void {
    const before = Date.now() - this.#parts.context.pace.idle;
    for (const [principal, { clients, usedAt }] of this.#users)
      if (clients.size === 0 && usedAt < before) this.#forget(principal);
  }

  #makeRoom(): void {
    const idle = [...this.#users].filter(([, { clients }]) => clients.size === 0);
    const [oldest] = idle.sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest === undefined)
      throw UpstreamBusy({ upstream: this.name, what: 'users have sessions with it', limit: maxUsers });
    this.#forget(oldest[0]);
  }

  #forget(principal: string): void {
    void this.#users.get(principal)?.upstream?.close();
    this.#users.delete(principal);
  }
}
