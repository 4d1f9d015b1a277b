import { proxyName, type UpstreamSettings, upstreamProxy } from '../../config/index.js';
import { UpstreamProtocol, UpstreamStatus } from '../../errors.js';
import type { Logger } from '../../log.js';
import { httpTransport } from '../../mcp/client/http.js';
import type { Authorization, ClientContext, ClientPace, Transport } from '../../mcp/client/session.js';
import { stdioTransport } from '../../mcp/client/stdio.js';
import type { TokenVault } from '../../oauth/index.js';
import type { Observer } from '../../telemetry/index.js';
import { anyPeer, type CredentialStore, createCredentialStore } from '../../tls/index.js';
import type { Identity } from '../client.js';
import type { ConsentDesk } from '../consent.js';
import { upstreamErrors } from './errors.js';
import type { TokenMetrics } from './token-metrics.js';

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
export interface UpstreamPace extends ClientPace {
  /** How long the era of an upstream is remembered. */
  readonly verdict: number;
  /** A shared session that nobody uses ends after this. */
  readonly idle: number;
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

/** The tokens that callers came with: a token for the upstream is made of that of the caller. */
export interface Callers {
  /** That of the request which was let in as `identity`; without it the last one of the principal. */
  of(
    principal: string,
    identity?: Identity,
  ): { readonly token: string; readonly end?: number | undefined } | undefined;
}

/** How users are asked for their consent, and where it is kept. */
export interface Consent {
  readonly vault: TokenVault;
  readonly desk: ConsentDesk;
}

/** What an upstream is opened with. */
export interface UpstreamDeps {
  readonly log: Logger;
  /** Of this program, as upstreams are told. */
  readonly version: string;
  /** Where certificates are held. Default: a store of its own. */
  readonly credentials?: CredentialStore;
  readonly observer?: Observer | undefined;
  readonly limits?: Partial<UpstreamLimits>;
  readonly pace?: Partial<UpstreamPace>;
  /** Absent where no caller has a token that counts here. */
  readonly callers?: Callers | undefined;
  /** Where users consent, and what they have consented to; absent where no upstream asks them. */
  readonly consent?: Consent | undefined;
  /** Counts the requests for tokens of upstreams. */
  readonly tokenMetrics?: TokenMetrics | undefined;
}

/** The same, complete, with what every part of one upstream says of it. */
export interface UpstreamContext extends ClientContext {
  readonly upstream: string;
  /** The proxy that it is reached through, as the log names it. */
  readonly proxy: string | undefined;
  readonly credentials: CredentialStore;
  readonly observer: Observer | undefined;
  readonly limits: UpstreamLimits & ClientContext['limits'];
  readonly pace: UpstreamPace;
}

export function upstreamContext(settings: UpstreamSettings, deps: UpstreamDeps): UpstreamContext {
  const { name, transport, timeoutMs, maxTotalTimeoutMs: totalMs } = settings;
  const proxy = transport === 'http' ? upstreamProxy(settings) : undefined;
  const sessions = transport === 'stdio' ? maxChildren : defaultLimits.sessions;
  const limits = { ...defaultLimits, sessions, ...deps.limits };
  return {
    upstream: name,
    proxy: proxy && proxyName(proxy),
    about: { upstream: name },
    who: 'the upstream',
    times: {
      silent: { ms: timeoutMs, setting: 'timeout' },
      ...(totalMs !== undefined && { total: { ms: totalMs, setting: 'max_total_timeout' } }),
    },
    log: deps.log,
    errors:
      transport === 'http'
        ? upstreamErrors(name, settings.url, settings.tls?.caBundle !== undefined)
        : upstreamErrors(name),
    client: { name: 'sallyport', version: deps.version },
    credentials: deps.credentials ?? createCredentialStore({ log: deps.log }),
    observer: deps.observer,
    limits: { ...limits, unreadBytes: limits.messageBytes },
    pace: { ...defaultPace, ...deps.pace },
  };
}

/** Redirects that are followed: Python servers give one from `/mcp` to `/mcp/` or back. */
const maxRedirects = 3;

/** `authorization`: what each request over HTTP shows. */
export function transportOf(
  settings: UpstreamSettings,
  context: UpstreamContext,
  authorization?: Authorization,
): Transport {
  if (settings.transport === 'stdio') return stdioTransport(settings, context);
  const { url, uds, headers, tls, type } = settings;
  const never = Number.POSITIVE_INFINITY;
  const target = {
    url,
    socketPath: uds,
    proxy: upstreamProxy(settings),
    peer: `the upstream ${uds === undefined ? url.origin : `at ${uds}`}`,
    headers,
    authorization,
    tls,
    server: tls && { ...anyPeer, pins: tls.pins },
    credentials: context.credentials,
    observer: context.observer,
    maxConnections: never,
    // Every wait has a deadline of its own, which progress starts anew.
    longestMs: never,
    retiredMs: context.times.silent.ms,
    maxRedirects,
    sse: type && ({ http: 'never', sse: 'only' } as const)[type],
    refusedAfterMs: never,
  };
  return httpTransport(target, context, (error) => {
    const refused = UpstreamStatus.is(error) && error.context.status >= 400 && error.context.status < 500;
    return refused || UpstreamProtocol.is(error);
  });
}
