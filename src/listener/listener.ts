import { createServer, type Server, type Socket } from 'node:net';
import { isLoopback, type Networks, type ServerTlsSettings } from '../config/index.js';
import { ConfigHealthPort } from '../errors.js';
import {
  authority,
  createFastPath,
  createHttpServer,
  endConnection,
  endMs,
  type FastHandler,
  graceMs,
  type Handler,
  listen,
  stopListening,
} from '../http/index.js';
import type { Logger } from '../log.js';
import type { Observer } from '../telemetry/index.js';
import { type ClientCertificate, type Credentials, createTlsFront, type PeerRule } from '../tls/index.js';
import { createWaiting } from '../wait.js';
import { acceptingTurn } from '../workers/index.js';
import { behindProxies } from './proxy-protocol.js';
import { createStrangers } from './strangers.js';

/** Where a program listens. */
export interface ListenerAddress {
  /** Its MCP endpoint. */
  readonly url: string;
  readonly port: number;
  /** The plain health endpoint; only with TLS, where the main port may ask for a certificate. */
  readonly healthUrl?: string;
  readonly healthPort?: number;
}

/** The way in to a program: its port, and beside it the health port. */
export interface Listener {
  readonly main: Server;
  /** Listens; with TLS on the health port as well. Port 0 takes any free port, for health too. `what` names the program. */
  listen(host: string, port: number, what: string): Promise<ListenerAddress>;
  /** Somebody has shown on this connection who they are. */
  know(socket: Socket): void;
  /** The connections of the main port, and what has passed over them, TLS and all, since the start. */
  readonly traffic: ListenerTraffic;
  /** Takes no more connections on the main port, once those are accepted that wait for it; ends nothing. */
  stop(): Promise<void>;
  /**
   * Requests under way get their replies, as do those that come whole within a moment: see `HttpServer`. The health port
   * is served until the end.
   */
  drain(withinMs: number): Promise<void>;
}

export interface ListenerTraffic {
  readonly connections: number;
  readonly strangers: number;
  readonly evicted: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

interface ListenerTls {
  readonly credentials: Credentials;
  readonly clientCertificate: ClientCertificate;
  readonly clients: PeerRule;
  readonly observer: Observer | undefined;
}

interface ListenerOptions {
  /** Absent: plain HTTP, and nothing is served on the health port. */
  readonly tls: ListenerTls | undefined;
  /** Answers every request that is not `fast`'s. */
  readonly handle: Handler;
  readonly fast: {
    readonly handle: FastHandler;
    readonly maxBodyBytes: { readonly first: number; readonly later: number };
    readonly maxBodyDepth?: number;
  };
  /** Answers on the health port. */
  readonly health: Handler;
  /** Where MCP is. Default: `/mcp`. */
  readonly path?: string;
  /** Whether it is at another path too. Default: at none. */
  readonly also?: ((path: string) => boolean) | undefined;
  /** Proxies that begin each connection with a header of the PROXY protocol. Default: none. */
  readonly proxies?: Networks | undefined;
  readonly maxConnections: number;
  /** What is under way on a connection whose peer is not trusted any more may take this long. */
  readonly lastReplyMs: number;
  readonly log: Logger;
}

/** A busy machine takes its time over connections that wait to be accepted; a flood of them has no end, in milliseconds. */
const acceptMs = 5_000;
/** Health is served in plain HTTP this many ports above the main one, where that has TLS. */
const healthPortOffset = 1_000;
const healthServer = 'the health server (port + 1000)';

/** Whether clients are asked for a certificate, as `ssl_cert_reqs` says it. */
export function clientCertificateOf(tls: ServerTlsSettings | undefined): ClientCertificate {
  return tls ? (['none', 'optional', 'required'] as const)[tls.sslCertReqs] : 'none';
}

export function createListener(options: ListenerOptions): Listener {
  const {
    tls,
    handle,
    health,
    path: mcpPath = '/mcp',
    also,
    proxies,
    maxConnections,
    lastReplyMs,
    log,
  } = options;
  const server = createHttpServer(async (request, response) => {
    await handle(request, response);
    // The other pages are for everybody: who has read one is as much of a stranger as before.
    if (response.headersSent && response.statusCode < 300 && isMcp(request.url ?? ''))
      strangers.know(request.socket);
  }, log);
  const fastPath = createFastPath({
    ...options.fast,
    server,
    path: mcpPath,
    also,
    lastReplyMs,
    log,
    onKnown: (socket) => strangers.know(socket),
  });
  const strangers = createStrangers({ log, isAnswering: fastPath.isAnswering });
  const isMcp = (url: string) => {
    const path = url.replace(/\/?(\?.*)?$/, '');
    return path === mcpPath || also?.(path) === true;
  };
  const open = new Set<Socket>();
  /** Those of `open` that are in their TLS handshake. */
  const handshaking = new Set<Socket>();
  const waiting = createWaiting();
  const inner = tls
    ? createTlsFront({
        ...tls,
        log,
        end: endConnection,
        wasEvicted: strangers.wasEvicted,
        onSecure(socket, raw, verified) {
          strangers.wrap(raw, socket);
          handshaking.delete(raw);
          if (verified) strangers.know(socket);
          fastPath.accept(socket);
          waiting.look();
        },
        finish: fastPath.retire,
      })
    : // As Node's HTTP server makes its own connections, which these may become.
      createServer({ allowHalfOpen: true, noDelay: true }, fastPath.accept);
  const main = proxies
    ? createServer(
        { allowHalfOpen: tls === undefined, noDelay: true },
        behindProxies(proxies, log, (socket) => inner.emit('connection', socket)),
      )
    : inner;
  main.maxConnections = maxConnections;
  // An HTTP server checks its time limits from the moment it listens; behind another it never does by itself.
  server.http.emit('listening');

  const side = createHttpServer(health, log);
  // Nobody has to show there who they are.
  const passersBy = createStrangers({ log, isAnswering: side.isAnswering });
  side.http.on('connection', passersBy.add);

  let accepted = 0;
  /** Over connections that are closed. */
  let [bytesIn, bytesOut] = [0, 0];
  main.prependListener('connection', (raw: Socket) => {
    accepted += 1;
    open.add(raw);
    if (tls) handshaking.add(raw);
    raw.once('close', () => {
      open.delete(raw);
      bytesIn += raw.bytesRead;
      bytesOut += raw.bytesWritten;
      handshaking.delete(raw);
      waiting.look();
    });
    strangers.add(raw);
  });

  return {
    main,
    async listen(host, wanted, what) {
      const port = await listen(main, host, wanted, what);
      const url = `${tls ? 'https' : 'http'}://${authority(host, port)}${mcpPath}`;
      if (!tls) return { url, port };
      if (!isLoopback(host))
        log.warn({ host }, 'the plain health endpoint (port + 1000) can be reached from other hosts');
      const healthWanted = wanted === 0 ? 0 : port + healthPortOffset;
      if (healthWanted > 65_535) throw ConfigHealthPort({ at: { variable: '--port' }, port });
      const healthPort = await listen(side.http, host, healthWanted, healthServer);
      return { url, port, healthPort, healthUrl: `http://${authority(host, healthPort)}/health` };
    },
    know: strangers.know,
    get traffic() {
      const { open: unknown, evicted } = strangers.count;
      const sums = { bytesIn, bytesOut };
      for (const { bytesRead, bytesWritten } of open) {
        sums.bytesIn += bytesRead;
        sums.bytesOut += bytesWritten;
      }
      return { connections: open.size, strangers: unknown, evicted, ...sums };
    },
    async stop() {
      // What waits for it at the system would be reset. One of them is accepted in each turn of the event loop (libuv).
      const late = setTimeout(stopListening, acceptMs, main);
      for (let quiet = 0, seen = accepted; quiet < 2 && main.listening; seen = accepted) {
        await acceptingTurn();
        quiet = accepted === seen ? quiet + 1 : 0;
      }
      clearTimeout(late);
      stopListening(main);
    },
    async drain(withinMs) {
      stopListening(main);
      await waiting.until(() => handshaking.size === 0, Math.min(graceMs, withinMs));
      await fastPath.drain(withinMs);
      // Replies that are written, and handshakes that are still under way.
      if (withinMs > 0) await waiting.until(() => open.size === 0, endMs);
      for (const socket of open) socket.destroy();
      stopListening(side.http);
      await side.drain(0);
      server.http.close();
    },
  };
}
