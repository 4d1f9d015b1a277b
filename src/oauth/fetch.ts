import type { Socket } from 'node:net';
import type { Agent } from 'undici';
import { type ClientTlsSettings, noProxies, type ProxyRules, proxyFor, proxyName } from '../config/index.js';
import { messageWithCauses } from '../errors.js';
import { parseJson } from '../json/index.js';
import type { Logger } from '../log.js';
import type { Observer } from '../telemetry/index.js';
import { createConnector } from '../tls/connector.js';
import type { CredentialStore } from '../tls/index.js';
import { createProxiedConnector } from '../tls/proxied.js';
import { signalWithin } from '../wait.js';
import type { Reach } from './reach.js';

/** What a request is made with. */
export interface FetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams | Uint8Array | null | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/** Requests to authorization servers, and for the metadata of a resource. */
export interface OauthFetch {
  /** Rejects with a SallyError where this is not asked, and with what the connection failed with. */
  fetch(url: string, init: FetchInit): Promise<Response>;
  close(): Promise<void>;
}

interface FetchOptions {
  readonly reach: Reach;
  /** The upstream: its own TLS and socket are used for what lies at its origin. */
  readonly upstream: {
    readonly url: URL;
    readonly uds?: string | undefined;
    readonly tls?: ClientTlsSettings | undefined;
  };
  /** TLS towards everybody else; absent: the roots of the system verify them. */
  readonly tls?: ClientTlsSettings | undefined;
  readonly proxies?: ProxyRules | undefined;
  readonly credentials: CredentialStore;
  readonly observer?: Observer | undefined;
  readonly log: Logger;
}

/** Metadata and tokens are some kilobytes, in bytes. */
const maxBytes = 262_144;
/** For one request and its reply, in milliseconds. */
const requestMs = 10_000;
const redirecting: readonly number[] = [301, 302, 303, 307, 308];
/** Redirects of metadata that are followed, each looked at as the first URL is; those of anything else are not. */
const maxRedirects = 3;
/** Origins to which connections are kept. */
const maxOrigins = 16;

/** Every reply is bounded, and each URL and each address that is connected to was looked at by `reach`. */
export function openOauthFetch(options: FetchOptions): OauthFetch {
  const { reach } = options;
  const agents = new Map<string, Promise<Connection>>();

  const connectionTo = (url: URL): Promise<Connection> => {
    const known = agents.get(url.origin);
    if (known) return known;
    const [oldest] = agents.keys();
    if (agents.size >= maxOrigins && oldest !== undefined) {
      void agents.get(oldest)?.then(({ close }) => close());
      agents.delete(oldest);
    }
    const made = connect(url, options);
    agents.set(url.origin, made);
    made.catch(() => agents.delete(url.origin));
    return made;
  };

  const ask = async (url: URL, init: FetchInit, redirects: number): Promise<Response> => {
    reach.check(url);
    const { agent } = await connectionTo(url);
    const { signal, ...rest } = init;
    const { fetch } = await import('undici');
    const reply = await fetch(url.href, {
      ...(rest as object),
      redirect: 'manual',
      dispatcher: agent,
      signal: signalWithin(requestMs, signal ?? undefined),
    }).catch((error: Error) => {
      throw error.cause ?? error;
    });
    // A 201 may have a Location too, of what was made (RFC 9110 section 15.3.2).
    const location = redirecting.includes(reply.status) ? reply.headers.get('location') : null;
    if (location !== null) {
      void reply.body?.cancel();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next && (init.method ?? 'GET') === 'GET' && redirects < maxRedirects)
        return ask(next, init, redirects + 1);
    }
    const text = location === null ? await reply.text() : '';
    const type = reply.headers.get('content-type') ?? '';
    if (text !== '' && /\bjson\b/i.test(type)) parseJson(text, { what: `the reply of ${url.origin}` });
    return new Response(text || null, { status: reply.status, headers: [...reply.headers] });
  };

  return {
    fetch: (url, init) => ask(new URL(url), init, 0),
    async close() {
      const open = [...agents.values()];
      agents.clear();
      await Promise.allSettled(open.map(async (one) => (await one).close()));
    },
  };
}

interface Connection {
  readonly agent: Agent;
  close(): Promise<void>;
}

async function connect(url: URL, options: FetchOptions): Promise<Connection> {
  const { reach, upstream, credentials: store, log, observer } = options;
  const own = url.origin === upstream.url.origin;
  const settings = url.protocol === 'https:' ? (own ? upstream.tls : options.tls) : undefined;
  const credentials = settings && (await store.open(settings, 'client'));
  const socketPath = own ? upstream.uds : undefined;
  const proxy = socketPath === undefined ? proxyFor(options.proxies ?? noProxies, url) : undefined;
  const peer = own ? `the upstream ${url.origin}` : `the authorization server ${url.origin}`;
  const how = {
    url,
    peer,
    ...(socketPath !== undefined && { socketPath }),
    ...(settings && credentials && { tls: { ...settings, credentials } }),
    log,
    observer,
  };
  // Behind a proxy it is the proxy that resolves names, and that says who may be reached.
  const unseen = proxy !== undefined || socketPath !== undefined;
  const open = proxy
    ? createProxiedConnector({ ...how, proxy, store })
    : createConnector({ ...how, lookup: reach.lookup(url) });
  if (proxy) log.info({ proxy: proxyName(proxy) }, `${peer} is asked through the proxy ${proxyName(proxy)}`);
  const { Agent } = await import('undici');
  const agent = new Agent({
    maxResponseSize: maxBytes,
    connections: 8,
    connect: (target, callback) =>
      open(target, (error, socket) => {
        const address = (socket as Socket | null)?.remoteAddress;
        // An address that stands in a URL is resolved by nobody.
        if (error || unseen || (address && reach.isOpen(url, address)))
          return error ? callback(error, null) : callback(null, socket as Socket);
        socket?.destroy();
        callback(reach.refusalOf(url, address ?? 'unknown'), null);
      }),
  });
  return {
    agent,
    async close() {
      await agent.destroy();
      credentials?.close();
    },
  };
}

/** Why a request failed, without what was sent with it. */
export const reasonOf = (error: unknown): string => messageWithCauses(error);
