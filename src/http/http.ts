import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { TlsToPlainHttp } from '../errors.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';
import type { Reply } from './exchange.js';
import { headFault } from './head-fault.js';

/** Answers one request. A rejection becomes a 500 without details. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** An HTTP server that can be asked to finish what it has begun. */
export interface HttpServer {
  readonly http: Server;
  /** Takes no more requests on kept-alive connections; resolves when the last reply is out, or after `withinMs`. */
  drain(withinMs: number): Promise<void>;
}

/** Every wait of a connection has an end, in milliseconds. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  // Longer than clients keep theirs, so that they close first and no request meets a closing connection.
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16_384,
} as const;

const handshakeRecord = 0x16;

/** An HTTP server with bounded times and headers. It may listen itself, or be given connections by a TLS front. */
export function createHttpServer(handle: Handler, log: Logger): HttpServer {
  let draining = false;
  const active = new Set<ServerResponse>();
  let idle = () => {};
  /** Connections whose end is said: what comes after that on them is not served. */
  const ending = new WeakSet<Socket>();
  const http = createServer(limits, (request, response) => {
    if (ending.has(request.socket)) return;
    active.add(response);
    if (draining) response.setHeader('Connection', 'close');
    response.once('close', () => {
      active.delete(response);
      if (draining && active.size === 0) idle();
    });
    const fault = headFault(request);
    if (fault) {
      log.debug({ remote: request.socket.remoteAddress, error: fault.error }, 'a request was refused');
      if (fault.headers['Connection']) ending.add(request.socket);
      sendJson(response, fault.status, { error: fault.error }, fault.headers);
      return;
    }
    Promise.resolve(handle(request, response)).catch((error: unknown) => {
      // A client that went away in the middle of its request has nobody to be answered.
      if (request.destroyed && !request.complete) return response.destroy();
      log.error({ error: String(error) }, 'a request could not be answered');
      if (!response.headersSent) sendJson(response, 500, { error: 'internal error' });
      else response.destroy();
      return undefined;
    });
  });
  http.on('clientError', (error: ClientError, socket) => {
    // Node's parser finds fault with what follows a head that was refused: that is one refusal, not two.
    if (!ending.has(socket as Socket)) refuseBadRequest(error, socket as Socket, log);
  });
  return {
    http,
    async drain(withinMs) {
      draining = true;
      for (const response of active) if (!response.headersSent) response.setHeader('Connection', 'close');
      http.closeIdleConnections();
      if (active.size > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, withinMs);
          // The last bytes are written when the response closes; the connection may be idle only a turn later.
          idle = () => {
            setImmediate(() => {
              if (active.size > 0) return;
              clearTimeout(timer);
              resolve();
            });
          };
        });
      }
      http.closeAllConnections();
    },
  };
}

type ClientError = NodeJS.ErrnoException & { rawPacket?: Buffer };

const statusOf: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function refuseBadRequest(error: ClientError, socket: Socket, log: Logger): void {
  const peer = `the client ${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
  let body = '';
  if (error.rawPacket?.[0] === handshakeRecord) {
    const refusal = TlsToPlainHttp({ peer });
    peerLog(log).warn(socket.remoteAddress, refusal);
    body = `${JSON.stringify({ code: refusal.code, error: 'this port speaks plain HTTP', remedy: refusal.remedy })}\n`;
  } else {
    log.debug({ remote: peer, error: error.code }, 'a malformed request was refused');
  }
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const head = `Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`HTTP/1.1 ${statusOf[error.code ?? ''] ?? '400 Bad Request'}\r\n${head}\r\n\r\n${body}`);
}

/** Answers with a JSON body. */
export function sendJson(
  response: Pick<Reply, 'writeHead' | 'end'>,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** `host:port` as a URL has it. */
export function authority(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
