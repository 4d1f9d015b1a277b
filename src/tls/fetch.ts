import type { Agent, buildConnector, RequestInit } from 'undici';
import { type ProxyRules, proxyFor, proxyName } from '../config/index.js';
import type { Logger } from '../log.js';
import { type ConnectorOptions, createConnector } from './connector.js';
import type { CredentialStore } from './credentials.js';
import { createProxiedConnector } from './proxied.js';

/** How others than upstreams are asked, such as issuers of tokens. */
export interface FetchOptions extends Pick<ConnectorOptions, 'log' | 'observer' | 'tls'> {
  readonly log: Logger;
  /** How errors name who is asked: `the issuer at issuer.example`. */
  readonly peer: (url: URL) => string;
  readonly proxies: ProxyRules;
  /** Where the certificates for TLS to a proxy are held. */
  readonly store: CredentialStore;
  /** A reply that is larger is refused, in bytes. */
  readonly maxBytes: number;
}

/** `fetch` over connections as to any server here: our rules for TLS, the proxies that are configured, errors of the registry. */
export interface Fetch {
  (url: string | URL, options?: object): Promise<Response>;
  /** Ends its connections. */
  close(): Promise<void>;
}

/** Makes a `fetch`. It rejects with what the connection failed with, and not with a TypeError around that. */
export function createFetch({ proxies, store, maxBytes, peer, ...rest }: FetchOptions): Fetch {
  /** By origin, as `undici` keeps its connections. */
  const connectors = new Map<string, buildConnector.connector>();
  const connectorOf = (url: URL): buildConnector.connector => {
    const known = connectors.get(url.origin);
    if (known) return known;
    const proxy = proxyFor(proxies, url);
    const options = { ...rest, url, peer: peer(url) };
    if (proxy)
      rest.log.info(
        { proxy: proxyName(proxy) },
        `${options.peer} is asked through the proxy ${proxyName(proxy)}`,
      );
    const made = proxy ? createProxiedConnector({ ...options, proxy, store }) : createConnector(options);
    connectors.set(url.origin, made);
    return made;
  };
  const connect: buildConnector.connector = (target, callback) => {
    try {
      connectorOf(new URL(`${target.protocol}//${target.host}`))(target, callback);
    } catch (error) {
      callback(error as Error, null);
    }
  };
  let dispatcher: Agent | undefined;
  const ask = async (url: string | URL, options: object = {}): Promise<Response> => {
    // Loaded with the first request: it takes longer than all else of a start.
    const { Agent, fetch } = await import('undici');
    dispatcher ??= new Agent({ maxResponseSize: maxBytes, connect });
    const asked = fetch(url, { ...(options as RequestInit), dispatcher });
    return asked.catch((error: Error) => {
      throw error.cause ?? error;
    }) as Promise<unknown> as Promise<Response>;
  };
  return Object.assign(ask, { close: async () => dispatcher?.close() });
}
