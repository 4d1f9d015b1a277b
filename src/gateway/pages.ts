import { type Handler, type HostGuard, refusedBy, sendJson } from '../http/index.js';
import { createPages as createPlainPages, type MetricsSource, onlyGet, pathOf } from '../listener/index.js';
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
  readonly metrics: MetricsSource | undefined;
}

/** What the main port answers to: MCP, and what may be asked without credentials. */
export function createPages(deps: PagesDeps): Handler {
  const plain = createHealthPages(deps);
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
    return plain(request, response);
  };
}

/** What the plain health port answers to, where the main one has TLS. */
export function createHealthPages(deps: Omit<PagesDeps, 'mcp' | 'authenticator'>): Handler {
  return createPlainPages({ ...deps, elsewhere: ': MCP is at /mcp' });
}
