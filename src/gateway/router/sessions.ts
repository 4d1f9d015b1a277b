import type { Cancellation } from '../../cancel.js';
import { UpstreamCancelled } from '../../errors.js';
import { isObject, type JsonObject } from '../../mcp/messages.js';
import { tasksExtension } from '../../mcp/meta.js';
import type { SessionWish, Upstream, UpstreamSession } from '../upstream.js';
import { errorAnswer } from './answers.js';
import type { ClientState, Wishes } from './client-state.js';
import { canAnswer, cannotAnswer } from './questions.js';

/** Capabilities with which a client can be asked, or that change what an upstream shows it: not to be shared. */
const personal = ['sampling', 'elicitation', 'roots', 'tasks', 'extensions', 'experimental'] as const;

/**
 * What an upstream is told that the client can do. The tasks of the modern era let an upstream answer a call with a handle at
 * any time: past the hooks, so not through here.
 */
export function passedCapabilities(capabilities: JsonObject): JsonObject {
  const { extensions, ...rest } = capabilities;
  if (!isObject(extensions)) return capabilities;
  const { [tasksExtension]: _, ...others } = extensions;
  return Object.keys(others).length === 0 ? rest : { ...rest, extensions: others };
}

interface SessionDeps {
  /** What an upstream says outside any request. */
  hear(state: ClientState, upstream: Upstream, method: string, params: JsonObject | undefined): void;
  /** A session is the client's first at this upstream, or has taken the place of the one before. */
  opened(
    state: ClientState,
    upstream: Upstream,
    session: UpstreamSession,
    before: UpstreamSession | undefined,
  ): void;
}

/** The sessions of clients with upstreams. */
export class Sessions {
  readonly #deps: SessionDeps;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** The session on which the client hears of the upstream, for lists and all else that no upstream asks anything about. */
  async of(state: ClientState, upstream: Upstream, signal: Cancellation): Promise<UpstreamSession> {
    const session = await this.#open(state, upstream, this.#wishes(state, upstream).hearing, signal);
    const before = state.sessions.get(upstream);
    if (before !== session) {
      state.sessions.set(upstream, session);
      this.#deps.opened(state, upstream, session, before);
    }
    return session;
  }

  /** The session for a call within which the client may be asked. */
  async forCall(state: ClientState, upstream: Upstream, signal: Cancellation): Promise<UpstreamSession> {
    const { hearing, calling } = this.#wishes(state, upstream);
    return hearing === calling
      ? this.of(state, upstream, signal)
      : this.#open(state, upstream, calling, signal);
  }

  /** A client that has left meanwhile gets none: nobody would end it. */
  async #open(
    state: ClientState,
    upstream: Upstream,
    wish: SessionWish,
    signal: Cancellation,
  ): Promise<UpstreamSession> {
    const gone = () => UpstreamCancelled({ upstream: upstream.name, method: 'initialize' });
    if (state.gone) throw gone();
    const session = await upstream.session(wish, signal);
    if (!state.gone) return session;
    await upstream.release(state.key);
    throw gone();
  }

  /** The same wishes each time: their listeners are registered once. */
  #wishes(state: ClientState, upstream: Upstream): Wishes {
    const known = state.wishes.get(upstream);
    if (known !== undefined) return known;
    const wishes = this.#made(state, upstream);
    state.wishes.set(upstream, wishes);
    return wishes;
  }

  #made(state: ClientState, upstream: Upstream): Wishes {
    const capabilities = passedCapabilities(state.client.capabilities);
    const own = personal.some((name) => capabilities[name] !== undefined);
    const wish = { principal: state.principal, client: state.key, capabilities };
    const onNotification = (method: string, params: JsonObject | undefined) =>
      this.#deps.hear(state, upstream, method, params);
    if (state.client.era === 'modern') {
      const hearing: SessionWish = { ...wish, own: false, onNotification };
      // All that are alike have this key: without a listener for questions, each call has a session for itself.
      return { hearing, calling: own ? { ...wish, own } : hearing };
    }
    const onRequest: NonNullable<SessionWish['onRequest']> = async (method, params, signal) =>
      canAnswer(state.client.capabilities, method) === false
        ? cannotAnswer(method)
        : state.client.ask(method, params, signal).catch((error: unknown) => errorAnswer(error));
    const both: SessionWish = { ...wish, own, onNotification, onRequest };
    return { hearing: both, calling: both };
  }
}
