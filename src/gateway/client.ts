import type { Cancellation } from '../cancel.js';
import type { PluginRequest } from '../manager/index.js';
import type { Answer, JsonObject, RequestId } from '../mcp/messages.js';
import type { Era } from '../mcp/revisions.js';
import type { CertificateName } from '../tls/index.js';

/** Who a client is, as authentication found out. */
export interface Identity {
  /** Null where nobody was asked (`auth: none`). */
  readonly user: string | null;
  readonly tenant: string | null;
  readonly method: 'none' | 'bearer' | 'jwt' | 'mtls' | 'plugin';
  /** The kind of name of a certificate that `user` is; absent where the configuration says who it is. */
  readonly nameKind?: CertificateName['kind'];
  /** What a plugin's `http_auth_resolve_user` answered: plugins see it as `user`. */
  readonly record?: JsonObject;
}

/**
 * Identities that are alike share what is kept for them upstream; others never do. The kind of a name belongs to it: a CN
 * may have any text, that of another's URI too.
 */
export function principalOf(identity: Identity): string {
  const { method, tenant, user, nameKind } = identity;
  return JSON.stringify([method, tenant, user, nameKind]);
}

/** The other end downstream: a session, the one client of stdio, or what a stateless request says of its sender. */
export interface Client {
  /** A session's own key; stateless clients of one principal and one set of capabilities have the same. */
  readonly key: string;
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly identity: Identity;
  /**
   * Sends a notification that belongs to no request: on the session's GET stream, or on stdio. A stateless client has
   * no such way and gets its changes as the notifications of a `subscriptions/listen` request.
   */
  notify(method: string, params?: JsonObject): void;
  /** Asks a session client something that belongs to none of its requests. Rejects with a SallyError. */
  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer>;
}

/** What the access log says of a request beside who and how long. */
export interface Trace {
  /** The upstream that the request went to. */
  upstream?: string;
  /** The tool, prompt or resource by the upstream's own name. */
  target?: string;
  readonly plugins: {
    readonly plugin: string;
    readonly hook: string;
    readonly decision: string;
    readonly ms: number;
  }[];
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
  /** The address that an HTTP request came from; absent on stdio. */
  readonly remote?: string;
  /** Aborted where the client gave the request up, its connection or session ended, or its time is over. */
  readonly signal: Cancellation;
  readonly trace: Trace;
  /** The plugins' view of this request, made when it is first asked for: the `http_*` hooks have used it before. */
  plugins(): PluginRequest;
  /** Sends a notification on the way of this request's reply, before it. */
  notify(method: string, params?: JsonObject): void;
  /** Asks the client, on the way of this request's reply. Only session clients can be asked; rejects with a SallyError. */
  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer>;
}

/** What the legs downstream need to know of the whole: every method but the lifecycle goes to `handle`. */
export interface Router {
  /** What the gateway offers this client: the answer to `initialize` and `server/discover`. */
  describe(
    client: Pick<Client, 'era' | 'capabilities' | 'identity'>,
    signal: AbortSignal,
  ): Promise<{
    readonly capabilities: JsonObject;
    readonly serverInfo: JsonObject;
    readonly instructions?: string;
  }>;
  /**
   * Never rejects: what went wrong is the answer. `subscriptions/listen` first notifies
   * `notifications/subscriptions/acknowledged` with what it honours, and answers when its signal is aborted; the leg
   * puts the subscription's id into each of its notifications.
   */
  handle(request: ClientRequest): Promise<Answer>;
  /**
   * The input schema of a tool, by the name that this client knows it by, where it is known without asking an
   * upstream: `Mcp-Param-*` headers are checked against it. The same object each time, until the tool changes.
   */
  inputSchema?(client: Client, tool: string): JsonObject | undefined;
  /** A notification of the client that is not about one of its requests, such as `notifications/roots/list_changed`. */
  notified(client: Client, method: string, params: JsonObject | undefined): void;
  /** A session has ended: nothing is kept for it any more. */
  ended(client: Client): Promise<void>;
}
