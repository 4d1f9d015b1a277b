import type { TLSSocket } from 'node:tls';
import { looksSecret } from '../../config/index.js';
import { framingHeaders } from '../../headers.js';
import { authority, type RequestHead } from '../../http/index.js';

type Headers = Readonly<Record<string, string>>;

/** What authentication goes by: the head of an HTTP request and where it came from. */
export interface AuthRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** With the question mark; empty without one. */
  readonly query: string;
  /** In lower case. */
  readonly headers: Headers;
  readonly host: string | null;
  readonly port: number | null;
  /** Scheme and authority as the client called them. */
  readonly origin: string;
  /** The connection, where it is TLS: a client certificate stands for it. */
  readonly socket: TLSSocket | undefined;
}

/** The head of `request` as plugins and authentication see it. */
export function authRequestOf(request: RequestHead): AuthRequest {
  const { socket } = request;
  const secure = 'encrypted' in socket && socket.encrypted === true;
  const { url = '/' } = request;
  const end = url.indexOf('?');
  return {
    method: request.method ?? 'GET',
    path: end < 0 ? url : url.slice(0, end),
    query: end < 0 ? '' : url.slice(end),
    headers: plainHeaders(request.headers),
    host: socket.remoteAddress ?? null,
    port: socket.remotePort ?? null,
    origin: `${secure ? 'https' : 'http'}://${request.headers.host ?? ownAddress(socket)}`,
    socket: secure ? (socket as TLSSocket) : undefined,
  };
}

/** HTTP/1.0 may come without a Host. */
function ownAddress({ localAddress = 'localhost', localPort = 80 }: RequestHead['socket']): string {
  return authority(localAddress.replace(/%.*$/, ''), localPort);
}

/** Whether a query holds a credential: URLs end up in logs and histories (RFC 6750 section 5.3). */
export function holdsSecret(query: string): boolean {
  return [...new URLSearchParams(query).keys()].some(looksSecret);
}

/** One value for each name: the same object where that is so already. */
function plainHeaders(headers: RequestHead['headers']): Headers {
  for (const name in headers) if (typeof headers[name] !== 'string') return joined(headers);
  return headers as Headers;
}

function joined(headers: RequestHead['headers']): Headers {
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) plain[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return plain;
}

/** Credentials (a session's id is one: it alone opens the session), what belongs to one connection (RFC 9110 section 7.6.1), and what only describes this body. */
const withheld = new Set([
  'authorization',
  'cookie',
  'x-api-key',
  'mcp-session-id',
  'last-event-id',
  ...framingHeaders,
]);

/** What of a request's headers goes further into the gateway: no credential, and nothing of the connection. */
export function withoutCredentials(headers: Headers): Headers {
  const rest: Record<string, string> = {};
  const named =
    headers['connection']
      ?.trim()
      .toLowerCase()
      .split(/\s*,\s*/) ?? [];
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || withheld.has(name) || name.startsWith('proxy-')) continue;
    if (!named.includes(name)) rest[name] = value;
  }
  return rest;
}
