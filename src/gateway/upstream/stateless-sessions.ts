import { messageOf } from '../../errors.js';
import { writeJson } from '../../json/index.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { SessionWish, UpstreamSession } from '../upstream.js';
import type { RunCall } from './held-session.js';
import type { Link } from './link.js';
import type { UpstreamContext } from './options.js';

/** Sets of capabilities for which the way is remembered. */
const maxKept = 256;

/** The one way to an upstream of the modern era: everyone's requests stand for themselves, and say what their sender can be asked. */
export class StatelessSessions {
  readonly #context: UpstreamContext;
  readonly #run: RunCall;
  readonly #hearers = new Map<string, NonNullable<SessionWish['onNotification']>>();
  readonly #kept = new Map<string, UpstreamSession>();
  #link: Link | undefined;

  constructor(context: UpstreamContext, run: RunCall) {
    this.#context = context;
    this.#run = run;
  }

  /** From now on over `link`. One that stands already over the same connections goes on, with what the new one found out. */
  use(link: Link): void {
    if (this.#link) this.#link.facts = link.facts;
    else this.#link = link;
    this.#listen();
  }

  /** Undefined where the upstream is not of this era. */
  take(wish: SessionWish): UpstreamSession | undefined {
    if (!this.#link) return undefined;
    if (wish.onNotification) {
      this.#hearers.set(wish.client, wish.onNotification);
      this.#listen();
    }
    const key = writeJson(wish.capabilities);
    const kept = this.#kept.get(key);
    if (kept) return kept;
    if (this.#kept.size >= maxKept) this.#kept.clear();
    const session = this.#session(this.#link, wish.capabilities);
    this.#kept.set(key, session);
    return session;
  }

  release(client: string): void {
    this.#hearers.delete(client);
  }

  drop(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#kept.clear();
  }

  async close(): Promise<void> {
    const link = this.#link;
    if (!link) return;
    this.drop(link);
    await link.close();
  }

  #session(link: Link, own: JsonObject): UpstreamSession {
    const run = this.#run;
    return {
      get era() {
        return link.facts.era;
      },
      get revision() {
        return link.facts.revision;
      },
      get capabilities() {
        return link.facts.capabilities;
      },
      get serverInfo() {
        return link.facts.serverInfo;
      },
      get instructions() {
        return link.facts.instructions;
      },
      request: (method, params, options) => run(link, method, params, options, own),
      notify: (method, params) => link.notify(method, params),
    };
  }

  #listen(): void {
    if (!this.#link || this.#hearers.size === 0 || this.#link.listeners.onNotification) return;
    this.#link.listeners = { onNotification: (method, params) => this.#tell(method, params) };
  }

  #tell(method: string, params: JsonObject | undefined): void {
    for (const hear of this.#hearers.values()) {
      try {
        hear(method, params);
      } catch (error) {
        const { upstream, log } = this.#context;
        log.error({ upstream, error: messageOf(error) }, 'a notification could not be passed on');
      }
    }
  }
}
