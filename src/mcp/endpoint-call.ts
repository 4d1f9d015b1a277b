import { CancelSource } from '../cancel.js';
import { TooManyCalls, TooManyCallsOfOne } from '../errors.js';
import type { SessionStore } from '../sessions/index.js';
import type { Observer, RequestObservation } from '../telemetry/index.js';
import { type Exchange, type ExchangeDeps, reportEnd } from './endpoint-exchange.js';
import type { LongCalls } from './endpoint-lasting.js';
import type { Envelope, ParamHeaderCheck } from './headers.js';
import {
  areFacts,
  codes,
  errorResponse,
  type JsonObject,
  metaKeys,
  modernJson,
  notificationJson,
  type RequestId,
  type RequestMessage,
  type RpcError,
  type RpcResponse,
  responseJson,
  withMeta,
} from './messages.js';
import type { Running } from './requests.js';
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
  /** How much of an error the client is told. */
  readonly publicError?: ((error: RpcError, request: string) => RpcError) | undefined;
  readonly observer?: Observer | undefined;
}

/** What all requests over HTTP share. */
export interface HttpDeps extends ExchangeDeps, CallDeps {
  readonly limits: EndpointLimits;
  readonly authentication: Authentication | undefined;
  /** Requests that end by themselves. */
  readonly calls: Running<Call>;
  /** Subscriptions, which take as much room of a stateless client as a session of another. */
  readonly listens: Running<Call>;
  readonly long: LongCalls;
  /** Who holds sessions and suspended requests; absent where clients get none. */
  readonly store: SessionStore | undefined;
  /** What other workers reply to. */
  readonly passing: Running<Exchange>;
  readonly checkParamHeaders: ParamHeaderCheck;
  readonly now: () => number;
}

/** Where a call comes from, beside its message. */
export interface CallSource {
  readonly admitted: Admitted;
  readonly remote?: string | undefined;
  /** Watches the request; undefined once its end was reported. */
  observed: RequestObservation | undefined;
}

/** Methods that not every client may call, or that the endpoint serves itself; every other is the router's. */
const lifecycle: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/** One request of a client: what all ways in have in common. */
export abstract class Call<Source extends CallSource = CallSource> implements ClientRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
  readonly client: Client;
  readonly headers: Admitted['headers'];
  readonly identity: Identity;
  readonly remote: string | undefined;
  readonly observed: RequestObservation | undefined;
  readonly signal: CancelSource;
  /** Whether it goes on until it is stopped. */
  readonly isSubscription: boolean;
  /** How it ended where no response is wanted any more. */
  abandoned: 'cancelled' | 'gone' | undefined;
  /** When it began, in looks of `LongCalls`. */
  begun: number;
  protected readonly source: Source;
  protected readonly deps: CallDeps;

  constructor(
    client: Client,
    { id, method, params }: Omit<RequestMessage, 'kind'>,
    source: Source,
    deps: CallDeps,
  ) {
    this.id = id;
    this.method = method;
    this.params = params;
    this.client = client;
    this.headers = source.admitted.headers;
    this.identity = source.admitted.identity;
    this.remote = source.remote;
    this.observed = source.observed;
    this.isSubscription = method === 'subscriptions/listen' && client.era === 'modern';
    this.signal = new CancelSource();
    this.abandoned = undefined;
    this.begun = 0;
    this.source = source;
    this.deps = deps;
  }

  get credentials(): Admitted['credentials'] {
    return this.source.admitted.credentials;
  }

  get credential(): Credential | undefined {
    return this.source.admitted.credential;
  }

  /** The id by which the log knows the request. */
  get requestId(): string {
    return this.source.admitted.requestId();
  }

  context(): unknown {
    return this.source.admitted.context();
  }

  /** Runs it to its response, and calls `over` when that is known. */
  async run(over: () => void, refused?: RpcError): Promise<void> {
    const { router, publicError } = this.deps;
    this.observed?.serves?.(this);
    let response: RpcResponse;
    try {
      if (refused) response = { error: refused };
      else response = await (lifecycle.has(this.method) ? this.#runLifecycle() : router.handle(this));
    } catch (thrown) {
      response = errorResponse(thrown);
    }
    // Where nobody waits for it, what failed was ended, and may say so in any words.
    if (publicError && 'error' in response && !this.signal.aborted)
      response = { error: publicError(response.error, this.requestId) };
    over();
    this.finish(response);
    reportEnd(this.source, { kind: 'served', response });
  }

  /** Methods of revisions with `initialize` are unknown to the others, whatever the router has. */
  async #runLifecycle(): Promise<RpcResponse> {
    const { method, client, signal } = this;
    const { router } = this.deps;
    const modern = client.era === 'modern';
    if (method !== (modern ? 'server/discover' : 'initialize')) {
      if (!modern) return method === 'ping' ? { result: {} } : router.handle(this);
      return { error: { code: codes.methodNotFound, message: `Method not found: ${method}` } };
    }
    const { capabilities, serverInfo, instructions } = await router.describe(client, signal.signal);
    const text = instructions === undefined ? {} : { instructions };
    if (!modern) return { result: { protocolVersion: client.revision, capabilities, serverInfo, ...text } };
    const result = {
      resultType: 'complete',
      supportedVersions: modernRevisions,
      capabilities,
      ...text,
      // What is offered changes as upstreams come and go, and is one caller's own.
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { [metaKeys.serverInfo]: serverInfo },
    };
    return { result };
  }

  /** Nobody waits for the response any more. `reason` is what the client has said, which goes on to whoever works on it. */
  abandon(how: 'cancelled' | 'gone', reason?: unknown): void {
    if (this.abandoned !== undefined) return;
    this.abandoned = how;
    this.signal.abort(typeof reason === 'string' ? reason : undefined);
  }

  /** It is to come to its end, and its response is still wanted: how a subscription ends in order. */
  stop(): void {
    this.signal.abort(undefined);
  }

  /** It goes on for long: what is on the way of its reply is to see that somebody is there. */
  keepAlive(): void {}

  /** What let the client in is over: what is still being sent on the strength of it ends. */
  credentialOver(): void {}

  abstract notify(method: string, params?: JsonObject): void;
  abstract ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse>;
  /** Sends the response, unless nobody waits for it. */
  abstract finish(response: RpcResponse): void;

  /** A notification on the way of the reply, as JSON: that of a subscription names the request that it belongs to. */
  protected notification(method: string, params: JsonObject | undefined): string {
    const named = this.isSubscription ? withMeta(params ?? {}, metaKeys.subscriptionId, this.id) : params;
    return notificationJson(method, named);
  }

  /** The response of a client that may be of either era, as JSON. */
  protected json(response: RpcResponse): string {
    const { id, client, deps, isSubscription } = this;
    const { server } = client;
    const serverInfo = (server !== undefined && deps.router.serverInfo?.(server)) || deps.serverInfo;
    return client.era === 'modern'
      ? modernJson(id, response, serverInfo, isSubscription ? id : undefined)
      : responseJson(id, response);
  }
}

/** A call over HTTP. */
export abstract class HttpCall extends Call<Exchange> {
  /** Whether its reply may be an event stream: what belongs to a reply that is JSON is not sent. */
  protected get mayStream(): boolean {
    return this.isSubscription || this.source.takesStreams;
  }

  /** The connection is closed: a request without a session ends with it (2026-07-28, Streamable HTTP, Cancellation). */
  closed(): void {
    if (!this.source.response.writableFinished) this.abandon('gone');
  }
}

/** Runs a call where there is room for it. */
export function runWithin(
  room: Running<Call>,
  call: HttpCall,
  exchange: Exchange,
  { long }: Pick<HttpDeps, 'long'>,
): Promise<void> | void {
  const principal = roomOf(call.client.identity);
  const full = room.full(principal);
  if (full === 'for-one') return exchange.refuseWith(TooManyCallsOfOne({ limit: room.limitForOne }));
  if (full) return exchange.refuseWith(TooManyCalls({ limit: room.limit }));
  exchange.response.once('close', call.closed.bind(call));
  call.begun = long.looks;
  return call.run(room.add(call, principal));
}

/** Whose share of a limit is taken: where nobody is known, everyone would share one. */
export function roomOf(identity: Identity): string | undefined {
  return identity.method === 'none' ? undefined : principalOf(identity);
}

/** What a client opens with; undefined where its `initialize` is not one. */
export function readInitialize(params: JsonObject, served?: readonly string[]): Envelope | undefined {
  const { protocolVersion: asked, capabilities, clientInfo: info } = params;
  if (typeof asked !== 'string' || !areFacts(capabilities) || !areFacts(info)) return undefined;
  return { revision: negotiate(asked, served), capabilities, info };
}

export const badInitialize: RpcError = {
  code: codes.invalidParams,
  message: 'Invalid params: initialize has to have protocolVersion, capabilities and clientInfo',
};
