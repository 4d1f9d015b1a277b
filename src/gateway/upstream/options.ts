import type { UpstreamSettings } from '../../config/index.js';
import { messageOf, UpstreamJson, UpstreamReplyTooLarge } from '../../errors.js';
import type { Logger } from '../../log.js';
import { messagesOf, type PeerMessage } from '../../mcp/messages.js';
import type { CredentialStore, TlsMetrics } from '../../tls/index.js';

/** What one upstream may take up. */
export interface UpstreamLimits {
  /** Requests in flight at once; more wait. */
  readonly inFlight: number;
  /** Requests that wait; more are refused. */
  readonly queue: number;
  /** Sessions: over HTTP as many MCP sessions, on stdio as many child processes. */
  readonly sessions: number;
  /** Sessions among which the calls of stateless clients that can be asked things are spread. */
  readonly pool: number;
  /** One message of the upstream, in bytes. */
  readonly messageBytes: number;
}

/** Durations, in milliseconds. */
export interface UpstreamPace {
  /** Before the first attempt to reach an upstream again, and at most; doubled in between. */
  readonly retryFirst: number;
  readonly retryMost: number;
  /** For the handshake, in which a child may first have to be installed. */
  readonly handshake: number;
  /** For a child's answer to `server/discover`: some never answer what comes before `initialize`. */
  readonly probe: number;
  /** How long the era of an upstream is remembered. */
  readonly verdict: number;
  /** A shared session that nobody uses ends after this. */
  readonly idle: number;
  /** For what an upstream asks a client: there may be a human behind it. */
  readonly ask: number;
  /** For each of the steps by which a child is ended: closed input, SIGTERM. */
  readonly grace: number;
}

const defaultLimits: UpstreamLimits = {
  inFlight: 256,
  queue: 256,
  sessions: 1_000,
  pool: 8,
  messageBytes: 64 * 1024 * 1024,
};

/** Children take up more than sessions over HTTP do. */
const maxChildren = 64;

export function limitsOf(
  transport: UpstreamSettings['transport'],
  given: Partial<UpstreamLimits> | undefined,
): UpstreamLimits {
  const sessions = transport === 'stdio' ? maxChildren : defaultLimits.sessions;
  return { ...defaultLimits, sessions, ...given };
}

export const defaultPace: UpstreamPace = {
  retryFirst: 250,
  retryMost: 30_000,
  handshake: 60_000,
  probe: 10_000,
  verdict: 3_600_000,
  idle: 600_000,
  ask: 600_000,
  grace: 1_000,
};

/** What an upstream is opened with. */
export interface UpstreamDeps {
  readonly log: Logger;
  /** Of this program, as upstreams are told. */
  readonly version: string;
  /** Where certificates are held. Default: a store of its own. */
  readonly credentials?: CredentialStore;
  readonly metrics?: TlsMetrics;
  readonly limits?: Partial<UpstreamLimits>;
  readonly pace?: Partial<UpstreamPace>;
  readonly now?: () => number;
  /** From 0 to 1: spreads the attempts of several gateways to reach one upstream again. */
  readonly random?: () => number;
}

/** The same, complete, with what every part of one upstream says of it. */
export interface UpstreamContext {
  readonly upstream: string;
  readonly timeoutMs: number;
  readonly log: Logger;
  readonly client: { readonly name: string; readonly version: string };
  readonly credentials: CredentialStore;
  readonly metrics: TlsMetrics | undefined;
  readonly limits: UpstreamLimits;
  readonly pace: UpstreamPace;
  readonly now: () => number;
  readonly random: () => number;
}

/** The messages of a body, event or line. Throws a SallyError for JSON that is not taken. */
export function messagesFrom(text: string, upstream: string): readonly PeerMessage[] | undefined {
  try {
    return messagesOf(text);
  } catch (error) {
    throw UpstreamJson({ upstream, reason: messageOf(error) }, error);
  }
}

/** How much of a stream is held for one event. */
export const eventLimit = ({ upstream, limits }: Pick<UpstreamContext, 'upstream' | 'limits'>) => ({
  bytes: limits.messageBytes,
  tooLarge: () => UpstreamReplyTooLarge({ upstream, limit: limits.messageBytes }),
});
