import { GatewayStopping } from '../../errors.js';
import { headerNames } from '../../mcp/headers.js';
import type { Answer, JsonObject, Message, RequestId } from '../../mcp/messages.js';
import { isLegacy, legacyRevisions } from '../../mcp/revisions.js';
import { answerJson, Call, type CallSource, fullReply, notificationJson } from './call.js';
import type { EventStream } from './event-stream.js';
import { type Exchange, type LegDeps, refuse, refuseWith, run, sourceOf } from './exchange.js';
import { badInitialize, initialized, readInitialize } from './lifecycle.js';
import type { HttpReply } from './reply.js';
import { Session } from './session.js';

type RequestMessage = Extract<Message, { kind: 'request' }>;

/**
 * A request within a session, over HTTP. A client that loses its connection has not cancelled it (2025-11-25,
 * Streamable HTTP, Sending Messages): where its stream had begun, it may come back for the rest.
 */
class SessionCall extends Call {
  readonly #session: Session;
  readonly #reply: HttpReply;
  #stream: EventStream | undefined;

  constructor(source: CallSource, message: RequestMessage, session: Session, reply: HttpReply) {
    super(source, message);
    this.#session = session;
    this.#reply = reply;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned !== undefined) return;
    this.#begun()?.send(notificationJson(method, params));
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer> {
    const stream = this.#begun();
    if (stream === undefined) return this.#session.ask(method, params, signal);
    return this.#session.questions.ask((json) => stream.send(json), method, params, signal);
  }

  finish(answer: Answer): void {
    const json = answerJson(this.id, answer);
    // No response is sent to a request that was cancelled; HTTP wants one all the same.
    if (this.#stream === undefined) {
      if (this.abandoned === 'cancelled') this.#reply.end();
      else {
        const full = fullReply(answer);
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

export const sessionHeader = headerNames.sessionId;

/** A message of a client that has a session, or wants one. */
export async function serveLegacy(
  message: Exclude<Message, { kind: 'invalid' }>,
  exchange: Exchange,
  deps: LegDeps,
): Promise<void> {
  const wantsSession = message.kind === 'request' && message.method === 'initialize';
  if (wantsSession && exchange.headers[sessionHeader] === undefined) {
    return initialize(message, exchange, deps);
  }
  const method = message.kind === 'reply' ? 'response' : message.method;
  const session = sessionOf(exchange, method, deps, message.kind === 'request' ? message.id : null);
  if (session === undefined) return;
  if (message.kind === 'request') {
    if (wantsSession) {
      const error = { code: -32600, message: 'Invalid Request: this session is initialized' };
      return refuse(exchange, method, { status: 400, error }, deps, { id: message.id });
    }
    return serveRequest(message, session, exchange, deps);
  }
  // A message that wants no answer: the session has been used, and that is all.
  session.hold(deps.now)();
  if (message.kind === 'reply') session.questions.answered(message.id, message.answer);
  else if (message.method === 'notifications/cancelled') session.cancel(message.params?.['requestId']);
  else if (message.method !== 'notifications/initialized') {
    deps.router.notified(session, message.method, message.params);
  }
  exchange.reply.empty(202);
}

async function serveRequest(
  message: RequestMessage,
  session: Session,
  exchange: Exchange,
  deps: LegDeps,
): Promise<void> {
  if (message.method === 'ping') {
    session.hold(deps.now)();
    return exchange.reply.json(200, answerJson(message.id, { result: {} }));
  }
  const call = new SessionCall(sourceOf(session, exchange), message, session, exchange.reply);
  exchange.response.once('close', () => call.disconnected());
  const release = session.hold(deps.now);
  session.begin(call);
  try {
    await run(exchange, call, deps.calls, deps, () => deps.router.handle(call));
  } finally {
    session.finished(call);
    release();
  }
}

async function initialize(message: RequestMessage, exchange: Exchange, deps: LegDeps): Promise<void> {
  const asked = readInitialize(message.params);
  if (asked === undefined) {
    return refuse(exchange, 'initialize', { status: 400, error: badInitialize }, deps, { id: message.id });
  }
  const session = deps.sessions.open({ ...asked, identity: exchange.admitted.identity });
  if (!(session instanceof Session)) return refuseWith(exchange, 'initialize', session, deps, message.id);
  noteShown(session, exchange);
  const call = new InitializeCall(sourceOf(session, exchange), message, session, exchange.reply);
  exchange.response.once('close', () => {
    if (!exchange.response.writableFinished) call.abandon('gone');
  });
  const release = session.hold(deps.now);
  try {
    await run(exchange, call, deps.calls, deps, () => initialized(deps.router, session, call.signal.signal));
  } finally {
    release();
    // Nobody has learnt of the session: nobody will end it.
    if (!call.opened) await deps.sessions.end(session);
  }
}

/** The request that opens a session, and hands out its id. */
class InitializeCall extends Call {
  opened = false;
  readonly #session: Session;
  readonly #reply: HttpReply;

  constructor(source: CallSource, message: RequestMessage, session: Session, reply: HttpReply) {
    super(source, message);
    this.#session = session;
    this.#reply = reply;
  }

  notify(method: string, params?: JsonObject): void {
    this.#session.notify(method, params);
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer> {
    return this.#session.ask(method, params, signal);
  }

  finish(answer: Answer): void {
    this.opened = 'result' in answer && this.abandoned === undefined;
    const headers = this.opened ? { 'Mcp-Session-Id': this.#session.id } : {};
    this.#reply.json(200, answerJson(this.id, answer), headers);
  }
}

function noteShown(session: Session, { admitted }: Exchange): void {
  if (admitted.credential !== undefined) session.shown.add(admitted.credential);
}

/** The session that a request names, of a revision that is served; otherwise the request is refused. */
export function sessionOf(
  exchange: Exchange,
  method: string,
  deps: LegDeps,
  id: RequestId | null = null,
): Session | undefined {
  const { headers } = exchange;
  const sessionId = headers[sessionHeader];
  const session =
    typeof sessionId === 'string' ? deps.sessions.find(sessionId, exchange.admitted.identity) : undefined;
  const revision = headers[headerNames.protocolVersion];
  if (sessionId === undefined) {
    const error = { code: -32600, message: 'Invalid Request: Mcp-Session-Id is missing' };
    refuse(exchange, method, { status: 400, error }, deps, { id });
  } else if (session === undefined && deps.stopping()) {
    // It may have ended with this gateway, or with a worker of it: at the next one its client learns what became of it.
    refuseWith(exchange, method, GatewayStopping({}), deps, id);
  } else if (session === undefined) {
    // The code by which the SDKs know that they have to initialize again.
    refuse(exchange, method, { status: 404, error: { code: -32001, message: 'Session not found' } }, deps, {
      id,
    });
  } else if (revision !== undefined && !isLegacy(revision)) {
    const message = `Bad Request: Unsupported protocol version: ${revision} (supported versions: ${legacyRevisions.join(', ')})`;
    refuse(exchange, method, { status: 400, error: { code: -32600, message } }, deps, { id });
  } else {
    noteShown(session, exchange);
    return session;
  }
  return undefined;
}
