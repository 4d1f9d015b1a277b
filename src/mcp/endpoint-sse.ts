import {
  type SallyError,
  SessionsFull,
  TooManyCalls,
  TooManyCallsOfOne,
  UserSessionsFull,
} from '../errors.js';
import type { Reply } from '../http/index.js';
import type { SessionStore } from '../sessions/index.js';
import { type Entered, withMessage } from './endpoint-body.js';
import {
  badInitialize,
  Call,
  type CallSource,
  type HttpDeps,
  readInitialize,
  roomOf,
} from './endpoint-call.js';
import type { Exchange } from './endpoint-exchange.js';
import { Session } from './endpoint-session.js';
import { type ClientSessions, changing } from './endpoint-sessions.js';
import { passOn } from './endpoint-workers.js';
import { accepts, eventStream, notAcceptable, postProblem } from './headers.js';
import {
  type JsonObject,
  type PostedMessage,
  type RequestMessage,
  type RpcResponse,
  refusal,
  responseJson,
} from './messages.js';
import { Running } from './requests.js';
import { legacyRevisions } from './revisions.js';
import { type Identity, principalOf } from './router.js';

/** The transport's own revision is served beside the others: clients that know no other speak it. */
const servedRevisions: readonly string[] = [...legacyRevisions, '2024-11-05'];

/** A client that has opened its stream has so long to send `initialize`, in milliseconds. */
const initializeMs = 60_000;

/** The stream of one client, which brings all that it is sent. */
interface ClientStream {
  readonly exchange: Exchange;
  readonly principal: string;
  readonly identity: Identity;
  /** The virtual server that it is of; undefined at `/sse`. */
  readonly server: string | undefined;
  /** From `initialize` on. */
  session: Session | undefined;
}

/** A request whose response goes on the stream of its session, as all else does. */
class SseCall extends Call {
  readonly #session: Session;

  constructor(session: Session, message: RequestMessage, source: CallSource, deps: HttpDeps) {
    super(session, message, source, deps);
    this.#session = session;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned === undefined) this.#session.notify(method, params);
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    return this.#session.ask(method, params, signal);
  }

  finish(response: RpcResponse): void {
    const session = this.#session;
    session.over(this);
    if ('result' in response && changing.has(this.method)) session.remember(this.method, this.params);
    if (this.abandoned === undefined) session.send(responseJson(this.id, response));
  }
}

/**
 * Clients over HTTP+SSE, the transport of 2024-11-05: a GET opens the stream, whose first event names the address that
 * messages are posted to. The session begins with `initialize` and ends with the stream.
 */
export class SseClients {
  readonly #deps: HttpDeps;
  readonly #sessions: ClientSessions;
  readonly #store: SessionStore;
  readonly #streams = new Map<string, ClientStream>();
  readonly #room: Running<ClientStream>;

  constructor(deps: HttpDeps, sessions: ClientSessions, store: SessionStore) {
    this.#deps = deps;
    this.#sessions = sessions;
    this.#store = store;
    this.#room = new Running(deps.limits.sessions, deps.limits.sessionsPerUser);
  }

  /** GET: the stream of a client, which is told where to post. */
  stream(request: Entered, exchange: Exchange): Promise<void> | void {
    if (exchange.method !== 'GET') return refuseMethod(exchange, 'GET');
    const { admitted, headers } = exchange;
    const { stopping } = this.#deps;
    if (stopping) return exchange.refuseWith(stopping);
    if (!accepts(headers.accept, eventStream)) return exchange.refuse(notAcceptable(eventStream));
    const full = this.#full(admitted.identity);
    if (full) return exchange.refuseWith(full);
    const { identity } = admitted;
    const { server } = exchange;
    const id = this.#store.makeId();
    const principal = principalOf(identity);
    const stream: ClientStream = { exchange, principal, identity, server, session: undefined };
    const leave = this.#room.add(stream, roomOf(identity));
    this.#streams.set(id, stream);
    const late = setTimeout(() => stream.session ?? exchange.end(), initializeMs).unref();
    const { observed } = exchange;
    // It ends with the stream.
    exchange.observed = undefined;
    exchange.response.once('close', () => {
      clearTimeout(late);
      leave();
      this.#streams.delete(id);
      if (stream.session) void this.#sessions.end(stream.session);
      observed?.end({ kind: 'other', method: 'GET', status: 200, identity });
    });
    exchange.stream();
    exchange.write(`event: endpoint\ndata: ${messagesPath(request)}?sessionId=${encodeURIComponent(id)}\n\n`);
  }

  /** POST: a message, for the stream that the URL names: it is served here, or by the worker that holds that. */
  messages(
    request: Entered,
    exchange: Exchange,
    response: Reply,
    limits: Parameters<typeof withMessage>[3],
  ): Promise<void> | void {
    if (exchange.method !== 'POST') return refuseMethod(exchange, 'POST');
    // The reply to it has no content: its client need not say what it takes.
    const refused = postProblem({ ...request.headers, accept: undefined });
    if (refused) return exchange.refuse(refused);
    return withMessage(request, response, exchange, limits, (message) => {
      if (message.kind === 'invalid') {
        exchange.id = message.id;
        return exchange.refuse(refusal(400, `Invalid Request: ${message.reason}`));
      }
      exchange.method = message.kind === 'reply' ? 'response' : message.method;
      exchange.id = message.kind === 'request' ? message.id : null;
      const id = streamIdOf(request);
      if (id === undefined) return exchange.refuse(refusal(400, 'Invalid Request: sessionId is missing'));
      const holder = this.#store.holderOf?.(id);
      if (holder === undefined) return this.post(message, id, exchange);
      return passOn(holder, { kind: 'sse', message, id }, exchange, this.#deps).then((passed) =>
        passed ? undefined : this.post(message, id, exchange),
      );
    });
  }

  /** Ends the streams of virtual servers that are not there any more. */
  endAt(gone: (server: string) => boolean): void {
    for (const { server, exchange } of this.#streams.values())
      if (server !== undefined && gone(server)) exchange.end();
  }

  /** A message of the client that has the stream. To another principal than its own, and at another server, it does not exist. */
  post(message: PostedMessage, id: string, exchange: Exchange): Promise<void> | void {
    const stream = this.#streams.get(id);
    const { identity, credential } = exchange.admitted;
    if (
      stream === undefined ||
      stream.server !== exchange.server ||
      (stream.identity !== identity && stream.principal !== principalOf(identity))
    )
      return exchange.refuseSession();
    const { session } = stream;
    if (session) {
      session.lastUsed = this.#deps.now();
      if (credential !== undefined) session.shown.add(credential);
    }
    if (message.kind === 'request') return this.#request(message, stream, exchange);
    if (message.kind === 'reply') session?.questions.resolve(message.id, message.response);
    else if (message.method === 'notifications/cancelled') session?.cancel(message.params);
    else if (session && message.method !== 'notifications/initialized')
      this.#deps.router.notified(session, message.method, message.params);
    return exchange.send(202);
  }

  #request(message: RequestMessage, stream: ClientStream, exchange: Exchange): Promise<void> | void {
    const { calls, stopping } = this.#deps;
    if (stopping) return exchange.refuseWith(stopping);
    const opens = message.method === 'initialize';
    if (opens && stream.session)
      return exchange.refuse(refusal(400, 'Invalid Request: this session is initialized'));
    const principal = roomOf(exchange.admitted.identity);
    const full = calls.full(principal);
    if (full === 'for-one') return exchange.refuseWith(TooManyCallsOfOne({ limit: calls.limitForOne }));
    if (full) return exchange.refuseWith(TooManyCalls({ limit: calls.limit }));
    const session = stream.session ?? (opens ? this.#open(message, stream, exchange) : undefined);
    if (session === undefined) {
      if (!opens) exchange.refuse(refusal(400, 'Invalid Request: send initialize first'));
      return undefined;
    }
    const { admitted, remote, observed } = exchange;
    exchange.observed = undefined;
    exchange.send(202);
    const call = new SseCall(session, message, { admitted, remote, observed }, this.#deps);
    session.begin(call);
    void call.run(calls.add(call, principal));
  }

  /** The session that `initialize` opens; undefined where it is refused. */
  #open({ params }: RequestMessage, stream: ClientStream, exchange: Exchange): Session | undefined {
    const asked = readInitialize(params, servedRevisions);
    if (asked === undefined) {
      exchange.refuse({ status: 400, error: badInitialize });
      return undefined;
    }
    const { identity, credential } = exchange.admitted;
    const session = this.#sessions.open({ ...asked, identity, server: stream.server });
    if (!(session instanceof Session)) {
      exchange.refuseWith(session);
      return undefined;
    }
    if (credential !== undefined) session.shown.add(credential);
    stream.session = session;
    session.attach(stream.exchange);
    return session;
  }

  #full(identity: Identity): SallyError | undefined {
    const { limits } = this.#deps;
    const full = this.#room.full(roomOf(identity));
    if (full === 'for-one') return UserSessionsFull({ limit: limits.sessionsPerUser });
    return full && SessionsFull({ limit: limits.sessions });
  }
}

function refuseMethod(exchange: Exchange, Allow: string): void {
  exchange.refuse(refusal(405, `Method not allowed: ${Allow} only`), { Allow });
}

/** The stream that a request is about, as its URL names it. */
function streamIdOf({ url = '' }: Pick<Entered, 'url'>): string | undefined {
  return new URLSearchParams(url.split('?')[1]).get('sessionId') ?? undefined;
}

/** Where the messages of a stream at `url` are posted to: beside it, also where something before it adds to the path. */
const messagesPath = ({ url = '', forwarded }: Entered): string =>
  (forwarded?.prefix ?? '') + (url.split('?')[0] ?? '').replace(/[^/]*$/, 'messages');
