import type { Cancellation } from '../../cancel.js';
import type { SallyError } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { CallObserver } from '../../telemetry/index.js';
import type { JsonObject, RpcResponse } from '../messages.js';
import type { Era } from '../revisions.js';
import type { ClientRequest, Identity } from '../router.js';
import type { TimeLimit, TimeLimits } from './deadline.js';

/** Answers a request of the server. */
export type OnRequest = (
  method: string,
  params: JsonObject | undefined,
  signal: AbortSignal,
) => Promise<RpcResponse>;

/** How one request is made. */
export interface RequestOptions {
  /** Aborting it cancels the request at the server too. */
  readonly signal: Cancellation;
  /** HTTP headers beside the configured ones: lower-case names, none of the connection or of MCP. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How long it may take without a sign of life, in place of what the server has for all. */
  readonly time?: TimeLimit | undefined;
  /** Whose request it is, where headers are to say so. */
  readonly from?: Pick<ClientRequest, 'headers' | 'identity' | 'remote' | 'credentials'> | undefined;
  /** Where whoever passes the request on to a session reports it. */
  readonly observed?: CallObserver | undefined;
  /** Told the id of the request; again where it is made anew. */
  readonly onSent?: ((id: number) => void) | undefined;
  /** A notification about this request: progress (with the caller's own token again), and logging where it is known to belong to it. */
  readonly onNotification?: (method: string, params: JsonObject | undefined) => void;
  /** A request of the server within this one (sampling, elicitation, roots). Without it the server is told that there is no such method. */
  readonly onRequest?: OnRequest;
}

/** What the server said of itself in the handshake. */
export interface Facts {
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject;
  readonly instructions: string | undefined;
}

/** Where goes what belongs to no request. */
export interface Listeners {
  readonly onNotification?: (method: string, params: JsonObject | undefined) => void;
  readonly onRequest?: OnRequest;
}

/** One session with an MCP server on the wire, or in the modern era the stateless way to it. */
export interface ClientSession {
  facts: Facts;
  listeners: Listeners;
  /** Whether it has ended by itself. */
  readonly over: boolean;
  /**
   * One request, with `params` as the server's era has them, but for the progress token, the envelope and the headers, which
   * are made here. `capabilities` count where each request says them: in the modern era. Rejects with an error of
   * `PeerErrors` where no reply came.
   */
  request(
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
    capabilities: JsonObject,
  ): Promise<RpcResponse>;
  /**
   * `tools/call`, with arguments that are an object written as JSON: they are not read again, and may be sent once more.
   * Over stdio `headers` go in `_meta`.
   */
  callTool(tool: string, args: string, options: RequestOptions): Promise<RpcResponse>;
  notify(method: string, params?: JsonObject): Promise<void>;
  /** Called once, when the session has ended by itself: nothing can be asked over it any more. */
  onEnd: (reason: SallyError) => void;
  /** Called where the session began anew: the server has forgotten what it held. */
  onRenew: () => void;
  close(): Promise<void>;
}

/** A reply with which a server refuses the credentials of a request. */
export interface AuthorizationRefusal {
  readonly status: 401 | 403;
  /** The value that was sent; undefined where none was. */
  readonly value: string | undefined;
  /** The `WWW-Authenticate` header as it came; empty where there is none. */
  readonly challenge: string;
  /** How often this request has been refused before. */
  readonly before: number;
  readonly asker: Asker;
}

/** As whom the request was let in that credentials are for; undefined where it is nobody's. */
export type Asker = Identity | undefined;

/** Credentials that end and are made anew: the `Authorization` header of each request to one server. */
export interface Authorization {
  /** The header's value for the next request, at once where it is known; undefined where it goes without one. */
  value(signal: Cancellation, asker: Asker): string | undefined | Promise<string | undefined>;
  /**
   * The value with which a request that was refused is sent once more: it was not carried out. Undefined where the reply
   * stands; rejects where something else is the matter.
   */
  refused(refusal: AuthorizationRefusal, signal: Cancellation): Promise<string | undefined>;
}

/** How sessions with one server are opened: over HTTP or a Unix domain socket, or with a child process. */
export interface Transport {
  /** Finds out which era the server speaks, `known` being what was found before, and opens the first session. */
  contact(known: Era | undefined, signal: AbortSignal): Promise<ClientSession>;
  /** A further session of the legacy era. `headers` go with what belongs to the session, and to none of the calls over it. */
  open(
    capabilities: JsonObject,
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): Promise<ClientSession>;
  /** Called where the server should be looked at again: its session was lost, its stream broke. */
  onDoubt: (reason: SallyError) => void;
  /** Called where a session began anew: the server may have become another. */
  onRenewed: () => void;
  /** How many connections, or child processes, there are. */
  readonly connections: number;
  close(): Promise<void>;
}

/** What a client says of a server that fails it: an upstream and a plugin server have errors of their own for it. */
export interface PeerErrors {
  /** `setting` is the one that has ended it; absent where the time is none of a setting. */
  timeout(method: string, seconds: number, setting?: string | undefined): SallyError;
  cancelled(method: string): SallyError;
  /** What came in place of a reply. */
  replyId(method: string, seen: string, id: number): SallyError;
  /** A reply that is none, in place of that to request `id`. */
  unusable(
    method: string,
    detail: string,
    seen: { readonly id?: number; readonly text?: string },
  ): SallyError;
  /** What it says of itself in the handshake cannot be used. */
  protocol(detail: string): SallyError;
  json(refusal: SallyError): SallyError;
  tooLarge(limit: number): SallyError;
  lost(method: string, detail: string): SallyError;
  status(reply: { method: string; status: number; text: string; challenge: string | undefined }): SallyError;
  busy(what: string, limit: number): SallyError;
  /** A child process has ended. */
  ended(how: string): SallyError;
  notStarted(command: string, error: unknown): SallyError;
  /** What a connection rejected with. */
  explain(error: unknown, method: string): SallyError;
}

/** Durations, in milliseconds. */
export interface ClientPace {
  /** Before the first attempt to reach a server again, and at most; doubled in between. */
  readonly retryFirst: number;
  readonly retryMost: number;
  /** For the handshake, in which a child may first have to be installed. */
  readonly handshake: number;
  /** For a child's response to `server/discover`: some never answer what comes before `initialize`. */
  readonly probe: number;
  /** For what a server asks a client: there may be a human behind it. */
  readonly ask: number;
  /** For each of the steps by which a child is ended: closed input, SIGTERM. */
  readonly grace: number;
}

/** What every part of a client knows of its server. */
export interface ClientContext {
  /** How this side introduces itself. */
  readonly client: { readonly name: string; readonly version: string };
  /** The server as log lines have it: a field, and in words. */
  readonly about: Readonly<Record<string, string>>;
  readonly who: string;
  /** One message of it, as errors about its JSON name it. Default: the message. */
  readonly message?: string;
  readonly log: Logger;
  readonly errors: PeerErrors;
  /** For a request without a reply. */
  readonly times: TimeLimits;
  readonly limits: {
    /** One message of the server, in bytes. */
    readonly messageBytes: number;
    /** What may wait for a child that does not read, in bytes. */
    readonly unreadBytes: number;
  };
  readonly pace: ClientPace;
  /**
   * Only calls go over its sessions: no stream is opened for what belongs to no request, and neither the end of a call nor
   * that of a session is said. Each call has a deadline of its caller's; an error of the protocol comes with status 200.
   */
  readonly callsOnly?: boolean;
}
