import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Handler, type HostGuard, refusedBy, sendJson } from '../http/index.js';
import { type Authenticator, arrivalOf, metadataPath } from './auth/index.js';
import type { Readiness } from './status.js';

interface PagesDeps {
  readonly mcp: Handler;
  /** Asked on every page but `/health`; `/mcp` asks it by itself. */
  readonly guard: HostGuard;
  readonly authenticator: () => Authenticator;
  readonly stopping: () => boolean;
  readonly readiness: () => Readiness;
  /** `/metrics`, where it is on this port. */
  readonly metrics: Handler | undefined;
}

/** What the main port answers to: MCP, and what may be asked without credentials. */
export function createPages(deps: PagesDeps): Handler {
  const health = createHealthPages(deps);
  return (request, response) => {
    const path = pathOf(request);
    if (path === '/mcp' || path === '/mcp/') return deps.mcp(request, response);
    if (path === metadataPath || path === `${metadataPath}/mcp`) {
      if (refusedBy(deps.guard, request, response)) return undefined;
      const document = deps.authenticator().metadata?.(arrivalOf(request));
      // It is public, and browsers' clients have to read it before they have anything to show.
      const headers = { 'Access-Control-Allow-Origin': '*' };
      if (document !== undefined)
        return onlyGet(request, response, () => sendJson(response, 200, document, headers));
    }
    return health(request, response);
  };
}

/** What the plain health port answers to, where the main one has TLS. */
export function createHealthPages({
  guard,
  stopping,
  readiness,
  metrics,
}: Pick<PagesDeps, 'guard' | 'stopping' | 'readiness' | 'metrics'>): Handler {
  return (request, response) => {
    const path = pathOf(request);
    if (path === '/health') {
      return onlyGet(request, response, () =>
        stopping()
          ? sendJson(response, 503, { status: 'stopping' })
          : sendJson(response, 200, { status: 'healthy' }),
      );
    }
    if (refusedBy(guard, request, response)) return undefined;
    if (path === '/ready') {
      return onlyGet(request, response, () => {
        const state = readiness();
        const ready = state.status === 'ready' && !stopping();
        sendJson(response, ready ? 200 : 503, stopping() ? { ...state, status: 'stopping' } : state);
      });
    }
    if (path === '/metrics' && metrics) return metrics(request, response);
    return sendJson(response, 404, { error: `no ${path} here: MCP is at /mcp` });
  };
}

function onlyGet(request: IncomingMessage, response: ServerResponse, answer: () => void): void {
  if (request.method === 'GET' || request.method === 'HEAD') answer();
  else sendJson(response, 405, { error: 'GET only' }, { Allow: 'GET, HEAD' });
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?')[0] ?? '/';
}
