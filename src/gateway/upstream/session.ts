import { type Cancellation, onAbort } from '../../cancel.js';
import { findSallyError, messageOf, type SallyError, UpstreamBusy, UpstreamCancelled } from '../../errors.js';
import { writeJson } from '../../json/index.js';
import type { ClientSession, RequestOptions } from '../../mcp/client/session.js';
import type { JsonObject, RpcResponse } from '../../mcp/messages.js';
import type { SessionRequest, UpstreamSession } from '../upstream.js';
import type { UpstreamContext } from './options.js';

/** Makes a request within the limits of the upstream, and looks at what came of it. */
export type RunCall = (
  session: ClientSession,
  method: string,
  params: JsonObject | undefined,
  options: RequestOptions,
  capabilities: JsonObject,
) => Promise<RpcResponse>;

type OnNotification = NonNullable<SessionRequest['onNotification']>;

/** Passes a notification on to all who listen, whatever becomes of it at one of them. */
export function notifyAll(
  listeners: Iterable<OnNotification | undefined>,
  args: Parameters<OnNotification>,
  { upstream, log }: UpstreamContext,
): void {
  for (const listener of listeners) {
    try {
      listener?.(...args);
    } catch (error) {
      log.error({ upstream, error: messageOf(error) }, 'a notification could not be passed on');
    }
  }
}

/** At most so many at once; the next wait in order, and at most so many of them. */
export class Slots {
  readonly #upstream: string;
  readonly #limit: number;
  readonly #queue: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(upstream: string, limit: number, queue: number) {
    this.#upstream = upstream;
    this.#limit = limit;
    this.#queue = queue;
  }

  /** How many are taken, and how many wait for one. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#taken, waiting: this.#waiting.size };
  }

  /** Takes one without waiting, where that is possible. */
  tryTake(): boolean {
    if (this.#taken >= this.#limit) return false;
    this.#taken += 1;
    return true;
  }

  /** Takes one, after a wait where there is none. Rejects with a SallyError where too many wait, or on the signal. */
  async take(method: string, signal: Cancellation): Promise<void> {
    if (this.tryTake()) return;
    const upstream = this.#upstream;
    if (this.#waiting.size >= this.#queue) {
      throw UpstreamBusy({ upstream, what: 'requests wait already', limit: this.#queue });
    }
    await new Promise<void>((resolve, reject: (error: SallyError) => void) => {
      const cancelled = () => {
        this.#waiting.delete(go);
        reject(findSallyError(signal.reason) ?? UpstreamCancelled({ upstream, method }));
      };
      const go = () => {
        stop();
        resolve();
      };
      if (signal.aborted) return cancelled();
      this.#waiting.add(go);
      const stop = onAbort(signal, cancelled);
    });
  }

  give(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#taken -= 1;
      return;
    }
    // The place passes from one to the next: nobody who comes now can take it.
    this.#waiting.delete(next);
    next();
  }
}

/** Sets of capabilities for which a session is kept. */
const maxKept = 256;

/** The sessions of an upstream of the modern era, all over one: each request stands for itself, and says what its sender can be asked. */
export class StatelessSessions {
  readonly #context: UpstreamContext;
  readonly #run: RunCall;
  readonly #listeners = new Map<string, OnNotification>();
  /** By the capabilities of those who use them. */
  readonly #kept = new Map<string, UpstreamSession>();
  #session: ClientSession | undefined;

  constructor(context: UpstreamContext, run: RunCall) {
    this.#context = context;
    this.#run = run;
  }

  /** From now on over `session`. One that stands already over the same connections goes on, with what the new one found out. */
  use(session: ClientSession): void {
    if (this.#session) this.#session.facts = session.facts;
    else this.#session = session;
    for (const kept of this.#kept.values()) Object.assign(kept, session.facts);
    this.#listen();
  }

  /** Undefined where the upstream is not of this era. */
  take(request: SessionRequest): UpstreamSession | undefined {
    const session = this.#session;
    if (!session) return undefined;
    const { client, capabilities, onNotification } = request;
    if (onNotification && this.#listeners.get(client) !== onNotification) {
      this.#listeners.set(client, onNotification);
      this.#listen();
    }
    const key = writeJson(capabilities);
    const known = this.#kept.get(key);
    if (known) return known;
    if (this.#kept.size >= maxKept) this.#kept.clear();
    const kept: UpstreamSession = {
      ...session.facts,
      asks: true,
      request: (method, params, options) => this.#run(session, method, params, options, capabilities),
      notify: (method, params) => session.notify(method, params),
    };
    this.#kept.set(key, kept);
    return kept;
  }

  release(client: string): void {
    this.#listeners.delete(client);
  }

  drop(session: ClientSession): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#kept.clear();
  }

  async close(): Promise<void> {
    const session = this.#session;
    if (!session) return;
    this.drop(session);
    await session.close();
  }

  #listen(): void {
    if (!this.#session || this.#listeners.size === 0 || this.#session.listeners.onNotification) return;
    const onNotification: OnNotification = (...args) =>
      notifyAll(this.#listeners.values(), args, this.#context);
    this.#session.listeners = { onNotification };
  }
}
