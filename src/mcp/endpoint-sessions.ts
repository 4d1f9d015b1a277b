import { randomUUID } from 'node:crypto';
import {
  ClientReadsNoStream,
  messageOf,
  type SallyError,
  SessionsFull,
  UserSessionsFull,
} from '../errors.js';
import type { Logger } from '../log.js';
import type { SessionStore } from '../sessions/index.js';
import {
  badInitialize,
  type CallDeps,
  type EndpointLimits,
  HttpCall,
  type HttpDeps,
  readInitialize,
  roomOf,
  runWithin,
} from './endpoint-call.js';
import { type Exchange, reportEnd } from './endpoint-exchange.js';
import { type EventStream, Session, type SessionFacts } from './endpoint-session.js';
import { sseComment } from './events.js';
import { headerNames } from './headers.js';
import {
  type JsonObject,
  notificationJson,
  type PostedMessage,
  type RequestMessage,
  type RpcResponse,
  refusal,
  responseJson,
  statusOf,
} from './messages.js';
import { Running } from './requests.js';
import { principalOf, type Router } from './router.js';

interface SessionsDeps {
  readonly router: Router;
  readonly limits: EndpointLimits;
  readonly log: Logger;
  readonly now: () => number;
  readonly store: SessionStore;
}

/**
 * Clients fetch a new token when the old one is refused, as one is whose stream has ended: so long a session without
 * any waits for it.
 */
const refreshMs = 3_000;

/** The sessions of all clients over HTTP. */
export class ClientSessions implements Iterable<Session> {
  readonly #deps: SessionsDeps;
  readonly #open = new Map<string, { readonly session: Session; readonly leave: () => void }>();
  readonly #room: Running<Session>;
  readonly #ending = new Running<Session>();

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#room = new Running(deps.limits.sessions, deps.limits.sessionsPerUser);
  }

  get size(): number {
    return this.#room.size;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#room[Symbol.iterator]();
  }

  open(
    facts: Pick<SessionFacts, 'identity' | 'revision' | 'capabilities' | 'info' | 'server'>,
  ): Session | SallyError {
    const { limits, now, store } = this.#deps;
    const full = this.#room.full(roomOf(facts.identity));
    if (full === 'for-one') return UserSessionsFull({ limit: limits.sessionsPerUser });
    if (full) return SessionsFull({ limit: limits.sessions });
    const principal = principalOf(facts.identity);
    const record = { ...facts, id: store.makeId(), key: randomUUID(), principal, subscriptions: [] };
    const session = new Session(record, now, store);
    this.#open.set(session.id, { session, leave: this.#room.add(session, roomOf(facts.identity)) });
    return session;
  }

  /**
   * The session that a request names, of a revision that is served; otherwise the request is refused. To another principal than
   * its own, and at another server than where it was opened, a session does not exist.
   */
  of(exchange: Exchange): Session | undefined {
    const { headers, admitted } = exchange;
    const id = headers[headerNames.sessionId];
    const session = typeof id === 'string' ? this.#open.get(id)?.session : undefined;
    const { identity, credential } = admitted;
    if (id === undefined) exchange.refuse(refusal(400, 'Invalid Request: Mcp-Session-Id is missing'));
    else if (
      session === undefined ||
      session.server !== exchange.server ||
      (session.identity !== identity && session.principal !== principalOf(identity))
    )
      exchange.refuseSession();
    else if (!exchange.refuseRevision()) {
      if (credential !== undefined) session.shown.add(credential);
      return session;
    }
    return undefined;
  }

  /** Resolves when the router has let go of it. */
  async end(session: Session): Promise<void> {
    const entry = this.#open.get(session.id);
    if (entry === undefined) return;
    this.#open.delete(session.id);
    entry.leave();
    const { router, log, store } = this.#deps;
    session.end();
    store.forget(session.id);
    const over = this.#ending.add(session);
    await router
      .ended(session)
      .catch((error: unknown) => {
        log.error({ session: session.key, error: messageOf(error) }, 'a session did not end in order');
      })
      .finally(over);
  }

  /** Ends those that nobody has used for too long. */
  sweep(): void {
    const oldest = this.#deps.now() - this.#deps.limits.sessionIdleMs;
    for (const session of this) {
      if (!session.busy && session.lastUsed <= oldest) void this.end(session);
    }
  }

  /** Ends those of virtual servers that are not there any more. */
  endAt(gone: (server: string) => boolean): void {
    for (const session of this)
      if (session.server !== undefined && gone(session.server)) void this.end(session);
  }

  /** Ends those whose client has shown nothing that is still valid. */
  sweepOver(): void {
    const at = this.#deps.now();
    for (const session of this) {
      const since = session.shown.overSince(at);
      if (since === undefined || at - since < refreshMs) continue;
      const { user, tenant } = session.identity;
      const fields = { session: session.key, user, tenant };
      this.#deps.log.info(fields, 'a session ended: no credential of it is valid');
      void this.end(session);
    }
  }

  /** Ends all, and waits for their end for at most so long. */
  async endAll(withinMs: number): Promise<void> {
    for (const session of this) void this.end(session);
    await this.#ending.over(withinMs);
  }
}

/** Requests that change what a session is. */
export const changing: ReadonlySet<string> = new Set([
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/**
 * A request within a session, over HTTP. A client that loses its connection has not cancelled it (2025-11-25,
 * Streamable HTTP, Sending Messages): where its stream had begun, it may come back for the rest.
 */
class SessionCall extends HttpCall {
  readonly #session: Session;
  #stream: EventStream | undefined;

  constructor(session: Session, message: RequestMessage, exchange: Exchange, deps: CallDeps) {
    super(session, message, exchange, deps);
    this.#session = session;
    this.#stream = undefined;
  }

  override run(over: () => void): Promise<void> {
    this.#session.begin(this);
    return super.run(over);
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned !== undefined) return;
    this.#begun()?.send(notificationJson(method, params));
  }

  override keepAlive(): void {
    if (this.abandoned !== undefined || this.#stream !== undefined || !this.#begun()) return;
    this.source.held = true;
    this.source.write(sseComment);
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    const stream = this.#begun();
    if (stream === undefined) {
      if (this.mayStream || this.#session.listening) return this.#session.ask(method, params, signal);
      return Promise.reject(ClientReadsNoStream({ method, accept: this.source.headers.accept }));
    }
    return this.#session.questions.ask((json) => stream.send(json), method, params, signal);
  }

  finish(response: RpcResponse): void {
    const session = this.#session;
    session.over(this);
    if ('result' in response && changing.has(this.method)) session.remember(this.method, this.params);
    const json = responseJson(this.id, response);
    const cancelled = this.abandoned === 'cancelled';
    if (this.#stream !== undefined) {
      if (!cancelled) this.#stream.send(json);
      session.streamDone(this.#stream);
    } else if (!cancelled) this.source.send('result' in response ? 200 : statusOf(response, false), json);
    // No response is sent to a request that was cancelled; HTTP wants one all the same.
    else if (this.mayStream) this.source.end();
    else this.source.send(202);
  }

  override closed(): void {
    if (this.#stream) this.#session.disconnected(this.#stream, this.source);
  }

  /** The stream of the reply; none where its client reads none, or the connection was lost before there was one. */
  #begun(): EventStream | undefined {
    this.source.held = false;
    if (this.#stream !== undefined) return this.#stream;
    if (!this.source.response.destroyed && !this.#session.ended && this.mayStream) {
      this.#stream = this.#session.streamOf(this.source);
    }
    return this.#stream;
  }
}

/** The request that opens a session, and hands out its id. */
class InitializeCall extends HttpCall {
  opened: boolean;
  readonly #session: Session;

  constructor(session: Session, message: RequestMessage, exchange: Exchange, deps: CallDeps) {
    super(session, message, exchange, deps);
    this.opened = false;
    this.#session = session;
  }

  notify(method: string, params?: JsonObject): void {
    this.#session.notify(method, params);
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    return this.#session.ask(method, params, signal);
  }

  finish(response: RpcResponse): void {
    this.opened = 'result' in response && this.abandoned === undefined;
    const headers = this.opened ? { 'Mcp-Session-Id': this.#session.id } : {};
    this.source.send(200, responseJson(this.id, response), headers);
  }
}

/** A message of a client that has a session, or wants one. */
export function serveSession(
  message: PostedMessage,
  exchange: Exchange,
  sessions: ClientSessions,
  deps: HttpDeps,
): Promise<void> | void {
  const wantsSession = message.kind === 'request' && message.method === 'initialize';
  if (wantsSession && exchange.headers[headerNames.sessionId] === undefined) {
    return initialize(message, exchange, sessions, deps);
  }
  const session = sessions.of(exchange);
  if (session === undefined) return undefined;
  session.lastUsed = deps.now();
  if (message.kind === 'reply') {
    session.questions.resolve(message.id, message.response);
    return exchange.send(202);
  }
  const { method } = message;
  if (message.kind === 'notification') {
    if (method === 'notifications/cancelled') session.cancel(message.params);
    else if (method !== 'notifications/initialized') deps.router.notified(session, method, message.params);
    return exchange.send(202);
  }
  if (method === 'ping') return exchange.send(200, responseJson(message.id, { result: {} }));
  if (wantsSession) return exchange.refuse(refusal(400, 'Invalid Request: this session is initialized'));
  return runWithin(deps.calls, new SessionCall(session, message, exchange, deps), exchange, deps);
}

async function initialize(
  message: RequestMessage,
  exchange: Exchange,
  sessions: ClientSessions,
  deps: HttpDeps,
): Promise<void> {
  const asked = readInitialize(message.params, deps.legacyRevisions);
  if (asked === undefined) return exchange.refuse({ status: 400, error: badInitialize });
  const { admitted } = exchange;
  const session = sessions.open({ ...asked, identity: admitted.identity, server: exchange.server });
  if (!(session instanceof Session)) return exchange.refuseWith(session);
  if (admitted.credential !== undefined) session.shown.add(admitted.credential);
  const call = new InitializeCall(session, message, exchange, deps);
  session.begin();
  try {
    await runWithin(deps.calls, call, exchange, deps);
  } finally {
    session.over();
    // Nobody has learnt of the session: nobody will end it.
    if (!call.opened) await sessions.end(session);
  }
}

/** GET: the stream of a session for what belongs to none of its requests, or a lost stream again. */
export function serveGet(exchange: Exchange, sessions: ClientSessions): void {
  const session = sessions.of(exchange);
  if (session === undefined) return;
  const lastEventId = exchange.headers[headerNames.lastEventId];
  const stream = session.listen(exchange, typeof lastEventId === 'string' ? lastEventId : undefined);
  if (stream === undefined) {
    exchange.refuse(refusal(400, 'Invalid Request: Last-Event-ID is of no stream of this session'));
    return;
  }
  session.begin();
  const { observed, admitted } = exchange;
  // It ends with the stream.
  exchange.observed = undefined;
  exchange.response.once('close', () => {
    session.disconnected(stream, exchange);
    session.over();
    observed?.end({ kind: 'other', method: 'GET', status: 200, identity: admitted.identity });
  });
}

/** DELETE: the client needs its session no more. */
export async function serveDelete(exchange: Exchange, sessions: ClientSessions): Promise<void> {
  const session = sessions.of(exchange);
  if (session === undefined) return;
  const ended = sessions.end(session);
  exchange.send(204);
  reportEnd(exchange, { kind: 'other', method: 'DELETE', status: 204, identity: session.identity });
  await ended;
}
