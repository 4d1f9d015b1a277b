import type { IncomingHttpHeaders } from 'node:http';
import { framingHeaders } from '../../headers.js';
import type { Headers } from './authenticator.js';

/** One value for each name. */
export function joined(headers: IncomingHttpHeaders): Headers {
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

/** Those of `headers` with these names, as the client sent them. */
export function picked(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
}

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
