import { messageOf, UpstreamLost } from '../../errors.js';
import type { ClientSession, RequestOptions } from '../../mcp/client/session.js';
import { type Answer, codes, type JsonObject } from '../../mcp/messages.js';
import type { SessionWish, UpstreamSession } from '../upstream.js';
import type { UpstreamContext } from './options.js';
import { Slots } from './slots.js';

/** Makes a request within the limits of the upstream, and looks at what came of it. */
export type RunCall = (
  session: ClientSession,
  method: string,
  params: JsonObject | undefined,
  options: RequestOptions,
  capabilities: JsonObject,
) => Promise<Answer>;

/** One session with an upstream, and who uses it. */
export class LegacySession implements UpstreamSession {
  readonly session: ClientSession;
  readonly key: string;
  /** The client whose own it is. */
  readonly owner: string | undefined;
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
  readonly #hearers = new Map<string, SessionWish>();
  #busy = 0;
  #usedAt: number;

  constructor(
    session: ClientSession,
    key: string,
    wish: SessionWish,
    context: UpstreamContext,
    run: RunCall,
    memory = new SessionMemory(),
  ) {
    this.memory = memory;
    this.session = session;
    this.key = key;
    this.owner = wish.own ? wish.client : undefined;
    this.#context = context;
    this.#run = run;
    this.#capabilities = wish.capabilities;
    this.#usedAt = context.now();
    session.onRenew = () => void memory.replay(session, context);
    session.listeners = {
      onNotification: (method, params) => this.#tell(method, params),
      ...(wish.own && wish.onRequest && { onRequest: (...asked) => this.#ask(wish, asked) }),
    };
  }

  get era() {
    return this.session.facts.era;
  }

  get revision() {
    return this.session.facts.revision;
  }

  get capabilities() {
    return this.session.facts.capabilities;
  }

  get serverInfo() {
    return this.session.facts.serverInfo;
  }

  get instructions() {
    return this.session.facts.instructions;
  }

  /** Who waits for what it says. */
  get wishes(): SessionWish[] {
    return [...this.#hearers.values()];
  }

  /** Since when nobody has used it, in milliseconds; infinite while someone does, or waits for what it says. */
  get idleSince(): number {
    return this.#busy > 0 || this.leased || this.#hearers.size > 0 ? Number.POSITIVE_INFINITY : this.#usedAt;
  }

  async request(method: string, params: JsonObject | undefined, options: RequestOptions): Promise<Answer> {
    if (this.over) {
      const { upstream } = this.#context;
      throw UpstreamLost({ upstream, method, detail: 'the session has ended' });
    }
    this.#busy += 1;
    try {
      const answer = await this.#run(this.session, method, params, options, this.#capabilities);
      this.memory.note(method, params, answer);
      return answer;
    } finally {
      this.#busy -= 1;
      this.#usedAt = this.#context.now();
    }
  }

  notify(method: string, params?: JsonObject): Promise<void> {
    this.#usedAt = this.#context.now();
    return this.session.notify(method, params);
  }

  hear(wish: SessionWish): void {
    this.#usedAt = this.#context.now();
    if (wish.onNotification || wish.onRequest) this.#hearers.set(wish.client, wish);
  }

  forget(client: string): void {
    this.#hearers.delete(client);
  }

  #tell(method: string, params: JsonObject | undefined): void {
    for (const { onNotification } of this.#hearers.values()) {
      try {
        onNotification?.(method, params);
      } catch (error) {
        const { upstream, log } = this.#context;
        log.error({ upstream, error: messageOf(error) }, 'a notification could not be passed on');
      }
    }
  }

  #ask(first: SessionWish, asked: Parameters<NonNullable<SessionWish['onRequest']>>): Promise<Answer> {
    const { onRequest } = this.#hearers.get(first.client) ?? first;
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

  note(method: string, params: JsonObject | undefined, answer: Answer): void {
    if ('error' in answer) return;
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
    const signal = AbortSignal.timeout(context.timeoutMs);
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
export class PooledSession implements UpstreamSession {
  readonly #open: () => Promise<LegacySession>;
  readonly #slots: Slots;
  readonly #members: Set<LegacySession>;
  readonly #first: LegacySession;

  private constructor(first: LegacySession, context: UpstreamContext, open: () => Promise<LegacySession>) {
    this.#first = first;
    this.#members = new Set([first]);
    this.#open = open;
    this.#slots = new Slots(context.upstream, context.limits.pool, context.limits.queue);
  }

  static async open(context: UpstreamContext, open: () => Promise<LegacySession>): Promise<PooledSession> {
    return new PooledSession(await open(), context, open);
  }

  get members(): ReadonlySet<LegacySession> {
    return this.#members;
  }

  get over(): boolean {
    return this.#first.over;
  }

  get era() {
    return this.#first.era;
  }

  get revision() {
    return this.#first.revision;
  }

  get capabilities() {
    return this.#first.capabilities;
  }

  get serverInfo() {
    return this.#first.serverInfo;
  }

  get instructions() {
    return this.#first.instructions;
  }

  async request(method: string, params: JsonObject | undefined, options: RequestOptions): Promise<Answer> {
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

  hear(wish: SessionWish): void {
    this.#first.hear(wish);
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
