import { messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { PluginRequest } from '../../manager/index.js';
import type { JsonObject } from '../../mcp/messages.js';
import { type ChangingList, listChanged } from '../../mcp/methods.js';
import { type Client, principalOf } from '../client.js';
import type { SessionRequest, Upstream, UpstreamSession } from '../upstream.js';
import type { Level } from './translate.js';

/** A resource that a client is subscribed to: whose it is, and its URI there. */
export interface Resource {
  readonly upstream: Upstream;
  readonly uri: string;
}

/** An open `subscriptions/listen` request. */
export interface OpenListen {
  readonly lists: ReadonlySet<ChangingList>;
  /** By the URIs by which the client knows them. */
  readonly uris: ReadonlyMap<string, Resource>;
  notify(method: string, params: JsonObject | undefined): void;
}

/** A task that an upstream made of a call (2025-11-25): its result is the call's, and the same hooks are for it. */
interface TaskRecord {
  readonly upstream: Upstream;
  readonly tool: string;
  readonly plugins: PluginRequest | undefined;
}

/** Whose sessions a client uses at one upstream: one and the same for a session client. */
export interface SessionRequests {
  readonly listening: SessionRequest;
  readonly calling: SessionRequest;
}

/** How much of what passed is remembered for one client. */
const memory = { uris: 2_000, tasks: 500, schemas: 1_000 } as const;
/** Changes within this time are announced as one: an upstream that comes back changes three lists at once. */
const gatherMs = 50;

/** What is kept for one client: a session's for as long as it lives, a stateless client's until it was idle for a while. */
export class ClientState {
  client: Client;
  /** What the client asked for with `logging/setLevel`. */
  level: Level | undefined;
  /** URIs that results of an upstream have named. */
  readonly seen = new BoundedMap<string, Upstream>(memory.uris);
  readonly tasks = new BoundedMap<string, TaskRecord>(memory.tasks);
  /** By the URIs by which the client knows them. */
  readonly subscriptions = new Map<string, Resource>();
  readonly listens = new Set<OpenListen>();
  /** The sessions of this client: those it hears on, and those its calls are made on. */
  readonly sessionRequests = new Map<Upstream, SessionRequests>();
  readonly sessions = new Map<Upstream, UpstreamSession>();
  /** Schemas of tools whose arguments are repeated in headers (`x-mcp-header`), by the tools' public names. */
  readonly schemas = new BoundedMap<string, JsonObject>(memory.schemas);
  /** Calls in flight or suspended, and open streams. */
  busy = 0;
  /** It has ended: no session or stream is opened for it any more. */
  gone = false;
  readonly #changed = new Set<ChangingList>();
  #announcing: NodeJS.Timeout | undefined;

  constructor(client: Client) {
    this.client = client;
  }

  get key(): string {
    return this.client.key;
  }

  get principal(): string {
    return principalOf(this.client.identity);
  }

  /** Notifies the client that lists have changed, at most once in a while. */
  announce(lists: Iterable<ChangingList>): void {
    if (this.gone) return;
    for (const list of lists) this.#changed.add(list);
    this.#announcing ??= setTimeout(() => this.#notify(), gatherMs).unref();
  }

  #notify(): void {
    this.#announcing = undefined;
    const lists = [...this.#changed];
    this.#changed.clear();
    for (const list of lists) {
      if (this.client.era === 'legacy') this.client.notify(listChanged[list]);
      for (const listen of this.listens) {
        if (listen.lists.has(list)) listen.notify(listChanged[list], undefined);
      }
    }
  }

  /** The client has left. */
  end(): void {
    this.gone = true;
    clearTimeout(this.#announcing);
  }
}

/** A stateless client never signs off: what is kept for it is dropped after this long without a request. */
const idleMs = 5 * 60_000;
/** Stateless clients of one principal that something is kept for. */
const maxStateless = 32;

/** The clients for which something is kept. */
export class Clients {
  readonly #states = new Map<string, ClientState>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #leave: (state: ClientState) => Promise<void>;
  readonly #log: Logger;

  constructor(leave: (state: ClientState) => Promise<void>, log: Logger) {
    this.#leave = leave;
    this.#log = log;
  }

  get all(): Iterable<ClientState> {
    return this.#states.values();
  }

  of(client: Client): ClientState {
    const known = this.#states.get(client.key);
    const state = known ?? new ClientState(client);
    state.client = client;
    if (known === undefined) {
      if (client.era === 'modern') this.#makeRoom(state);
      this.#states.set(client.key, state);
    }
    if (client.era === 'modern') this.#awaitIdle(state);
    return state;
  }

  known(key: string): ClientState | undefined {
    return this.#states.get(key);
  }

  async end(key: string): Promise<void> {
    const state = this.#states.get(key);
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#states.delete(key);
    if (state === undefined) return;
    state.end();
    await this.#leave(state);
  }

  /** Each set of capabilities is a client of its own: whoever makes up ever new ones puts out their own old ones. */
  #makeRoom({ principal }: ClientState): void {
    const alike = [...this.#states.values()].filter(
      ({ client, principal: other }) => client.era === 'modern' && other === principal,
    );
    const oldest = alike.find(({ busy }) => busy === 0);
    if (alike.length >= maxStateless && oldest !== undefined) this.#endQuietly(oldest.key);
  }

  #endQuietly(key: string): void {
    this.end(key).catch((error: unknown) => {
      this.#log.debug({ reason: messageOf(error) }, 'what was kept for a client did not end in order');
    });
  }

  #awaitIdle({ key }: ClientState): void {
    const timer = this.#timers.get(key);
    if (timer !== undefined) {
      timer.refresh();
      return;
    }
    const look = () => {
      this.#timers.delete(key);
      const state = this.#states.get(key);
      if (state === undefined) return;
      if (state.busy > 0) this.#awaitIdle(state);
      else this.#endQuietly(key);
    };
    this.#timers.set(key, setTimeout(look, idleMs).unref());
  }
}

/** A map that forgets what was touched longest ago once it holds more than `limit`. */
class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.#touch(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#touch(key, value);
    if (this.#entries.size <= this.#limit) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  /** Maps keep the order of insertion: an entry that is put in again is the youngest. */
  #touch(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
  }
}
