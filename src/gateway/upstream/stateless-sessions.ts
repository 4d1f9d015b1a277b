import { writeJson } from '../../json/index.js';
import type { ClientSession, Facts, RequestOptions } from '../../mcp/client/session.js';
import type { JsonObject, RpcResponse } from '../../mcp/messages.js';
import type { SessionRequest, UpstreamSession } from '../upstream.js';
import { Described, notifyAll, type RunCall } from './legacy-session.js';
import type { UpstreamContext } from './options.js';

type Listener = NonNullable<SessionRequest['onNotification']>;

/** Sets of capabilities for which the way is remembered. */
const maxKept = 256;

/** The one way to an upstream of the modern era: everyone's requests stand for themselves, and say what their sender can be asked. */
export class StatelessSessions {
  readonly #context: UpstreamContext;
  readonly #run: RunCall;
  readonly #listeners = new Map<string, Listener>();
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
  take(request: SessionRequest): UpstreamSession | undefined {
    if (!this.#way) return undefined;
    if (request.onNotification && this.#listeners.get(request.client) !== request.onNotification) {
      this.#listeners.set(request.client, request.onNotification);
      this.#listen();
    }
    const key = writeJson(request.capabilities);
    const kept = this.#kept.get(key);
    if (kept) return kept;
    if (this.#kept.size >= maxKept) this.#kept.clear();
    const session = new StatelessSession(this.#way, this.#run, request.capabilities);
    this.#kept.set(key, session);
    return session;
  }

  release(client: string): void {
    this.#listeners.delete(client);
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

  #listen(): void {
    if (!this.#way || this.#listeners.size === 0 || this.#way.listeners.onNotification) return;
    const onNotification: Listener = (...args) => notifyAll(this.#listeners.values(), args, this.#context);
    this.#way.listeners = { onNotification };
  }
}

class StatelessSession extends Described {
  readonly #way: ClientSession;
  readonly #run: RunCall;
  /** What its users can be asked. */
  readonly #own: JsonObject;

  constructor(way: ClientSession, run: RunCall, own: JsonObject) {
    super();
    this.#way = way;
    this.#run = run;
    this.#own = own;
  }

  get facts(): Facts {
    return this.#way.facts;
  }

  request(method: string, params: JsonObject | undefined, options: RequestOptions): Promise<RpcResponse> {
    return this.#run(this.#way, method, params, options, this.#own);
  }

  notify(method: string, params?: JsonObject): Promise<void> {
    return this.#way.notify(method, params);
  }
}
