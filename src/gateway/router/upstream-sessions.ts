import type { Cancellation } from '../../cancel.js';
import type { UpstreamSettings } from '../../config/index.js';
import { messageOf, UpstreamCancelled } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { JsonObject } from '../../mcp/messages.js';
import { backoff, pause } from '../../wait.js';
import type { Client, Identity } from '../client.js';
import { type SessionRequest, sharingKey, type Upstream, type UpstreamSession } from '../upstream.js';
import { canAnswer, cannotServe, isPersonal, passedCapabilities } from './capabilities.js';
import type { ClientState, SessionRequests } from './clients.js';
import { errorResponse } from './responses.js';
import { type Level, mostVerbose } from './translate.js';

interface SessionDeps {
  readonly log: Logger;
  /** What an upstream says outside any request. */
  onNotification(
    state: ClientState,
    upstream: Upstream,
    method: string,
    params: JsonObject | undefined,
  ): void;
  /** A session is the client's first at this upstream, or has taken the place of the one before. */
  opened(
    state: ClientState,
    upstream: Upstream,
    session: UpstreamSession,
    before: UpstreamSession | undefined,
  ): void;
}

/** What a session is wanted for: a request of the client is one, with the identity that it was let in as. */
interface Asked {
  readonly signal: Cancellation;
  readonly identity?: Identity | undefined;
}

/** The sessions of clients with upstreams. */
export class UpstreamSessions {
  readonly #deps: SessionDeps;
  readonly #shared = new WeakMap<UpstreamSession, SharedSession>();
  readonly #saidShared = new WeakSet<Upstream>();

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /**
   * The session for notifications, lists and every other request within which no upstream asks the client anything; for
   * `calling` that for calls within which it may. Rejects for a client that has left meanwhile: nobody would end it.
   */
  async of(
    state: ClientState,
    upstream: Upstream,
    asked: Asked,
    use: 'listening' | 'calling' = 'listening',
  ): Promise<UpstreamSession> {
    const requests = this.#requests(state, upstream);
    const gone = () => UpstreamCancelled({ upstream: upstream.name, method: 'initialize' });
    if (state.gone) throw gone();
    const session = await upstream.session(requests[use], asked.signal, asked.identity);
    if (state.gone) {
      await upstream.release(state.key);
      throw gone();
    }
    if (requests[use] !== requests.listening) return session;
    const before = state.sessions.get(upstream);
    if (before !== session) {
      state.sessions.set(upstream, session);
      this.#deps.opened(state, upstream, session, before);
    }
    return session;
  }

  /** By what is kept what the upstream says in such a session: those who share it have the same. */
  key(state: ClientState, upstream: Upstream): string {
    return sharingKey(this.#requests(state, upstream).listening, upstream.facts?.era);
  }

  /** What the clients of a session have in common, for as long as the session is. */
  shared(session: UpstreamSession): SharedSession {
    const shared = this.#shared.get(session) ?? new SharedSession(session, this.#deps.log);
    this.#shared.set(session, shared);
    return shared;
  }

  #requests(state: ClientState, upstream: Upstream): SessionRequests {
    return state.sessionRequests.get(upstream) ?? this.#newRequests(state, upstream);
  }

  /** Kept: by the same request each time a listener is registered once. */
  #newRequests(state: ClientState, upstream: Upstream): SessionRequests {
    const capabilities = passedCapabilities(state.client.capabilities);
    const share = sharingOf(upstream.settings, state.client);
    const own = share === 'session' || (share === 'asked' && isPersonal(capabilities));
    const asks = share === 'session' || share === 'asked';
    if (!asks && isPersonal(capabilities)) this.#sayShared(upstream, share);
    const principal = share === 'all' ? 'everyone' : state.principal;
    // A session that all share is nobody's.
    const identity = share === 'all' ? {} : { identity: state.client.identity };
    const request = { principal, client: state.key, capabilities, asks, ...identity };
    const onNotification = (method: string, params: JsonObject | undefined) =>
      this.#deps.onNotification(state, upstream, method, params);
    let requests: SessionRequests;
    if (state.client.era === 'modern') {
      const listening: SessionRequest = { ...request, own: false, onNotification };
      // All that are alike have this key: without a listener for questions, each call has a session for itself.
      const personal = own && isPersonal(capabilities);
      requests = { listening, calling: personal ? { ...request, own } : listening };
    } else {
      const onRequest: NonNullable<SessionRequest['onRequest']> = async (method, params, signal) =>
        canAnswer(state.client.capabilities, method) === false
          ? cannotServe(method)
          : state.client.ask(method, params, signal).catch((error: unknown) => errorResponse(error));
      const both: SessionRequest = { ...request, own, onNotification, onRequest };
      requests = { listening: both, calling: both };
    }
    state.sessionRequests.set(upstream, requests);
    return requests;
  }

  /** Says once of an upstream that it cannot ask clients that could be asked. */
  #sayShared(upstream: Upstream, share: string): void {
    if (this.#saidShared.has(upstream)) return;
    this.#saidShared.add(upstream);
    const fields = { upstream: upstream.name, share };
    this.#deps.log.info(
      fields,
      `clients share the sessions with the upstream '${upstream.name}', which can ask none of them (sampling, elicitation, roots): share: session gives each client its own`,
    );
  }
}

/**
 * Who shares a session with this upstream: `asked` gives clients that can be asked things one of their own. A child takes up
 * more than a session over HTTP, so that only the one client of stdio has its own by itself.
 */
function sharingOf(
  { share, transport }: UpstreamSettings,
  { alone }: Client,
): 'all' | 'user' | 'session' | 'asked' {
  if (share !== undefined) return share;
  if (transport === 'http') return 'asked';
  return alone ? 'session' : 'user';
}

/** The resources of a modern upstream that a client wants to hear of. Of lists every session hears by itself. */
interface Watched {
  readonly uris: ReadonlySet<string>;
  readonly onNotification: (method: string, params: JsonObject | undefined) => void;
}

const reconnect = { retryFirst: 1_000, retryMost: 30_000 } as const;

/**
 * What the clients of one upstream session have in common. A shared session has one log level, one subscription for a
 * URI or one `subscriptions/listen` stream for all.
 */
export class SharedSession {
  readonly #session: UpstreamSession;
  readonly #log: Logger;
  readonly #levels = new Map<string, Level>();
  readonly #subscribers = new Map<string, Set<string>>();
  readonly #watched = new Map<string, Watched>();
  #watchedUris = '[]';
  #stopWatching = new AbortController();
  #level: Level | undefined;

  constructor(session: UpstreamSession, log: Logger) {
    this.#session = session;
    this.#log = log;
  }

  /** The log level that was last set at the upstream. */
  get level(): Level | undefined {
    return this.#level;
  }

  /**
   * Has the upstream log for this client from `level` on. In the older era a session has one level: the most verbose
   * that any of its clients wants, and each is given its own part.
   */
  async setLevel(client: string, level: Level, signal: Cancellation): Promise<void> {
    if (this.#session.era === 'modern' || this.#session.capabilities['logging'] === undefined) return;
    this.#levels.set(client, level);
    const wanted = mostVerbose(this.#levels.values());
    if (wanted === undefined || wanted === this.#level) return;
    this.#level = wanted;
    const response = await this.#session.request('logging/setLevel', { level: wanted }, { signal });
    if ('error' in response)
      this.#log.debug({ error: response.error }, 'an upstream did not take the log level');
  }

  /** Notes that the upstream was asked for the changes of a URI (to 2025-11-25). */
  subscribed(client: string, uri: string): void {
    const subscribers = this.#subscribers.get(uri) ?? new Set();
    this.#subscribers.set(uri, subscribers.add(client));
  }

  /** Whether nobody is left who wants to hear of it. */
  unsubscribed(client: string, uri: string): boolean {
    const subscribers = this.#subscribers.get(uri);
    subscribers?.delete(client);
    if (subscribers?.size === 0) this.#subscribers.delete(uri);
    return !this.#subscribers.has(uri);
  }

  /**
   * Sets what a client wants to hear of a modern upstream's resources. A changed set opens the next stream before the
   * last one is closed: nothing is missed in between. Resolves when the upstream has acknowledged it, or the stream has
   * ended.
   */
  async watch(client: string, watched: Watched): Promise<void> {
    if (watched.uris.size === 0) this.#watched.delete(client);
    else this.#watched.set(client, watched);
    const uris = [...new Set([...this.#watched.values()].flatMap((one) => [...one.uris]))].sort();
    const all = JSON.stringify(uris);
    if (all === this.#watchedUris) return;
    this.#watchedUris = all;
    const before = this.#stopWatching;
    this.#stopWatching = new AbortController();
    if (uris.length > 0) {
      const { signal } = this.#stopWatching;
      await new Promise<void>((begun) => {
        void this.#listen(uris, signal, begun);
      });
    }
    before.abort();
  }

  async #listen(uris: readonly string[], signal: AbortSignal, begun: () => void): Promise<void> {
    const notifications = { resourceSubscriptions: uris };
    let attempts = 0;
    while (!signal.aborted) {
      const onNotification = (method: string, params: JsonObject | undefined) => {
        if (method === 'notifications/subscriptions/acknowledged') begun();
        else for (const watched of this.#watched.values()) watched.onNotification(method, params);
        attempts = 0;
      };
      try {
        await this.#session.request('subscriptions/listen', { notifications }, { signal, onNotification });
      } catch (error) {
        if (!signal.aborted) this.#log.debug({ reason: messageOf(error) }, 'a stream of changes has ended');
      }
      begun();
      attempts += 1;
      await pause(backoff(attempts, reconnect), signal);
    }
  }

  /** Removes a client; returns the URIs that no other client has subscribed to. */
  async leave(client: string): Promise<readonly string[]> {
    this.#levels.delete(client);
    const watched = this.#watched.get(client);
    if (watched !== undefined) await this.watch(client, { ...watched, uris: new Set() });
    return [...this.#subscribers].flatMap(([uri, subscribers]) =>
      subscribers.has(client) && this.unsubscribed(client, uri) ? [uri] : [],
    );
  }
}
