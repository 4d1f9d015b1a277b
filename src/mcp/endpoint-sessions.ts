import { randomUUID } from 'node:crypto';
import { messageOf, type SallyError, SessionsFull, UserSessionsFull } from '../errors.js';
import type { Logger } from '../log.js';
import type { SessionStore } from '../sessions/index.js';
import {
  badInitialize,
  Call,
  type CallSource,
  type EndpointLimits,
  type Exchange,
  type HttpDeps,
  holderOf,
  readInitialize,
  refuse,
  refusedRevision,
  refuseSession,
  refuseWith,
  reportEnd,
  run,
} from './endpoint-call.js';
import type { HttpReply } from './endpoint-reply.js';
import { type EventStream, Session, type SessionFacts } from './endpoint-session.js';
import { headerNames } from './headers.js';
import {
  fullReply,
  type JsonObject,
  type Message,
  notificationJson,
  type RequestId,
  type RpcResponse,
  refusal,
  responseJson,
} from './messages.js';
import { Running, Slots } from './requests.js';
import { type Identity, principalOf, type Router } from './router.js';

type RequestMessage = Extract<Message, { kind: 'request' }>;

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
  readonly #open = new Map<string, Session>();
  readonly #slots: Slots;
  readonly #ending = new Running<Session>();

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
    this.#slots = new Slots(deps.limits.sessions, deps.limits.sessionsPerUser);
  }

  get size(): number {
    return this.#open.size;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#open.values();
  }

  open(facts: Pick<SessionFacts, 'identity' | 'revision' | 'capabilities' | 'info'>): Session | SallyError {
    const { limits, now, store } = this.#deps;
    const room = this.#slots.take(holderOf(facts.identity));
    if (room === 'full') return SessionsFull({ limit: limits.sessions });
    if (room === 'full-for-one') return UserSessionsFull({ limit: limits.sessionsPerUser });
    const principal = principalOf(facts.identity);
    const session = new Session({ ...facts, id: store.makeId(), key: randomUUID(), principal }, now());
    this.#open.set(session.id, session);
    store.keep(session);
    return session;
  }

  /** The session of this id, of this principal only: to anyone else it does not exist. */
  find(id: string, identity: Identity): Session | undefined {
    const session = this.#open.get(id);
    if (session === undefined || session.identity === identity) return session;
    return session.principal === principalOf(identity) ? session : undefined;
  }

  /** Resolves when the router has let go of it. */
  end(session: Session): Promise<void> {
    if (!this.#open.delete(session.id)) return Promise.resolve();
    this.#slots.give(holderOf(session.identity));
    this.#deps.store.forget(session.id);
    session.end();
    const over = this.#ending.add(session);
    const { router, log } = this.#deps;
    return router
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
    for (const session of [...this]) void this.end(session);
    await this.#ending.over(() => true, withinMs);
  }
}

/**
 * A request within a session, over HTTP. A client that loses its connection has not cancelled it (2025-11-25,
 * Streamable HTTP, Sending Messages): where its stream had begun, it may come back for the rest.
 */
class SessionCall extends Call {
  readonly #session: Session;
  readonly #reply: HttpReply;
  #stream: EventStream | undefined;

  constructor(session: Session, message: RequestMessage, source: CallSource, reply: HttpReply) {
    super(session, message, source);
    this.#session = session;
    this.#reply = reply;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned !== undefined) return;
    this.#begun()?.send(notificationJson(method, params));
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    const stream = this.#begun();
    if (stream === undefined) return this.#session.ask(method, params, signal);
    return this.#session.questions.ask((json) => stream.send(json), method, params, signal);
  }

  finish(response: RpcResponse): void {
    const json = responseJson(this.id, response);
    // No response is sent to a request that was cancelled; HTTP wants one all the same.
    if (this.#stream === undefined) {
      if (this.abandoned === 'cancelled') this.#reply.end();
      else {
        const full = fullReply(response);
        this.#reply.json(full?.status ?? 200, json, full?.headers);
      }
      return;
    }
    if (this.abandoned !== 'cancelled') this.#stream.send(json);
    this.#session.streamDone(this.#stream);
  }

  disconnected(): void {
    if (this.#stream) this.#session.disconnected(this.#stream, this.#reply);
  }

  /** The stream of the reply; none where the connection was lost before there was one. */
  #begun(): EventStream | undefined {
    if (this.#stream === undefined && !this.#reply.gone && !this.#session.ended) {
      this.#stream = this.#session.streamOf(this.#reply);
    }
    return this.#stream;
  }
}

/** The request that opens a session, and hands out its id. */
class InitializeCall extends Call {
  opened = false;
  readonly #session: Session;
  readonly #reply: HttpReply;

  constructor(session: Session, message: RequestMessage, source: CallSource, reply: HttpReply) {
    super(session, message, source);
    this.#session = session;
    this.#reply = reply;
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
    this.#reply.json(200, responseJson(this.id, response), headers);
  }
}

/** A message of a client that has a session, or wants one. */
export async function serveSession(
  message: Exclude<Message, { kind: 'invalid' }>,
  exchange: Exchange,
  sessions: ClientSessions,
  deps: HttpDeps,
): Promise<void> {
  const { headers, reply, response } = exchange;
  const wantsSession = message.kind === 'request' && message.method === 'initialize';
  if (wantsSession && headers[headerNames.sessionId] === undefined) {
    return initialize(message, exchange, sessions, deps);
  }
  const method = message.kind === 'reply' ? 'response' : message.method;
  const session = sessionOf(exchange, method, sessions, deps, message.kind === 'request' ? message.id : null);
  if (session === undefined) return;
  if (message.kind !== 'request' || message.method === 'ping') {
    // A message that wants nothing of the router: the session has been used, and that is all.
    session.lastUsed = deps.now();
    if (message.kind === 'request') return reply.json(200, responseJson(message.id, { result: {} }));
    if (message.kind === 'reply') session.questions.answered(message.id, message.response);
    else if (message.method === 'notifications/cancelled') session.cancel(message.params?.['requestId']);
    else if (message.method !== 'notifications/initialized') {
      deps.router.notified(session, message.method, message.params);
    }
    return reply.empty(202);
  }
  if (wantsSession) {
    const { id } = message;
    return refuse(exchange, method, refusal(400, 'Invalid Request: this session is initialized'), {
      id,
    });
  }
  const call = new SessionCall(session, message, exchange, reply);
  response.once('close', () => call.disconnected());
  session.began();
  session.begin(call);
  try {
    await run(exchange, call, deps.calls, deps);
  } finally {
    session.finished(call);
    session.done(deps.now());
  }
}

async function initialize(
  message: RequestMessage,
  exchange: Exchange,
  sessions: ClientSessions,
  deps: HttpDeps,
): Promise<void> {
  const { id } = message;
  const asked = readInitialize(message.params, deps.legacyRevisions);
  if (asked === undefined) {
    return refuse(exchange, 'initialize', { status: 400, error: badInitialize }, { id });
  }
  const { admitted, response, reply } = exchange;
  const session = sessions.open({ ...asked, identity: admitted.identity });
  if (!(session instanceof Session)) return refuseWith(exchange, 'initialize', session, deps, id);
  if (admitted.credential !== undefined) session.shown.add(admitted.credential);
  const call = new InitializeCall(session, message, exchange, reply);
  response.once('close', () => {
    if (!response.writableFinished) call.abandon('gone');
  });
  session.began();
  try {
    await run(exchange, call, deps.calls, deps);
  } finally {
    session.done(deps.now());
    // Nobody has learnt of the session: nobody will end it.
    if (!call.opened) await sessions.end(session);
  }
}

/** The session that a request names, of a revision that is served; otherwise the request is refused. */
function sessionOf(
  exchange: Exchange,
  method: string,
  sessions: ClientSessions,
  deps: HttpDeps,
  id: RequestId | null = null,
): Session | undefined {
  const { headers, admitted } = exchange;
  const sessionId = headers[headerNames.sessionId];
  const session = typeof sessionId === 'string' ? sessions.find(sessionId, admitted.identity) : undefined;
  if (sessionId === undefined) {
    refuse(exchange, method, refusal(400, 'Invalid Request: Mcp-Session-Id is missing'), { id });
  } else if (session === undefined) {
    refuseSession(exchange, method, deps, id);
  } else if (!refusedRevision(exchange, method, deps, id)) {
    if (admitted.credential !== undefined) session.shown.add(admitted.credential);
    return session;
  }
  return undefined;
}

/** GET: the stream of a session for what belongs to none of its requests, or a lost stream again. */
export function serveGet(exchange: Exchange, sessions: ClientSessions, deps: HttpDeps): void {
  const session = sessionOf(exchange, 'GET', sessions, deps);
  if (session === undefined) return;
  const { headers, response, reply, admitted, observed } = exchange;
  const lastEventId = headers[headerNames.lastEventId];
  const stream = session.listen(reply, typeof lastEventId === 'string' ? lastEventId : undefined);
  if (stream === undefined) {
    const why = 'Invalid Request: Last-Event-ID is of no stream of this session';
    refuse(exchange, 'GET', refusal(400, why));
    return;
  }
  session.began();
  exchange.observed = undefined;
  response.once('close', () => {
    session.disconnected(stream, reply);
    session.done(deps.now());
    observed?.end({ kind: 'other', method: 'GET', status: 200, identity: admitted.identity });
  });
}

/** DELETE: the client needs its session no more. */
export async function serveDelete(
  exchange: Exchange,
  sessions: ClientSessions,
  deps: HttpDeps,
): Promise<void> {
  const session = sessionOf(exchange, 'DELETE', sessions, deps);
  if (session === undefined) return;
  const ended = sessions.end(session);
  exchange.reply.empty(204);
  reportEnd(exchange, { kind: 'other', method: 'DELETE', status: 204, identity: session.identity });
  await ended;
}
