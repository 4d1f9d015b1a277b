import { messageOf } from '../../errors.js';
import { writeJson } from '../../json/index.js';
import type { ClientSession } from '../../mcp/client/session.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { SessionWish, UpstreamSession } from '../upstream.js';
import type { RunCall } from './legacy-session.js';
import type { UpstreamContext } from './options.js';

/** Sets of capabilities for which the way is remembered. */
const maxKept = 256;

/** The one way to an upstream of the modern era: everyone's requests stand for themselves, and say what their sender can be asked. */
export class StatelessSessions {
  readonly #context: UpstreamContext;
  readonly #run: RunCall;
  readonly #hearers = new Map<string, NonNullable<SessionWish['onNotification']>>();
  readonly #kept = new Map<string, UpstreamSession>();
  #way: ClientSession | undefined;

  constructor(context: UpstreamContext, run: RunCall) {
    this.#context = context;
    this.#run = run;
  }

  /** From now on over `way`. One that stands already over the same connections goes on, with what the new one found out. */
  use(way: ClientSession): void {
    if (this.#way) this.#way.facts = way.facts;
    else this.#way = way;
    this.#listen();
  }

  /** Undefined where the upstream is not of this era. */
  take(wish: SessionWish): UpstreamSession | undefined {
    if (!this.#way) return undefined;
    if (wish.onNotification) {
      this.#hearers.set(wish.client, wish.onNotification);
      this.#listen();
    }
    const key = writeJson(wish.capabilities);
    const kept = this.#kept.get(key);
    if (kept) return kept;
    if (this.#kept.size >= maxKept) this.#kept.clear();
    const session = this.#session(this.#way, wish.capabilities);
    this.#kept.set(key, session);
    return session;
  }

  release(client: string): void {
    this.#hearers.delete(client);
  }

  drop(way: ClientSession): void {
    if (this.#way !== way) return;
    this.#way = undefined;
    this.#kept.clear();
  }

  async close(): Promise<void> {
    const way = this.#way;
    if (!way) return;
    this.drop(way);
    await way.close();
  }

  #session(way: ClientSession, own: JsonObject): UpstreamSession {
    const run = this.#run;
    return {
      get era() {
        return way.facts.era;
      },
      get revision() {
        return way.facts.revision;
      },
      get capabilities() {
        return way.facts.capabilities;
      },
      get serverInfo() {
        return way.facts.serverInfo;
      },
      get instructions() {
        return way.facts.instructions;
      },
      request: (method, params, options) => run(way, method, params, options, own),
      notify: (method, params) => way.notify(method, params),
    };
  }

  #listen(): void {
    if (!this.#way || this.#hearers.size === 0 || this.#way.listeners.onNotification) return;
    this.#way.listeners = { onNotification: (method, params) => this.#tell(method, params) };
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
