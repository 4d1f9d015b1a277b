import type { Answer, JsonObject } from '../../mcp/messages.js';
import type { CallOptions, SessionWish, UpstreamSession } from '../upstream.js';
import type { HeldSession } from './held-session.js';
import type { UpstreamContext } from './options.js';
import { Slots } from './slots.js';

/**
 * Sessions for stateless clients that can be asked things. What an upstream asks on a pipe, or on a stream of its own,
 * names no request: a call that can be asked has a session for itself as long as it lasts.
 */
export class PooledSession implements UpstreamSession {
  readonly #open: () => Promise<HeldSession>;
  readonly #slots: Slots;
  readonly #members: Set<HeldSession>;
  readonly #first: HeldSession;

  private constructor(first: HeldSession, context: UpstreamContext, open: () => Promise<HeldSession>) {
    this.#first = first;
    this.#members = new Set([first]);
    this.#open = open;
    this.#slots = new Slots(context.upstream, context.limits.pool, context.limits.queue);
  }

  static async open(context: UpstreamContext, open: () => Promise<HeldSession>): Promise<PooledSession> {
    return new PooledSession(await open(), context, open);
  }

  get members(): ReadonlySet<HeldSession> {
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

  async request(method: string, params: JsonObject | undefined, options: CallOptions): Promise<Answer> {
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

  #free(): HeldSession | undefined {
    for (const member of this.#members) {
      if (member.over) this.#members.delete(member);
      else if (!member.leased) return member;
    }
    return undefined;
  }

  async #more(): Promise<HeldSession> {
    const member = await this.#open();
    this.#members.add(member);
    return member;
  }
}
