import type { IncomingMessage } from 'node:http';
import { CancelSource } from '../cancel.js';
import { messageOf, type SallyError } from '../errors.js';
import {
  type FastRequest,
  type Handler,
  type HostGuard,
  type ReadBody,
  type Reply,
  readJson,
} from '../http/index.js';
import type { Logger } from '../log.js';
import type { SessionStore } from '../sessions/index.js';
import { accepts, bodyProblem, classify, notAcceptable, postProblem, unsaid } from './classify.js';
import {
  badInitialize,
  type Call,
  type CallDeps,
  type EndpointLimits,
  type Exchange,
  type HttpDeps,
  isSubscription,
  readInitialize,
  refuse,
  refusedRevision,
  refuseSession,
  refuseWith,
  reportEnd,
} from './endpoint-call.js';
import { HttpReply } from './endpoint-reply.js';
import { ClientSessions, serveDelete, serveGet, serveSession } from './endpoint-sessions.js';
import { serveStateless } from './endpoint-stateless.js';
import { createHandedEndpoint, passOn, type Wanted } from './endpoint-workers.js';
import { sseComment } from './events.js';
import { createParamHeaderCheck, headerNames } from './headers.js';
import { type Message, readMessage, refusal, responseJson } from './messages.js';
import { Running, Slots } from './requests.js';
import { isModern, legacyRevisions } from './revisions.js';
import { type Authentication, anyone, type Credential } from './router.js';

interface EndpointOptions extends CallDeps {
  /** Who comes in. Absent: everyone does. */
  readonly authentication?: Authentication;
  /** The rule for Host and Origin. */
  readonly guard: HostGuard;
  readonly limits: EndpointLimits;
  /** How deep the JSON of a body may be nested, where that is more than usual. */
  readonly depth?: number;
  readonly log: Logger;
  /** Where the sessions of clients of revisions with `initialize` are kept. Without, each of their requests stands by itself. */
  readonly sessions?: SessionStore | undefined;
  /** Revisions with `initialize` that are served, the newest first. Default: those that are current. */
  readonly revisions?: readonly string[];
  /** What clients are told once no more requests are taken. */
  readonly stopping: () => SallyError;
  /** Milliseconds of any clock that does not go back. */
  readonly now?: () => number;
  /** How often sessions are looked through and streams kept alive, in milliseconds. */
  readonly pulseMs?: number;
}

/** What answers MCP clients over HTTP. */
export interface Endpoint {
  /** Answers one request, whose body is read already where the fast path did. */
  readonly handle: (request: IncomingMessage | FastRequest, response: Reply) => Promise<void>;
  /** Answers what other workers hand over. */
  readonly handed: Handler | undefined;
  /** Takes no more requests. */
  stop(): void;
  /**
   * Takes no more requests, lets those under way finish for at most `withinMs`, and ends subscriptions, streams and
   * sessions.
   */
  drain(withinMs: number): Promise<void>;
  /** What is open now. */
  readonly open: { readonly sessions: number; readonly calls: number; readonly streams: number };
}

interface EndpointDeps extends HttpDeps {
  /** Absent where clients get none, and every request stands by itself. */
  readonly sessions: ClientSessions | undefined;
}

/** Nothing on the way takes a stream for dead that says something this often. */
const defaultPulseMs = 15_000;
/** How long what is open outlasts what opened it, at most twice. */
const lookEveryMs = 500;
/** What ends in order does so at once; whoever does not is not waited for. */
const lastWordsMs = 2_000;

/**
 * Serves MCP clients of both eras on one endpoint: sessions, streams, revisions and limits are its business, all else is
 * the router's.
 */
export function createEndpoint(options: EndpointOptions): Endpoint {
  const {
    authentication,
    guard,
    router,
    limits,
    log,
    observer,
    sessions: store,
    now = () => performance.now(),
  } = options;
  const deps: EndpointDeps = {
    router,
    authentication,
    limits,
    log,
    observer,
    tell: options.tell,
    sessions: store && new ClientSessions({ router, limits, log, now, store }),
    legacyRevisions: options.revisions ?? legacyRevisions,
    calls: new Slots(limits.concurrentCalls, limits.concurrentCallsPerUser),
    listens: new Slots(limits.sessions, limits.sessionsPerUser),
    running: new Running<Call>(),
    store,
    passing: new Running<Exchange>(),
    streams: new Set(),
    checkParamHeaders: createParamHeaderCheck(),
    serverInfo: options.serverInfo,
    now,
    stopping: undefined,
  };
  const { sessions, running, passing, streams } = deps;

  const handle: Endpoint['handle'] = async (request, response) => {
    const observed = observer?.request?.(request);
    const method = request.method ?? '';
    const rebound = guard(request);
    if (rebound)
      return refuse({ reply: new HttpReply(response, deps), observed }, method, refusal(...rebound));
    const admitted = authentication
      ? await authentication.authenticate(request, response, closedSignal(response), observed)
      : anyone;
    if (admitted.kind === 'refused') {
      const { status, headers, body } = admitted;
      new HttpReply(response, deps).json(status, `${JSON.stringify(body)}\n`, headers);
      return observed?.end({ kind: 'other', method, status });
    }
    // Of one that the fast path has read its success says as much.
    if (!('body' in request) && admitted.identity.method !== 'none') authentication?.known?.(request.socket);
    // Nothing says so any more: what were begun now would never end.
    if (response.destroyed) return observed?.end({ kind: 'other', method, identity: admitted.identity });
    const reply = new HttpReply(response, deps, admitted);
    const { headers } = request;
    const exchange = { headers, remote: request.socket.remoteAddress, response, admitted, reply, observed };
    const modern = () => isModern(String(headers[headerNames.protocolVersion] ?? ''));
    try {
      // A server without sessions has handed none out: the id is of another one.
      if (sessions === undefined && headers[headerNames.sessionId] !== undefined && !modern())
        return refuseSession(exchange, method, deps, null);
      if (method !== 'POST') return await serveOther(method, exchange, modern() ? undefined : sessions, deps);
      const refused = postProblem(headers);
      if (refused) return refuse(exchange, 'POST', refused);
      const body =
        'body' in request ? request.body : await readJson(request, response, limits.bodyBytes, options.depth);
      return await serveBody(body, exchange, deps);
    } finally {
      reportEnd(exchange, { kind: 'aside' });
    }
  };

  // One timer, however many sessions and streams there are.
  const pulse = setInterval(() => {
    sessions?.sweep();
    for (const stream of streams) stream.write(sseComment);
  }, options.pulseMs ?? defaultPulseMs);
  pulse.unref();
  const shown = function* (): Generator<Credential> {
    for (const { credential } of running) if (credential) yield credential;
    for (const { credential } of streams) if (credential) yield credential;
    for (const session of sessions ?? []) yield* session.shown;
  };
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    await authentication?.recheck?.(shown).finally(() => {
      looking = false;
    });
    // What is being told first: a call has a last word on its stream.
    for (const call of running) if (call.credential?.over) call.credentialOver();
    for (const stream of streams) if (stream.credential?.over) stream.end();
    sessions?.sweepOver();
  };
  const watch =
    authentication?.recheck &&
    setInterval(() => {
      look().catch((error: unknown) => log.error({ error: messageOf(error) }, 'what is over was not ended'));
    }, lookEveryMs);
  watch?.unref();
  const stop = () => {
    deps.stopping ??= options.stopping();
  };
  const readmit = authentication?.readmit;

  return {
    handle,
    handed:
      readmit && createHandedEndpoint((wanted, exchange) => serve(wanted, exchange, deps), readmit, deps),
    stop,
    async drain(withinMs) {
      stop();
      const until = now() + withinMs;
      await running.over((call) => !isSubscription(call), withinMs);
      clearInterval(pulse);
      clearInterval(watch);
      for (const call of running) call.stop();
      await running.over(() => true, lastWordsMs);
      await sessions?.endAll(lastWordsMs);
      for (const stream of streams) stream.end();
      // The workers that answer these do as much. It comes last, so that none waits for one that waits for it.
      await passing.over(() => true, Math.max(until - now(), lastWordsMs));
    },
    open: {
      get sessions() {
        return sessions?.size ?? 0;
      },
      get calls() {
        return deps.calls.taken;
      },
      get streams() {
        return streams.size;
      },
    },
  };
}

/** GET and DELETE, and what is neither. */
async function serveOther(
  method: string,
  exchange: Exchange,
  sessions: ClientSessions | undefined,
  deps: EndpointDeps,
): Promise<void> {
  const known = method === 'GET' || method === 'DELETE';
  if (!known || sessions === undefined) {
    const allow = deps.sessions === undefined || known ? 'POST' : 'GET, POST, DELETE';
    const why = refusal(405, `Method not allowed: ${allow} only`);
    return refuse(exchange, method, why, { headers: { Allow: allow } });
  }
  if (method === 'GET') {
    const stopping = deps.stopping;
    if (stopping) return refuseWith(exchange, method, stopping, deps);
    if (!accepts(exchange.headers.accept, 'text/event-stream')) {
      return refuse(exchange, method, notAcceptable('text/event-stream'));
    }
  }
  const wanted: Wanted = { kind: method === 'GET' ? 'get' : 'delete' };
  const holder = deps.store?.holderOf(exchange.headers[headerNames.sessionId]);
  if (holder !== undefined && (await passOn(holder, wanted, exchange, deps))) return;
  await serve(wanted, exchange, deps);
}

function serveBody(body: ReadBody, exchange: Exchange, deps: EndpointDeps): Promise<void> | void {
  if ('status' in body) {
    // What is left of a body that is too large is not read: the connection ends with the reply.
    const more = body.status === 413 ? { headers: { Connection: 'close' } } : {};
    return refuse(exchange, 'POST', bodyProblem(body, deps.limits.bodyBytes), more);
  }
  const message = readMessage(body.json);
  if (message.kind === 'invalid') {
    const { id } = message;
    return refuse(exchange, 'POST', refusal(400, `Invalid Request: ${message.reason}`), { id });
  }
  return serveMessage(message, exchange, deps, deps.store);
}

/** Serves what a client wants of this process, and of no other worker. */
function serve(wanted: Wanted, exchange: Exchange, deps: EndpointDeps): Promise<void> | void {
  if (wanted.kind === 'post') return serveMessage(wanted.message, exchange, deps, deps.store);
  if (deps.sessions === undefined) return undefined;
  return (wanted.kind === 'get' ? serveGet : serveDelete)(exchange, deps.sessions, deps);
}

/** A posted message of either era: it is served here, or by the worker that holds what it is about. */
function serveMessage(
  message: Exclude<Message, { kind: 'invalid' }>,
  exchange: Exchange,
  deps: EndpointDeps,
  store: SessionStore | undefined,
): Promise<void> | void {
  const { sessions } = deps;
  const stopping = deps.stopping;
  // What belongs to calls that are under way goes on.
  if (stopping && message.kind === 'request')
    return refuseWith(exchange, message.method, stopping, deps, message.id);
  const classified = message.kind === 'reply' ? undefined : classify(message, exchange.headers);
  if (classified?.kind === 'refused' && message.kind !== 'reply') {
    const id = message.kind === 'request' ? message.id : null;
    return refuse(exchange, message.method, classified.refusal, { id });
  }
  const modern = classified?.kind === 'modern';
  const about = modern
    ? message.kind === 'request' && deps.router.suspendedId?.(message.params)
    : exchange.headers[headerNames.sessionId];
  const holder = store?.holderOf(about);
  if (holder !== undefined) {
    return passOn(holder, { kind: 'post', message }, exchange, deps).then((passed) =>
      passed ? undefined : serveMessage(message, exchange, deps, undefined),
    );
  }
  if (!modern && sessions) return serveSession(message, exchange, sessions, deps);
  const method = message.kind === 'reply' ? 'response' : message.method;
  const id = message.kind === 'request' ? message.id : null;
  if (!modern && refusedRevision(exchange, method, deps, id)) return undefined;
  // 2026-07-28 has no notifications of clients over HTTP, and without a session there is nobody to hear one.
  if (message.kind !== 'request') return exchange.reply.empty(202);
  if (modern) return serveStateless(message, 'modern', classified.envelope, exchange, deps);
  if (method === 'ping') return exchange.reply.json(200, responseJson(id, { result: {} }));
  const revision = exchange.headers[headerNames.protocolVersion];
  const envelope =
    method === 'initialize'
      ? readInitialize(message.params, deps.legacyRevisions)
      : revision === undefined
        ? unsaid
        : { ...unsaid, revision: String(revision) };
  if (envelope) return serveStateless(message, 'legacy', envelope, exchange, deps);
  return refuse(exchange, method, { status: 400, error: badInitialize }, { id });
}

/** Ends when the client goes before its reply is out. */
function closedSignal(response: Reply): CancelSource {
  const controller = new CancelSource();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(undefined);
  });
  return controller;
}
