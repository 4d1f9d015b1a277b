import { messageOf, UpstreamLost } from '../../errors.js';
import type { ClientSession, Facts, RequestOptions } from '../../mcp/client/session.js';
import { codes, type JsonObject, type RpcResponse } from '../../mcp/messages.js';
import type { SessionRequest, UpstreamSession } from '../upstream.js';
import type { UpstreamContext } from './options.js';
import { notifyAll, type RunCall, Slots } from './session.js';

/** What an upstream said of itself, as its sessions tell it. */
abstract class Described implements UpstreamSession {
  abstract readonly facts: Facts;
  abstract readonly asks: boolean;
  abstract request(...asked: Parameters<UpstreamSession['request']>): Promise<RpcResponse>;
  abstract notify(...args: Parameters<UpstreamSession['notify']>): Promise<void>;

  get era() {
    return this.facts.era;
  }

  get revision() {
    return this.facts.revision;
  }

  get capabilities() {
    return this.facts.capabilities;
  }

  get serverInfo() {
    return this.facts.serverInfo;
  }

  get instructions() {
    return this.facts.instructions;
  }
}

/** One session with an upstream, and who uses it. */
export class LegacySession extends Described {
  readonly session: ClientSession;
  readonly key: string;
  /** The client whose own it is. */
  readonly owner: string | undefined;
  readonly asks: boolean;
  /** Whether the gateway itself uses it, and gives it back. */
  readonly lent: boolean;
  /** Whether it has ended: nothing is asked over it any more. */
  over = false;
  /** Whether one call has it for itself. */
  leased = false;
  readonly #context: UpstreamContext;
  readonly #run: RunCall;
  readonly #capabilities: JsonObject;
  /** What it holds at the upstream. */
  readonly memory: SessionMemory;
  readonly members: ReadonlySet<LegacySession> = new Set([this]);
  readonly #listeners = new Map<string, SessionRequest>();
  #busy = 0;
  #usedAt: number;

  constructor(
    session: ClientSession,
    key: string,
    request: SessionRequest,
    context: UpstreamContext,
    run: RunCall,
    memory = new SessionMemory(),
  ) {
    super();
    this.memory = memory;
    this.session = session;
    this.key = key;
    this.owner = request.own ? request.client : undefined;
    this.asks = request.asks !== false;
    this.lent = request.lent === true;
    this.#context = context;
    this.#run = run;
    this.#capabilities = request.capabilities;
    this.#usedAt = Date.now();
    session.onRenew = () => void memory.replay(session, context);
    session.listeners = {
      onNotification: (...args) => notifyAll(this.#onNotification(), args, context),
      ...(request.own && request.onRequest && { onRequest: (...asked) => this.#ask(request, asked) }),
    };
  }

  get facts(): Facts {
    return this.session.facts;
  }

  /** Who waits for what it says. */
  get requests(): SessionRequest[] {
    return [...this.#listeners.values()];
  }

  /** Since when nobody has used it, in milliseconds; infinite while someone does, or waits for what it says. */
  get idleSince(): number {
    return this.#busy > 0 || this.leased || this.#listeners.size > 0
      ? Number.POSITIVE_INFINITY
      : this.#usedAt;
  }

  async request(
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
  ): Promise<RpcResponse> {
    if (this.over) {
      const { upstream } = this.#context;
      throw UpstreamLost({ upstream, method, detail: 'the session has ended' });
    }
    this.#busy += 1;
    try {
      const response = await this.#run(this.session, method, params, options, this.#capabilities);
      this.memory.note(method, params, response);
      return response;
    } finally {
      this.#busy -= 1;
      this.#usedAt = Date.now();
    }
  }

  notify(method: string, params?: JsonObject): Promise<void> {
    this.#usedAt = Date.now();
    return this.session.notify(method, params);
  }

  listen(request: SessionRequest): void {
    this.#usedAt = Date.now();
    if (request.onNotification || request.onRequest) this.#listeners.set(request.client, request);
  }

  forget(client: string): void {
    this.#listeners.delete(client);
  }

  *#onNotification() {
    for (const { onNotification } of this.#listeners.values()) yield onNotification;
  }

  #ask(
    first: SessionRequest,
    asked: Parameters<NonNullable<SessionRequest['onRequest']>>,
  ): Promise<RpcResponse> {
    const { onRequest } = this.#listeners.get(first.client) ?? first;
    const none = { error: { code: codes.methodNotFound, message: `Method not found: ${asked[0]}` } };
    return onRequest ? onRequest(...asked) : Promise.resolve(none);
  }
}

/** Resources that one session is subscribed to, at most. */
const maxResources = 10_000;

/**
 * What a session of the legacy era holds at the upstream: subscriptions, and the level of its log. Where the session has
 * to begin anew it is told again: the clients behind it know of no loss.
 */
export class SessionMemory {
  readonly #resources = new Set<string>();
  #level: JsonObject | undefined;

  note(method: string, params: JsonObject | undefined, response: RpcResponse): void {
    if ('error' in response) return;
    if (method === 'logging/setLevel') this.#level = params;
    const uri = params?.['uri'];
    if (typeof uri !== 'string') return;
    if (method === 'resources/unsubscribe') this.#resources.delete(uri);
    if (method === 'resources/subscribe' && this.#resources.size < maxResources) this.#resources.add(uri);
  }

  /** Tells it all to a session that has just begun. */
  async replay(session: ClientSession, context: UpstreamContext): Promise<void> {
    const requests: [string, JsonObject][] = [...this.#resources].map((uri) => [
      'resources/subscribe',
      { uri },
    ]);
    if (this.#level) requests.unshift(['logging/setLevel', this.#level]);
    const signal = AbortSignal.timeout(context.times.silent.ms);
    for (const [method, params] of requests) {
      try {
        await session.request(method, params, { signal }, {});
      } catch (error) {
        const { upstream, log } = context;
        log.debug({ upstream, error: messageOf(error) }, 'a session that began anew lacks what it held');
        return;
      }
    }
  }
}

/**
 * Sessions for stateless clients that can be asked things. What an upstream asks on a pipe, or on a stream of its own,
 * names no request: a call that can be asked has a session for itself as long as it lasts.
 */
export class PooledSession extends Described {
  readonly asks = true;
  readonly #open: () => Promise<LegacySession>;
  readonly #slots: Slots;
  readonly #members: Set<LegacySession>;
  readonly #first: LegacySession;

  constructor(first: LegacySession, context: UpstreamContext, open: () => Promise<LegacySession>) {
    super();
    this.#first = first;
    this.#members = new Set([first]);
    this.#open = open;
    this.#slots = new Slots(context.upstream, context.limits.pool, context.limits.queue);
  }

  get members(): ReadonlySet<LegacySession> {
    return this.#members;
  }

  get over(): boolean {
    return this.#first.over;
  }

  get facts(): Facts {
    return this.#first.facts;
  }

  async request(
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
  ): Promise<RpcResponse> {
    if (!options.onRequest) return this.#first.request(method, params, options);
    await this.#slots.take(method, options.signal);
    try {
      const member = this.#free() ?? (await this.#more());
      member.leased = true;
      try {
        return await member.request(method, params, options);
      } finally {
        member.leased = false;
      }
    } finally {
      this.#slots.give();
    }
  }

  listen(request: SessionRequest): void {
    this.#first.listen(request);
  }

  notify(method: string, params?: JsonObject): Promise<void> {
    return this.#first.notify(method, params);
  }

  #free(): LegacySession | undefined {
    for (const member of this.#members) {
      if (member.over) this.#members.delete(member);
      else if (!member.leased) return member;
    }
    return undefined;
  }

  async #more(): Promise<LegacySession> {
    const member = await this.#open();
    this.#members.add(member);
    return member;
  }
}
