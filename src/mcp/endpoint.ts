import { CancelSource } from '../cancel.js';
import { messageOf, type SallyError } from '../errors.js';
import type { Handler, HostGuard, Reply } from '../http/index.js';
import type { Logger } from '../log.js';
import type { SessionStore } from '../sessions/index.js';
import { type Entered, withMessage } from './endpoint-body.js';
import {
  badInitialize,
  type Call,
  type CallDeps,
  type EndpointLimits,
  type HttpDeps,
  readInitialize,
} from './endpoint-call.js';
import { Exchange, reportEnd } from './endpoint-exchange.js';
import { LongCalls } from './endpoint-lasting.js';
import { ClientSessions, serveDelete, serveGet, serveSession } from './endpoint-sessions.js';
import { SseClients } from './endpoint-sse.js';
import { serveStateless } from './endpoint-stateless.js';
import { createHandedEndpoint, passOn, type Wanted } from './endpoint-workers.js';
import { sseComment } from './events.js';
import {
  accepts,
  classify,
  createParamHeaderCheck,
  eventStream,
  headerNames,
  notAcceptable,
  postProblem,
  unsaid,
} from './headers.js';
import { type Message, refusal, responseJson } from './messages.js';
import { Running } from './requests.js';
import { isModern, legacyRevisions } from './revisions.js';
import type { Authentication, Client, Credential } from './router.js';

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
  /** Whether clients over HTTP+SSE are served, the transport of 2024-11-05. */
  readonly sse?: boolean | undefined;
  /** The virtual server that a URL names, whether or not there is one. Absent: none does. */
  readonly serverAt?: ((url: string) => string | undefined) | undefined;
  /** Revisions with `initialize` that are served, the newest first. Default: those that are current. */
  readonly revisions?: readonly string[];
  /** The error for requests that come once no more are taken. */
  readonly stopping: () => SallyError;
  /** Milliseconds of any clock that does not go back. */
  readonly now?: () => number;
  /** How often sessions are looked through and streams kept alive, in milliseconds. */
  readonly pulseMs?: number;
  /** After how long without a result a reply becomes an event stream, where its client reads those, in milliseconds. */
  readonly streamAfterMs?: number;
}

/** Serves MCP clients over HTTP. */
export interface Endpoint {
  /** Answers one request, whose body is read already where the fast path did. */
  readonly handle: (request: Entered, response: Reply) => Promise<void>;
  /** Answers clients over HTTP+SSE, where they are served. */
  readonly sse: { readonly stream: Handler; readonly messages: Handler } | undefined;
  /** Answers what other workers hand over. */
  readonly handed: Handler | undefined;
  /** Ends sessions, streams and subscriptions of virtual servers that are not there any more. */
  endAt(gone: (server: string) => boolean): void;
  /** Takes no more requests. */
  stop(): void;
  /**
   * Takes no more requests, lets those under way finish for at most `withinMs`, and ends subscriptions, streams and
   * sessions.
   */
  drain(withinMs: number): Promise<void>;
  /** What is open now. */
  readonly open: { readonly sessions: number; readonly calls: number; readonly streams: number };
  /** The clients that have sessions, each once for every session. */
  clients(): Iterable<Pick<Client, 'era' | 'info' | 'identity'>>;
}

interface EndpointDeps extends HttpDeps {
  /** Absent where clients get none, and every request stands by itself. */
  readonly sessions: ClientSessions | undefined;
}

/** Nothing on the way takes a stream for dead that says something this often. */
const defaultPulseMs = 15_000;
const defaultStreamAfterMs = 2_000;
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
    serverAt,
    now = performance.now.bind(performance),
  } = options;
  const calls = new Running<Call>(limits.concurrentCalls, limits.concurrentCallsPerUser);
  const listens = new Running<Call>(limits.sessions, limits.sessionsPerUser);
  const deps: EndpointDeps = {
    router,
    authentication,
    limits,
    log,
    observer,
    publicError: options.publicError,
    sessions: store && new ClientSessions({ router, limits, log, now, store }),
    legacyRevisions: options.revisions ?? legacyRevisions,
    calls,
    long: new LongCalls(calls, options.streamAfterMs ?? defaultStreamAfterMs),
    listens,
    store,
    passing: new Running<Exchange>(),
    streams: new Set(),
    checkParamHeaders: createParamHeaderCheck(),
    serverInfo: options.serverInfo,
    now,
    stopping: undefined,
  };
  const { sessions, passing, streams } = deps;
  const reading = { ...limits, depth: options.depth };

  /** Lets the client of a request in, and has it served. */
  const entered =
    (
      serve: (request: Entered, exchange: Exchange, response: Reply) => Promise<void> | void,
    ): Endpoint['handle'] =>
    async (request, response) => {
      const exchange = new Exchange(request, response, deps);
      try {
        const { observed } = exchange;
        if (observed?.refuses) return exchange.refuseWith(observed.refuses);
        const rebound = guard(request);
        if (rebound) return exchange.refuse(refusal(...rebound));
        const server = serverAt?.(request.url ?? '');
        // It may have gone since the request was looked at.
        if (server !== undefined && router.serverInfo?.(server) === undefined)
          return exchange.refuse(refusal(404, `there is no server '${server}' here`));
        exchange.server = server;
        if (authentication) {
          const { method } = exchange;
          const signal = closedSignal(response);
          const admitted = await authentication.authenticate(
            request,
            response,
            signal,
            observed,
            exchange.server,
          );
          if (admitted.kind === 'refused') {
            const { status, headers, body } = admitted;
            exchange.send(status, `${JSON.stringify(body)}\n`, headers);
            return reportEnd(exchange, { kind: 'other', method, status, reason: String(body['error']) });
          }
          const { identity } = admitted;
          // Of one that the fast path has read its success says as much.
          if (!('body' in request) && identity.method !== 'none') authentication.known?.(request.socket);
          // No `close` comes any more: what were begun now would never end.
          if (response.destroyed) return reportEnd(exchange, { kind: 'other', method, identity });
          exchange.admitted = admitted;
          exchange.remote = request.forwarded?.remote ?? request.socket.remoteAddress;
        }
        await serve(request, exchange, response);
      } finally {
        if (exchange.observed) reportEnd(exchange, { kind: 'aside' });
      }
    };

  const handle = entered((request, exchange, response) => {
    const { headers } = request;
    // A server without sessions has handed none out: the id is of another one.
    if (sessions === undefined && headers[headerNames.sessionId] !== undefined && !isModernRequest(exchange))
      return exchange.refuseSession();
    if (exchange.method !== 'POST') return serveOther(exchange, deps);
    const refused = postProblem(headers);
    if (refused) return exchange.refuse(refused);
    return withMessage(request, response, exchange, reading, (message) =>
      serveMessage(message, exchange, deps, store),
    );
  });
  const sse = options.sse === true && sessions && store ? new SseClients(deps, sessions, store) : undefined;

  // One timer, however many sessions and streams there are.
  const pulse = setInterval(() => {
    sessions?.sweep();
    for (const stream of streams) stream.write(sseComment);
  }, options.pulseMs ?? defaultPulseMs);
  pulse.unref();
  const shown = function* (): Generator<Credential> {
    for (const room of [calls, listens]) for (const { credential } of room) if (credential) yield credential;
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
    // Calls first: each ends its stream with an error.
    for (const room of [calls, listens])
      for (const call of room) if (call.credential?.over) call.credentialOver();
    for (const stream of streams) if (stream.credential?.over && !stream.held) stream.end();
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
  const admitForwarded = authentication?.admitForwarded;

  return {
    handle,
    sse: sse && {
      stream: entered((request, exchange) => sse.stream(request, exchange)),
      messages: entered((request, exchange, response) => sse.messages(request, exchange, response, reading)),
    },
    handed:
      admitForwarded &&
      createHandedEndpoint(
        (wanted, exchange) =>
          wanted.kind === 'sse'
            ? sse?.post(wanted.message, wanted.id, exchange)
            : serve(wanted, exchange, deps),
        admitForwarded,
        deps,
      ),
    endAt(gone) {
      for (const call of listens)
        if (call.client.server !== undefined && gone(call.client.server)) call.stop();
      sessions?.endAt(gone);
      sse?.endAt(gone);
    },
    stop,
    async drain(withinMs) {
      stop();
      const until = now() + withinMs;
      await calls.over(withinMs);
      clearInterval(pulse);
      clearInterval(watch);
      deps.long.stop();
      for (const room of [calls, listens]) for (const call of room) call.stop();
      await Promise.all([calls.over(lastWordsMs), listens.over(lastWordsMs)]);
      await sessions?.endAll(lastWordsMs);
      for (const stream of streams) stream.end();
      // The workers that hold these drain as well. It comes last, so that no two wait for each other.
      await passing.over(Math.max(until - now(), lastWordsMs));
    },
    clients: () => sessions ?? [],
    open: {
      get sessions() {
        return sessions?.size ?? 0;
      },
      get calls() {
        return calls.size;
      },
      get streams() {
        return streams.size;
      },
    },
  };
}

function isModernRequest({ headers }: Exchange): boolean {
  return isModern(String(headers[headerNames.protocolVersion] ?? ''));
}

/** GET and DELETE, and what is neither. */
async function serveOther(exchange: Exchange, deps: EndpointDeps): Promise<void> {
  const { method, headers } = exchange;
  const known = method === 'GET' || method === 'DELETE';
  if (!known || deps.sessions === undefined || isModernRequest(exchange)) {
    const Allow = deps.sessions === undefined || known ? 'POST' : 'GET, POST, DELETE';
    return exchange.refuse(refusal(405, `Method not allowed: ${Allow} only`), { Allow });
  }
  if (method === 'GET') {
    if (deps.stopping) return exchange.refuseWith(deps.stopping);
    if (!accepts(headers.accept, eventStream)) return exchange.refuse(notAcceptable(eventStream));
  }
  const wanted: Exclude<Wanted, { kind: 'sse' }> = { kind: method === 'GET' ? 'get' : 'delete' };
  const holder = deps.store?.holderOf?.(headers[headerNames.sessionId]);
  if (holder !== undefined && (await passOn(holder, wanted, exchange, deps))) return;
  await serve(wanted, exchange, deps);
}

/** Serves what a client wants of this process, and of no other worker. */
function serve(
  wanted: Exclude<Wanted, { kind: 'sse' }>,
  exchange: Exchange,
  deps: EndpointDeps,
): Promise<void> | void {
  if (wanted.kind === 'post') return serveMessage(wanted.message, exchange, deps, deps.store);
  if (deps.sessions === undefined) return undefined;
  return (wanted.kind === 'get' ? serveGet : serveDelete)(exchange, deps.sessions);
}

/** What was posted, of either era: it is served here, or by the worker that holds what it is about. */
function serveMessage(
  message: Message,
  exchange: Exchange,
  deps: EndpointDeps,
  store: SessionStore | undefined,
): Promise<void> | void {
  if (message.kind === 'invalid') {
    exchange.id = message.id;
    return exchange.refuse(refusal(400, `Invalid Request: ${message.reason}`));
  }
  const { sessions, stopping } = deps;
  const { headers } = exchange;
  const request = message.kind === 'request' ? message : undefined;
  exchange.method = message.kind === 'reply' ? 'response' : message.method;
  exchange.id = request?.id ?? null;
  // What belongs to calls that are under way goes on.
  if (stopping && request) return exchange.refuseWith(stopping);
  const classified = message.kind === 'reply' ? undefined : classify(message, headers);
  if (classified?.kind === 'refused') return exchange.refuse(classified.refusal);
  const modern = classified?.kind === 'modern';
  if (store?.holderOf) {
    const about = modern
      ? request && deps.router.suspendedId?.(request.params)
      : headers[headerNames.sessionId];
    const holder = store.holderOf(about);
    if (holder !== undefined) {
      return passOn(holder, { kind: 'post', message }, exchange, deps).then((passed) =>
        passed ? undefined : serveMessage(message, exchange, deps, undefined),
      );
    }
  }
  if (!modern && sessions) return serveSession(message, exchange, sessions, deps);
  if (!modern && exchange.refuseRevision()) return undefined;
  // 2026-07-28 has no notifications of clients over HTTP, and without a session nobody receives one.
  if (!request) return exchange.send(202);
  if (modern) return serveStateless(request, 'modern', classified.envelope, exchange, deps);
  const { id, method, params } = request;
  if (method === 'ping') return exchange.send(200, responseJson(id, { result: {} }));
  const revision = headers[headerNames.protocolVersion];
  const said = revision === undefined ? unsaid : { ...unsaid, revision: String(revision) };
  const envelope = method === 'initialize' ? readInitialize(params, deps.legacyRevisions) : said;
  if (envelope) return serveStateless(request, 'legacy', envelope, exchange, deps);
  return exchange.refuse({ status: 400, error: badInitialize });
}

/** Ends when the client goes before its reply is out. */
function closedSignal(response: Reply): CancelSource {
  const controller = new CancelSource();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(undefined);
  });
  return controller;
}
