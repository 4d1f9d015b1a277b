import type { Cancellation } from '../cancel.js';
import type { UpstreamSettings } from '../config/index.js';
import { writeJson } from '../json/index.js';
import type { Facts, OnRequest, RequestOptions } from '../mcp/client/session.js';
import type { JsonObject, RpcResponse } from '../mcp/messages.js';
import type { Era } from '../mcp/revisions.js';
import type { Identity } from '../mcp/router.js';

/** An MCP session with an upstream, or a stateless connection to it, in the upstream's own era. */
export interface UpstreamSession {
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject;
  readonly instructions: string | undefined;
  /** Whether its upstream may ask the client that makes a request over it: nobody is asked over one that several share. */
  readonly asks: boolean;
  /**
   * One request, with `params` as the upstream's era has them but for the progress token, the
   * envelope and the headers, which are made here. The response is the upstream's, as it came.
   *
   * Rejects with a SallyError that names the upstream where none came: down, lost in the call, too late, cancelled.
   */
  request(method: string, params: JsonObject | undefined, options: RequestOptions): Promise<RpcResponse>;
  notify(method: string, params?: JsonObject): Promise<void>;
}

/** Whose session is wanted. */
export interface SessionRequest {
  readonly principal: string;
  /** What the client can be asked: its capabilities go to the upstream as they are, unless `asks` is false. */
  readonly capabilities: JsonObject;
  /** The key of the client that it is for; what is kept under it ends with `release`. */
  readonly client: string;
  /**
   * Whether the session must be the client's own: an upstream may ask it things (sampling, elicitation, roots), and on
   * stdio nothing else says whom. Otherwise it is shared by all clients of this principal.
   */
  readonly own: boolean;
  /** False: over a session of the legacy era the upstream is offered no capabilities, and can ask nobody. Absent: true. */
  readonly asks?: boolean;
  /** Whether it is the gateway's own, which gives its session back with `release`: the first client gets it. */
  readonly lent?: true;
  /** Who opens it, where headers are to say so. */
  readonly identity?: Identity;
  /** What the upstream says outside any request. All who share the session hear it. */
  readonly onNotification?: (method: string, params: JsonObject | undefined) => void;
  /** What the upstream asks outside any request. Only of an own session. */
  readonly onRequest?: OnRequest;
}

/**
 * Requests with the same key get the same session of the legacy era. What is kept of an upstream's answers is kept by it too: in
 * the modern era each request says what its sender can be asked.
 */
export function sharingKey(request: SessionRequest, era: Era = 'legacy'): string {
  const { own, client, principal, capabilities, asks } = request;
  if (own) return `own ${client}`;
  const offered = asks === false && era === 'legacy' ? 'nothing' : writeJson(capabilities);
  return `shared ${principal} ${offered}`;
}

export type UpstreamState =
  | { readonly kind: 'connecting' }
  /** Where each user has sessions of its own, what it speaks is not known of the whole. */
  | { readonly kind: 'up'; readonly era?: Era; readonly revision?: string }
  | { readonly kind: 'down'; readonly reason: string; readonly code: string; readonly remedy: string };

/** What an upstream has to do now. */
export interface UpstreamLoad {
  /** Requests that it has not answered. */
  readonly running: number;
  /** Requests that wait to be sent. */
  readonly waiting: number;
  /** Connections to it, or child processes. */
  readonly connections: number;
}

/** One upstream MCP server: a child process or a URL, held up by backoff and restarts. */
export interface Upstream {
  readonly name: string;
  readonly settings: UpstreamSettings;
  readonly state: UpstreamState;
  readonly load: UpstreamLoad;
  /** Since when it is in this state, as `performance.now()` has it. */
  readonly since: number;
  /** What it said of itself when it was last reached, to nobody in particular; undefined where it never was. */
  readonly facts: Facts | undefined;
  /** Hears of every change of `state`; returns a disposer. */
  onState(listener: (state: UpstreamState) => void): () => void;
  /** Waits for the first contact, good or bad, for at most as long as the signal lets it. */
  settled(signal: AbortSignal): Promise<void>;
  /** The session for `request`, opened where there is none yet; one client gets the same one each time. Rejects while down. `asker`: as whom the request was let in that needs it. */
  session(request: SessionRequest, signal: Cancellation, asker?: Identity): Promise<UpstreamSession>;
  /**
   * What can be found out of one of which each user has sessions of its own, without a token of any. Absent: a session
   * says more.
   */
  look?(signal: AbortSignal): Promise<string>;
  /** A client is gone: its own session ends, its listeners on a shared one are dropped. */
  release(client: string): Promise<void>;
  close(): Promise<void>;
}
