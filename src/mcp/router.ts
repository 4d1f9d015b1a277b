import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Cancellation } from '../cancel.js';
import type { Reply, RequestHead } from '../http/index.js';
import type { RequestObservation } from '../telemetry/index.js';
import type { CertificateName } from '../tls/index.js';
import type { JsonObject, RequestId, RpcResponse } from './messages.js';
import type { Era } from './revisions.js';

/** Who a client is, as authentication found out. */
export interface Identity {
  /** Null where nobody was asked (`auth: none`). */
  readonly user: string | null;
  readonly tenant: string | null;
  readonly method: 'none' | 'bearer' | 'jwt' | 'mtls' | 'plugin';
  /** The kind of name of a certificate that `user` is; absent where the configuration says who it is. */
  readonly nameKind?: CertificateName['kind'];
  /** What a plugin's `http_auth_resolve_user` returned: plugins see it as `user`. */
  readonly record?: JsonObject;
  /** The groups that it is in, as its token, its certificate's entry or a plugin says; absent where nothing does. */
  readonly groups?: readonly string[];
  /** All claims of its token, where rules may read them; absent where none do. */
  readonly token?: JsonObject;
  /** The claims of its token that headers are made of, by name; absent where none are. */
  readonly claims?: Readonly<Record<string, string>>;
  /** The virtual servers that it is bound to; absent where it may go anywhere. */
  readonly servers?: readonly string[] | undefined;
}

/**
 * Identities that are alike share what is kept for them upstream; others never do. The kind of a name belongs to it: a CN
 * may have any text, that of another's URI too.
 */
export function principalOf(identity: Identity): string {
  const { method, tenant, user, nameKind } = identity;
  return JSON.stringify([method, tenant, user, nameKind]);
}

/** The other end: a session, the one client of stdio, or what a stateless request says of its sender. */
export interface Client {
  /** A session's own key; stateless clients of one principal and one set of capabilities have the same. */
  readonly key: string;
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly identity: Identity;
  /** The virtual server that it came to, by name; absent at `/mcp`. */
  readonly server?: string | undefined;
  /** Whether it has this process for itself: the one that launched it, over stdio. */
  readonly alone?: boolean;
  /**
   * Sends a notification that belongs to no request: on the session's GET stream, or on stdio. A stateless client has
   * no such way and gets its changes as the notifications of a `subscriptions/listen` request.
   */
  notify(method: string, params?: JsonObject): void;
  /** Asks a session client something that belongs to none of its requests. Rejects with a SallyError. */
  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse>;
}

/** One request of a client, whatever era it speaks and whichever way it came. */
export interface ClientRequest {
  readonly client: Client;
  /** The client's own id of it: the notifications of a `subscriptions/listen` request carry it. */
  readonly id?: RequestId;
  readonly method: string;
  /** As they came, `_meta` included. */
  readonly params: JsonObject;
  /** Headers of the HTTP request in lower case, without credentials and those of the connection; empty on stdio. */
  readonly headers: Readonly<Record<string, string>>;
  /** As whom this request was let in: the claims of its token may be others than when its session began. */
  readonly identity: Identity;
  /** Credentials that came with it, of those that some upstream is to have; absent where none are. */
  readonly credentials?: Readonly<Record<string, string>> | undefined;
  /** The address that an HTTP request came from; absent on stdio. */
  readonly remote?: string | undefined;
  /** Aborted where the client gave the request up, its connection or session ended, or its time is over. */
  readonly signal: Cancellation;
  /** Where calls that are made for it are reported; absent where nobody watches. */
  readonly observed?: RequestObservation | undefined;
  /** What the program keeps for this request, as whoever admitted it made it. */
  context(): unknown;
  /** Sends a notification on the way of this request's reply, before it. */
  notify(method: string, params?: JsonObject): void;
  /** Asks the client, on the way of this request's reply. Only session clients can be asked; rejects with a SallyError. */
  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse>;
}

/** What a server offers a client: the result of `initialize` and `server/discover`. */
export interface Offer {
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject;
  readonly instructions?: string;
}

/** What stands behind an endpoint: every method but those of the lifecycle goes to `handle`. */
export interface Router {
  describe(
    client: Pick<Client, 'era' | 'capabilities' | 'identity' | 'server'>,
    signal: AbortSignal,
  ): Promise<Offer> | Offer;
  /** Who it says it is at a virtual server, as clients of 2026-07-28 are told; absent where there are none. */
  serverInfo?(server: string): JsonObject | undefined;
  /**
   * What it rejects with is an error response. `subscriptions/listen` first notifies
   * `notifications/subscriptions/acknowledged` with what it honours, and resolves when its signal is aborted; the
   * endpoint puts the subscription's id into each of its notifications.
   */
  handle(request: ClientRequest): Promise<RpcResponse> | RpcResponse;
  /**
   * The input schema of a tool, by the name that this client knows it by, where it is known without asking an
   * upstream: `Mcp-Param-*` headers are checked against it. The same object each time, until the tool changes.
   */
  inputSchema?(client: Client, tool: string): JsonObject | undefined;
  /** The id under which a request with these params of a stateless client is suspended: its holder goes on with it. */
  suspendedId?(params: JsonObject): string | undefined;
  /** A notification of the client that is not about one of its requests, such as `notifications/roots/list_changed`. */
  notified(client: Client, method: string, params: JsonObject | undefined): void;
  /** A session has ended: nothing is kept for it any more. */
  ended(client: Client): Promise<void>;
}

/** What let a client in. What is kept open on its strength ends once it is over. */
export interface Credential {
  /** Whether it lets nobody in any more. */
  readonly over: boolean;
  readonly shown: { readonly authorization?: string | undefined };
}

/** A request that may go on. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly identity: Identity;
  /** What let it in; absent where nobody can say when that ends. */
  readonly credential?: Credential | undefined;
  /** The headers that the router may see, in lower case: without credentials and those of the connection. */
  readonly headers: Readonly<Record<string, string>>;
  /** Credentials that came with the request, of those that the program passes on by name. */
  readonly credentials?: Readonly<Record<string, string>> | undefined;
  /** The id by which the log knows the request. */
  requestId(): string;
  /** What the program keeps for this request, made when it is first asked for. */
  context(): unknown;
  /** What another worker gets to serve it, as JSON: the headers as they came, without credentials, and who the client is. */
  handover?(): { readonly headers: Readonly<Record<string, string>>; readonly client: unknown };
  /** The headers of the reply as they leave, asked before they are sent. Absent where they leave as they are. Never rejects. */
  readonly replyHeaders?: (
    status: number,
    headers: Readonly<Record<string, string>>,
  ) => Promise<Readonly<Record<string, string>>>;
}

/** A client where nobody is asked who it is. */
export const anyone: Admitted = {
  kind: 'admitted',
  identity: { user: null, tenant: null, method: 'none' },
  headers: {},
  requestId: randomUUID,
  context: () => undefined,
};

/** An HTTP request that ends here, with this reply: a JSON body. */
export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/** Who comes in. Asked of every request over HTTP, of any method, once Host and Origin have been looked at. */
export interface Authentication {
  /**
   * Decides from the head of a request, before its body is read; `server` is the virtual server that it came to. Never rejects: what
   * went wrong is a refusal.
   */
  authenticate(
    request: RequestHead,
    response: Reply,
    signal: Cancellation,
    observed?: RequestObservation,
    server?: string,
  ): Promise<Admitted | Refused>;
  /** Takes over a request that another worker has let in, by the `client` of its `handover`. */
  admitForwarded?(client: unknown, response: Reply): Admitted;
  /** Told of the connection of a client that has shown who it is, before its request is read. */
  known?(socket: Socket): void;
  /** Finds out which credentials are over, of those that may have ended since they were judged. Absent: they do not end. */
  recheck?(credentials: () => Iterable<Credential>): Promise<void>;
}
