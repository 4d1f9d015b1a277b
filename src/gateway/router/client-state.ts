import { messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { PluginRequest } from '../../manager/index.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { ChangingList } from '../../mcp/methods.js';
import { type Client, principalOf } from '../client.js';
import type { SessionWish, Upstream, UpstreamSession } from '../upstream.js';
import { BoundedMap } from './bounded.js';
import type { Level } from './levels.js';

/** An open `subscriptions/listen` request. */
export interface OpenListen {
  readonly lists: ReadonlySet<ChangingList>;
  /** By URI, the upstream that it is of. */
  readonly uris: ReadonlyMap<string, Upstream>;
  notify(method: string, params: JsonObject | undefined): void;
}

/** A task that an upstream made of a call (2025-11-25): its result is the call's, and the same hooks are for it. */
export interface TaskRecord {
  readonly upstream: Upstream;
  readonly tool: string;
  readonly plugins: PluginRequest | undefined;
}

/** Whose sessions a client uses at one upstream: one and the same for a session client. */
export interface Wishes {
  readonly hearing: SessionWish;
  readonly calling: SessionWish;
}

/** How much of what passed is remembered for one client. */
const memory = { uris: 2_000, tasks: 500, schemas: 1_000 } as const;

/** What is kept for one client: a session's for as long as it lives, a stateless client's until it was idle for a while. */
export class ClientState {
  client: Client;
  /** What the client asked for with `logging/setLevel`. */
  level: Level | undefined;
  /** URIs that results of an upstream have named. */
  readonly seen = new BoundedMap<string, Upstream>(memory.uris);
  readonly tasks = new BoundedMap<string, TaskRecord>(memory.tasks);
  /** By URI, the upstream that it is of. */
  readonly subscriptions = new Map<string, Upstream>();
  readonly listens = new Set<OpenListen>();
  /** The sessions of this client: those it hears on, and those its calls are made on. */
  readonly wishes = new Map<Upstream, Wishes>();
  readonly sessions = new Map<Upstream, UpstreamSession>();
  /** Schemas of tools whose arguments are repeated in headers (`x-mcp-header`), by the tools' public names. */
  readonly schemas = new BoundedMap<string, JsonObject>(memory.schemas);
  /** Calls in flight or suspended, and open streams. */
  busy = 0;
  /** Nothing is opened for it any more. */
  gone = false;

  constructor(client: Client) {
    this.client = client;
  }

  get key(): string {
    return this.client.key;
  }

  get principal(): string {
    return principalOf(this.client.identity);
  }

  /** Counts what goes on for the client, until the answer is called. */
  begin(): () => void {
    this.busy += 1;
    let going = true;
    return () => {
      if (going) this.busy -= 1;
      going = false;
    };
  }
}

/** A stateless client says no goodbye: after this long without a request what is kept for it goes. */
const idleMs = 5 * 60_000;
/** Stateless clients of one principal that something is kept for. */
const maxStateless = 32;

/** The clients that have been heard of. */
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
    state.gone = true;
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
