import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { cert } from './certs.js';
import { tcpClient } from './tcp.js';

interface ProxyOptions {
  /** TLS to the proxy itself, with this certificate of the fixtures. */
  readonly certificate?: string;
  /** `user:password` that it wants. */
  readonly credentials?: string;
  /** What it replies in place of forwarding. */
  readonly refuses?: number;
  /** What it writes in place of a reply to CONNECT. */
  readonly says?: string;
}

/** An HTTP proxy that leads every name to this machine, and remembers what it was asked for. */
export async function startProxy(options: ProxyOptions = {}): Promise<{
  readonly url: string;
  /** `CONNECT host:port`, or the method and the URL, of each request. */
  readonly asked: readonly string[];
}> {
  const { certificate, credentials, refuses, says } = options;
  const asked: string[] = [];
  const open = new Set<Socket>();
  const refusalOf = ({ headers }: IncomingMessage): number | undefined => {
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    return wanted !== undefined && headers['proxy-authorization'] !== wanted ? 407 : refuses;
  };
  const keys = certificate && {
    cert: readFileSync(cert(`${certificate}.crt`)),
    key: readFileSync(cert(`${certificate}.key`)),
  };
  const server: Server = keys ? createTlsServer(keys) : createServer();
  server.on('request', (request: IncomingMessage, response) => {
    asked.push(`${request.method} ${request.url}`);
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      response.writeHead(refusal, { 'Proxy-Authenticate': 'Basic realm="proxy"' });
      return response.end('not through here');
    }
    const { port, pathname, search } = new URL(request.url ?? '');
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const onward = { host: '127.0.0.1', port, path: pathname + search, method: request.method, headers };
    const forwarded = httpRequest(onward, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    return request.pipe(forwarded);
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    const refusal = refusalOf(request);
    socket.on('error', () => {});
    if (says !== undefined) return socket.write(says);
    if (refusal !== undefined) return socket.end(`HTTP/1.1 ${refusal} No\r\nContent-Length: 0\r\n\r\n`);
    const onward = tcpClient({ port: Number(request.url?.split(':').at(-1)), host: '127.0.0.1' });
    onward.on('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    open.add(onward);
    onward.on('error', () => socket.destroy());
    return socket.on('close', () => onward.destroy());
  });
  server.on('connection', (socket: Socket) => open.add(socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: keys ? `https://localhost:${port}` : `http://127.0.0.1:${port}`, asked };
}
