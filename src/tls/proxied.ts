import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { type ProxySettings, proxyName } from '../config/index.js';
import {
  messageOf,
  ProxyAuthentication,
  ProxyRefused,
  ProxyUnreachable,
  type SallyError,
} from '../errors.js';
import { type ConnectorOptions, createConnector } from './connector.js';
import type { CredentialStore } from './credentials.js';
import { handshakeTimeoutMs } from './load.js';

/** How connections leave through a proxy. */
export interface ProxiedOptions extends ConnectorOptions {
  readonly proxy: ProxySettings;
  /** Where the certificates for TLS to the proxy are held. */
  readonly store: CredentialStore;
  /**
   * Whether requests name their target in absolute form (RFC 9112 section 3.2.2), as is customary for http: the connection is
   * then that to the proxy. Default: a tunnel (RFC 9110 section 9.3.6).
   */
  readonly absoluteForm?: boolean;
}

/** How connections are opened that leave through a proxy: TLS to the proxy, the tunnel, and TLS through it. */
export function createProxiedConnector(options: ProxiedOptions): buildConnector.connector {
  const { url, absoluteForm = false } = options;
  const toProxy = connectionsToProxy(options);
  if (absoluteForm) return answering(toProxy);
  const carrier = async (target: buildConnector.Options) => tunnel(await toProxy(), target, options);
  return url.protocol === 'https:' ? createConnector({ ...options, carrier }) : answering(carrier);
}

/** A connector as undici wants it. */
const answering =
  (open: (target: buildConnector.Options) => Promise<Socket>): buildConnector.connector =>
  (target, callback) =>
    void open(target).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );

/** Opens connections to the proxy itself. Certificates for it are loaded with the first; where they are not valid, with a later one. */
function connectionsToProxy({ proxy, peer, store, absoluteForm, log, observer, onRetire }: ProxiedOptions) {
  const name = proxyName(proxy);
  let opened: Promise<buildConnector.connector> | undefined;
  const open = async () =>
    createConnector({
      url: proxy.url,
      peer: `the proxy ${name}`,
      ...(proxy.tls && { tls: { ...proxy.tls, credentials: await store.open(proxy.tls, 'client') } }),
      log,
      observer,
      onRetire: (socket, reason) => {
        if (absoluteForm && onRetire) onRetire(socket, reason);
        // What a tunnel carries is judged by itself: it goes on where only a file of the proxy has changed.
        else if (reason) socket.destroy();
      },
    });
  const { protocol, hostname, host, port } = proxy.url;
  const target = { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), host, port };
  return async (): Promise<Socket> => {
    try {
      opened ??= open();
      const connector = await opened.catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return await new Promise<Socket>((resolve, reject) =>
        connector(target, (error, socket) => (error ? reject(error) : resolve(socket as Socket))),
      );
    } catch (error) {
      throw ProxyUnreachable({ peer, proxy: name, reason: messageOf(error) }, error);
    }
  };
}

/** More than any proxy says before a tunnel stands, in bytes. */
const maxHeadBytes = 16_384;

/** Asks a proxy for a tunnel; the connection to it is the tunnel from then on. Rejects with a SallyError. */
function tunnel(
  socket: Socket,
  { hostname, port, protocol }: buildConnector.Options,
  options: ProxiedOptions,
) {
  const { proxy, peer } = options;
  const name = proxyName(proxy);
  const host = hostname.includes(':') ? `[${hostname.replace(/^\[|\]$/g, '')}]` : hostname;
  const target = `${host}:${port || (protocol === 'https:' ? 443 : 80)}`;
  const unusable = (reason: string) => ProxyUnreachable({ peer, proxy: name, reason });
  return new Promise<Socket>((resolve, reject) => {
    let seen = '';
    const end = (error: SallyError | undefined) => {
      clearTimeout(timer);
      socket.off('data', onData);
      for (const [event, listener] of ends) socket.off(event, listener);
      if (error === undefined) {
        socket.pause();
        resolve(socket);
      } else {
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      }
    };
    const onData = (chunk: Buffer) => {
      seen += chunk.toString('latin1');
      const at = seen.indexOf('\r\n\r\n');
      if (at === -1 && seen.length <= maxHeadBytes) return undefined;
      const [, status] = /^HTTP\/1\.[01] (\d{3})(?: |\r)/.exec(seen) ?? [];
      if (status === undefined || at === -1) return end(unusable('what it says is not HTTP/1.1'));
      if (status === '407')
        return end(ProxyAuthentication({ peer, proxy: name, sent: proxy.authorization !== undefined }));
      if (!status.startsWith('2'))
        return end(ProxyRefused({ peer, proxy: name, target, status: Number(status) }));
      // The server speaks second, over TLS as over HTTP: nothing that comes now is its.
      return end(seen.length > at + 4 ? unusable('it says more than its reply to CONNECT') : undefined);
    };
    const ends = [
      ['error', (error: Error) => end(unusable(messageOf(error)))],
      ['close', () => end(unusable('it closed the connection in place of a reply to CONNECT'))],
    ] as const;
    const late = () => end(unusable(`it did not reply to CONNECT within ${handshakeTimeoutMs / 1000} s`));
    const timer = setTimeout(late, handshakeTimeoutMs);
    for (const [event, listener] of ends) socket.on(event, listener);
    socket.on('data', onData);
    const authorization = proxy.authorization ? `Proxy-Authorization: ${proxy.authorization}\r\n` : '';
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
  });
}
