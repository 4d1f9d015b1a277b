import { messageOf, UpstreamLost } from '../../errors.js';
import type { Answer, JsonObject } from '../../mcp/messages.js';
import type { CallOptions, SessionWish, UpstreamSession } from '../upstream.js';
import type { Link } from './link.js';
import { SessionMemory } from './memory.js';
import type { UpstreamContext } from './options.js';

/** Makes a request within the limits of the upstream, and looks at what came of it. */
export type RunCall = (
  link: Link,
  method: string,
  params: JsonObject | undefined,
  options: CallOptions,
  capabilities: JsonObject,
) => Promise<Answer>;

/** One session with an upstream, and who uses it. */
export class HeldSession implements UpstreamSession {
  readonly link: Link;
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
  readonly members: ReadonlySet<HeldSession> = new Set([this]);
  readonly #hearers = new Map<string, SessionWish>();
  #busy = 0;
  #usedAt: number;

  constructor(
    link: Link,
    key: string,
    wish: SessionWish,
    context: UpstreamContext,
    run: RunCall,
    memory = new SessionMemory(),
  ) {
    this.memory = memory;
    this.link = link;
    this.key = key;
    this.owner = wish.own ? wish.client : undefined;
    this.#context = context;
    this.#run = run;
    this.#capabilities = wish.capabilities;
    this.#usedAt = context.now();
    link.onRenew = () => void memory.replay(link, context);
    link.listeners = {
      onNotification: (method, params) => this.#tell(method, params),
      ...(wish.own && wish.onRequest && { onRequest: (...asked) => this.#ask(wish, asked) }),
    };
  }

  get era() {
    return this.link.facts.era;
  }

  get revision() {
    return this.link.facts.revision;
  }

  get capabilities() {
    return this.link.facts.capabilities;
  }

  get serverInfo() {
    return this.link.facts.serverInfo;
  }

  get instructions() {
    return this.link.facts.instructions;
  }

  /** Who waits for what it says. */
  get wishes(): SessionWish[] {
    return [...this.#hearers.values()];
  }

  /** Since when nobody has used it, in milliseconds; infinite while someone does, or waits for what it says. */
  get idleSince(): number {
    return this.#busy > 0 || this.leased || this.#hearers.size > 0 ? Number.POSITIVE_INFINITY : this.#usedAt;
  }

  async request(method: string, params: JsonObject | undefined, options: CallOptions): Promise<Answer> {
    if (this.over) {
      const { upstream } = this.#context;
      throw UpstreamLost({ upstream, method, detail: 'the session has ended' });
    }
    this.#busy += 1;
    try {
      const answer = await this.#run(this.link, method, params, options, this.#capabilities);
      this.memory.note(method, params, answer);
      return answer;
    } finally {
      this.#busy -= 1;
      this.#usedAt = this.#context.now();
    }
  }

  notify(method: string, params?: JsonObject): Promise<void> {
    this.#usedAt = this.#context.now();
    return this.link.notify(method, params);
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
    const none = { error: { code: -32601, message: `Method not found: ${asked[0]}` } };
    return onRequest ? onRequest(...asked) : Promise.resolve(none);
  }
}
