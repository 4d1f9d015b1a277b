import { messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { UpstreamSession } from '../upstream.js';
import { pause } from './waiting.js';

/** The resources of a modern upstream that a client wants to hear of. Of lists every session hears by itself. */
export interface Wanted {
  readonly uris: ReadonlySet<string>;
  hear(method: string, params: JsonObject | undefined): void;
}

const again = { firstMs: 1_000, mostMs: 30_000 } as const;
/**
 * The one `subscriptions/listen` stream of a session with a modern upstream, for all clients that share the session. A
 * changed wish opens the next stream before the last one is closed: nothing is missed in between.
 */
class Watch {
  readonly #session: UpstreamSession;
  readonly #log: Logger;
  readonly #wanted = new Map<string, Wanted>();
  #listened = '[]';
  #stop = new AbortController();

  constructor(session: UpstreamSession, log: Logger) {
    this.#session = session;
    this.#log = log;
  }

  /** Resolves when the upstream has acknowledged it, or the stream has ended. */
  async set(client: string, wanted: Wanted | undefined): Promise<void> {
    if (wanted === undefined) this.#wanted.delete(client);
    else this.#wanted.set(client, wanted);
    const uris = [...new Set([...this.#wanted.values()].flatMap((one) => [...one.uris]))].sort();
    const listened = JSON.stringify(uris);
    if (listened === this.#listened) return;
    this.#listened = listened;
    const before = this.#stop;
    this.#stop = new AbortController();
    if (uris.length === 0) return before.abort();
    const { signal } = this.#stop;
    await new Promise<void>((begun) => {
      void this.#listen(uris, signal, begun);
    });
    before.abort();
  }

  close(): void {
    this.#stop.abort();
  }

  async #listen(uris: readonly string[], signal: AbortSignal, begun: () => void): Promise<void> {
    const notifications = { resourceSubscriptions: uris };
    let waitMs: number = again.firstMs;
    while (!signal.aborted) {
      const onNotification = (method: string, params: JsonObject | undefined) => {
        if (method === 'notifications/subscriptions/acknowledged') begun();
        else this.#tell(method, params);
        waitMs = again.firstMs;
      };
      try {
        await this.#session.request('subscriptions/listen', { notifications }, { signal, onNotification });
      } catch (error) {
        if (!signal.aborted) this.#log.debug({ reason: messageOf(error) }, 'a stream of changes has ended');
      }
      begun();
      await pause(waitMs, signal).catch(() => {});
      waitMs = Math.min(waitMs * 2, again.mostMs);
    }
  }

  #tell(method: string, params: JsonObject | undefined): void {
    for (const { hear } of this.#wanted.values()) hear(method, params);
  }
}

/** The watches of all sessions with modern upstreams. */
export class Watches {
  readonly #log: Logger;
  readonly #bySession = new Map<UpstreamSession, Watch>();
  readonly #clients = new Map<UpstreamSession, Set<string>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Sets what a client wants to hear on a session; undefined for nothing any more. */
  async set(session: UpstreamSession, client: string, wanted: Wanted | undefined): Promise<void> {
    const clients = this.#clients.get(session) ?? new Set();
    const watch = this.#bySession.get(session) ?? new Watch(session, this.#log);
    if (wanted === undefined) clients.delete(client);
    else clients.add(client);
    const set = watch.set(client, wanted);
    if (clients.size === 0) {
      this.#clients.delete(session);
      this.#bySession.delete(session);
      watch.close();
    } else {
      this.#clients.set(session, clients);
      this.#bySession.set(session, watch);
    }
    await set;
  }

  close(): void {
    for (const watch of this.#bySession.values()) watch.close();
    this.#bySession.clear();
    this.#clients.clear();
  }
}
