import type { SallyError } from '../../errors.js';
import type { Answer, JsonObject } from '../../mcp/messages.js';
import type { Era } from '../../mcp/revisions.js';
import type { CallOptions, SessionWish } from '../upstream.js';

/** What the upstream said of itself in the handshake. */
export interface Facts {
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject;
  readonly instructions: string | undefined;
}

/** Where goes what belongs to no request. */
export type Listeners = Pick<SessionWish, 'onNotification' | 'onRequest'>;

/** One session with an upstream on the wire, or the stateless way to it. */
export interface Link {
  facts: Facts;
  listeners: Listeners;
  /** Whether it has ended by itself. */
  readonly over: boolean;
  /** `capabilities` count where each request says them: in the modern era. */
  request(
    method: string,
    params: JsonObject | undefined,
    options: CallOptions,
    capabilities: JsonObject,
  ): Promise<Answer>;
  notify(method: string, params?: JsonObject): Promise<void>;
  /** Called once, when the link has ended by itself: nothing can be asked over it any more. */
  onEnd: (reason: SallyError) => void;
  /** Called where the session began anew over the same link: the upstream has forgotten what it held. */
  onRenew: () => void;
  close(): Promise<void>;
}

/** How sessions with one upstream are opened: over HTTP, or with a child process. */
export interface Transport {
  /** Finds out which era the upstream speaks, `known` being the verdict of an earlier time, and opens the first link. */
  contact(known: Era | undefined, signal: AbortSignal): Promise<Link>;
  /** A further session of the legacy era. */
  open(capabilities: JsonObject, signal: AbortSignal): Promise<Link>;
  /** Called where the upstream should be looked at again: its session was lost, its stream broke. */
  onDoubt: (reason: SallyError) => void;
  /** Called where a session began anew: the upstream may have become another. */
  onRenewed: () => void;
  close(): Promise<void>;
}
