import type { IncomingHttpHeaders } from 'node:http';
import { CancelSource } from '../cancel.js';
import { type SallyError, TooManyCalls, TooManyCallsOfOne } from '../errors.js';
import { type Reply, retryAfter } from '../http/index.js';
import { peerLog } from '../log/limit.js';
import type { SessionStore } from '../sessions/index.js';
import type { Observer, RequestEnd, RequestObservation } from '../telemetry/index.js';
import type { HttpReply, ReplyDeps } from './endpoint-reply.js';
import { headerNames, type ParamHeaderCheck } from './headers.js';
import {
  areFacts,
  codes,
  errorResponse,
  type JsonObject,
  metaKeys,
  type Refusal,
  type RequestId,
  type RpcError,
  type RpcResponse,
  refusal,
  responseJson,
} from './messages.js';
import type { Running, Slots } from './requests.js';
import { modernRevisions, negotiate } from './revisions.js';
import {
  type Admitted,
  type Authentication,
  type Client,
  type ClientRequest,
  type Credential,
  type Identity,
  principalOf,
  type Router,
} from './router.js';

/** What an endpoint serves at once, and how much it reads. */
export interface EndpointLimits {
  readonly bodyBytes: number;
  readonly concurrentCalls: number;
  readonly concurrentCallsPerUser: number;
  readonly sessions: number;
  readonly sessionsPerUser: number;
  readonly sessionIdleMs: number;
}

/** What is the same for all requests of an endpoint, over HTTP or stdio. */
export interface CallDeps {
  readonly router: Router;
  /** Names the server in what it sends to clients of 2026-07-28. */
  readonly serverInfo: JsonObject;
  /** How much of a response the client is told: errors can be shortened. */
  readonly tell?: ((response: RpcResponse, request: string) => RpcResponse) | undefined;
  readonly observer?: Observer | undefined;
}

/** What all requests over HTTP share. */
export interface HttpDeps extends ReplyDeps, CallDeps {
  readonly limits: EndpointLimits;
  readonly authentication: Authentication | undefined;
  /** Revisions with `initialize` that are served, the newest first. */
  readonly legacyRevisions: readonly string[];
  /** Room for requests that end by themselves. */
  readonly calls: Slots;
  /** Room for subscriptions, which take as much of a stateless client as a session of another. */
  readonly listens: Slots;
  readonly running: Running<Call>;
  /** Who holds sessions and suspended requests; absent where clients get none. */
  readonly store: SessionStore | undefined;
  /** What other workers answer. */
  readonly passing: Running<Exchange>;
  readonly checkParamHeaders: ParamHeaderCheck;
  readonly now: () => number;
  /** Why no more requests are taken, once that is so. */
  stopping: SallyError | undefined;
}

/** One HTTP request that was let in. */
export interface Exchange {
  /** Of the request, as they came. */
  readonly headers: IncomingHttpHeaders;
  /** The address that it came from. */
  readonly remote: string | undefined;
  readonly response: Reply;
  readonly admitted: Admitted;
  readonly reply: HttpReply;
  /** Until it has been told of the end. */
  observed: RequestObservation | undefined;
}

/** Where a call comes from, beside its message. */
export type CallSource = Pick<Exchange, 'admitted' | 'remote' | 'observed'>;

/** Reports how a request ended, unless that was done before. */
export function reportEnd(request: Pick<Exchange, 'observed'>, end: RequestEnd): void {
  request.observed?.end(end);
  request.observed = undefined;
}

/** One request of a client: what all ways in have in common. */
export abstract class Call implements ClientRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
  readonly client: Client;
  readonly headers: Readonly<Record<string, string>>;
  readonly remote?: string;
  readonly observed: RequestObservation | undefined;
  readonly signal = new CancelSource();
  /** How it ended where no response is wanted any more. */
  abandoned: 'cancelled' | 'gone' | undefined;
  readonly #admitted: Admitted;

  constructor(
    client: Client,
    { id, method, params }: { id: RequestId; method: string; params: JsonObject },
    { admitted, remote, observed }: CallSource,
  ) {
    this.client = client;
    this.id = id;
    this.method = method;
    this.params = params;
    this.headers = admitted.headers;
    this.observed = observed;
    this.#admitted = admitted;
    if (remote !== undefined) this.remote = remote;
  }

  get credential(): Credential | undefined {
    return this.#admitted.credential;
  }

  /** The id by which the log knows the request. */
  get requestId(): string {
    return this.#admitted.requestId();
  }

  context(): unknown {
    return this.#admitted.context();
  }

  /** Nobody waits for the response any more. */
  abandon(how: 'cancelled' | 'gone'): void {
    if (this.abandoned !== undefined) return;
    this.abandoned = how;
    this.stop();
  }

  /** It is to come to its end, and its response is still wanted: how a subscription ends in order. */
  stop(): void {
    this.signal.abort(undefined);
  }

  /** What let the client in is over: what is still being told on the strength of it ends. */
  credentialOver(): void {}

  abstract notify(method: string, params?: JsonObject): void;
  abstract ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse>;
  /** Sends the response, unless nobody waits for it. */
  abstract finish(response: RpcResponse): void;
}

/** Whether a call goes on until it is stopped. */
export function isSubscription({ method, client }: Pick<Call, 'method' | 'client'>): boolean {
  return method === 'subscriptions/listen' && client.era === 'modern';
}

/** What the client is told: the router never rejects, unless it is broken. */
export async function answered(
  call: Call,
  { router, tell }: CallDeps,
  refused?: RpcError,
): Promise<RpcResponse> {
  let response: RpcResponse;
  try {
    response = refused ? { error: refused } : await responseOf(call, router);
  } catch (thrown) {
    response = errorResponse(thrown);
  }
  // Nobody waits for it: what failed was ended, and may say so in any words.
  return tell === undefined || call.signal.aborted ? response : tell(response, call.requestId);
}

/** Methods of revisions with `initialize`, unknown to the others whatever the router has. */
const removed = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/** The lifecycle is served here, everything else by the router. */
function responseOf(call: Call, router: Router): RpcResponse | Promise<RpcResponse> {
  const { method, client } = call;
  if (client.era === 'modern') {
    if (method === 'server/discover') return discovered(call, router);
    if (!removed.has(method)) return router.handle(call);
    return { error: { code: codes.methodNotFound, message: `Method not found: ${method}` } };
  }
  if (method === 'ping') return { result: {} };
  return method === 'initialize' ? initialized(call, router) : router.handle(call);
}

async function initialized({ client, signal }: Call, router: Router): Promise<RpcResponse> {
  const { capabilities, serverInfo, instructions } = await router.describe(client, signal.signal);
  const text = instructions === undefined ? {} : { instructions };
  return { result: { protocolVersion: client.revision, capabilities, serverInfo, ...text } };
}

/** What is offered changes as upstreams come and go, and is one caller's own. */
async function discovered({ client, signal }: Call, router: Router): Promise<RpcResponse> {
  const { capabilities, serverInfo, instructions } = await router.describe(client, signal.signal);
  const text = instructions === undefined ? {} : { instructions };
  const result = {
    resultType: 'complete',
    supportedVersions: modernRevisions,
    capabilities,
    ...text,
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [metaKeys.serverInfo]: serverInfo },
  };
  return { result };
}

/** What a client opens with; undefined where its `initialize` is not one. */
export function readInitialize(
  params: JsonObject,
  served?: readonly string[],
): Pick<Client, 'revision' | 'capabilities' | 'info'> | undefined {
  const { protocolVersion: asked, capabilities, clientInfo: info } = params;
  if (typeof asked !== 'string' || !areFacts(capabilities) || !areFacts(info)) return undefined;
  return { revision: negotiate(asked, served), capabilities, info };
}

export const badInitialize: RpcError = {
  code: codes.invalidParams,
  message: 'Invalid params: initialize has to have protocolVersion, capabilities and clientInfo',
};

/** Whose share is taken: where nobody is known, everyone would share one. */
export function holderOf(identity: Identity): string | undefined {
  return identity.method === 'none' ? undefined : principalOf(identity);
}

/** Runs a call where there is room for it, to its answer and its line in the log. */
export async function run(exchange: Exchange, call: Call, slots: Slots, deps: HttpDeps): Promise<void> {
  const who = holderOf(call.client.identity);
  const room = slots.take(who);
  if (room !== 'taken') {
    const limit = deps.limits.concurrentCallsPerUser;
    const error = room === 'full' ? TooManyCalls({ limit: slots.taken }) : TooManyCallsOfOne({ limit });
    return refuseWith(exchange, call.method, error, deps, call.id);
  }
  const over = deps.running.add(call);
  call.observed?.serves?.(call);
  const response = await answered(call, deps);
  over();
  slots.give(who);
  call.finish(response);
  reportEnd(exchange, { kind: 'served', response });
}

/** Answers with a JSON-RPC error. */
export function refuse(
  exchange: Pick<Exchange, 'reply' | 'observed'> & { admitted?: Admitted },
  method: string,
  { status, error }: Refusal,
  more: { id?: RequestId | null; headers?: Readonly<Record<string, string>> } = {},
): void {
  // JSON-RPC 2.0 section 5: where the id is not known, it is null.
  exchange.reply.json(status, responseJson(more.id ?? null, { error }), more.headers);
  if (exchange.observed === undefined) return;
  const identity = exchange.admitted && { identity: exchange.admitted.identity };
  reportEnd(exchange, { kind: 'other', method, status, ...identity, error: error.code });
}

/** Answers with an error of the registry, at its own HTTP status; one that will pass says when. */
export function refuseWith(
  exchange: Exchange,
  method: string,
  error: SallyError,
  deps: HttpDeps,
  id: RequestId | null = null,
): void {
  peerLog(deps.log).warn(exchange.remote, error);
  const headers = { 'Retry-After': error.httpStatus === 429 ? '1' : retryAfter };
  refuse(exchange, method, { status: error.httpStatus, ...errorResponse(error) }, { id, headers });
}

/** A session that is not here may have ended with this server, or with a worker of it. */
export function refuseSession(
  exchange: Exchange,
  method: string,
  deps: HttpDeps,
  id: RequestId | null,
): void {
  const stopping = deps.stopping;
  // At the next server its client learns what became of it.
  if (stopping) refuseWith(exchange, method, stopping, deps, id);
  // The code by which the SDKs know that they have to initialize again.
  else refuse(exchange, method, refusal(404, 'Session not found', codes.sessionNotFound), { id });
}

/** Whether a request was refused for the revision that its header names. */
export function refusedRevision(
  exchange: Exchange,
  method: string,
  deps: HttpDeps,
  id: RequestId | null,
): boolean {
  const revision = exchange.headers[headerNames.protocolVersion];
  const { legacyRevisions } = deps;
  if (revision === undefined || legacyRevisions.includes(String(revision))) return false;
  const message = `Bad Request: Unsupported protocol version: ${revision} (supported versions: ${legacyRevisions.join(', ')})`;
  refuse(exchange, method, refusal(400, message), { id });
  return true;
}
