import { headerName } from '../headers.js';
import type { Reply, RequestHead } from './reply.js';
import { type HostGuard, refusedBy } from './request-head.js';

/**
 * Lets pages of the listed origins read replies (the CORS protocol of the Fetch standard), whatever becomes of their
 * requests: it is asked before anything else, and says whether it has answered, as it does a preflight.
 */
export type Cors = (request: RequestHead, reply: Reply) => boolean;

/** What a page may read beside the few headers that it always may. */
const exposed = 'Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate, Retry-After';
const methods = 'GET, POST, DELETE';
/** How long a browser need not ask again, in seconds: as long as any takes. */
const maxAge = '7200';

/** The rule for these origins; undefined where there are none, and nothing is said to any. */
export function createCors(origins: readonly string[], guard: HostGuard): Cors | undefined {
  if (origins.length === 0) return undefined;
  const listed = new Set(origins);
  return (request, reply) => {
    const { origin } = request.headers;
    // What is kept for one page is not for another, nor for whoever is none.
    reply.setHeader('Vary', 'Origin');
    if (origin === undefined || !listed.has(origin)) return false;
    reply.setHeader('Access-Control-Allow-Origin', origin);
    reply.setHeader('Access-Control-Expose-Headers', exposed);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined)
      return false;
    if (refusedBy(guard, request, reply)) return true;
    reply.writeHead(204, { 'Content-Length': 0, ...allowed(request) });
    reply.end();
    return true;
  };
}

/** What a preflight is told: a page may send what it asks for, since it is one of ours. */
function allowed({ headers }: RequestHead): Record<string, string> {
  const asked = headers['access-control-request-headers'] ?? '';
  const names = String(asked)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => headerName.test(name));
  return {
    Vary: 'Origin, Access-Control-Request-Headers',
    'Access-Control-Allow-Methods': methods,
    ...(names.length > 0 && { 'Access-Control-Allow-Headers': names.join(', ') }),
    'Access-Control-Max-Age': maxAge,
    // A page of the internet asks for a server of this machine or network (Private Network Access).
    ...(headers['access-control-request-private-network'] === 'true' && {
      'Access-Control-Allow-Private-Network': 'true',
    }),
  };
}
