import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Handler, type HostGuard, refusedBy, sendJson } from '../http/index.js';
import { exposition, type MetricsSource } from '../telemetry/index.js';

interface PagesOptions {
  /** Asked on every page but `/health`. */
  readonly guard: HostGuard;
  readonly stopping: () => boolean;
  /** What `/ready` says; absent where there is no such page. */
  readonly readiness?: (() => { readonly status: string }) | undefined;
  /** Absent where `/metrics` is on another port. */
  readonly metrics?: MetricsSource | undefined;
  /** What is said of a page that is not there, after that. */
  readonly elsewhere: string;
}

/** What is asked without MCP. `/health` is for probes: it serves whoever asks, by whatever name, and says nothing else. */
export function createPages({ guard, stopping, readiness, metrics, elsewhere }: PagesOptions): Handler {
  return (request, response) => {
    const path = pathOf(request);
    if (path === '/health') {
      const status = stopping() ? 'stopping' : 'healthy';
      return onlyGet(request, response, () => sendJson(response, stopping() ? 503 : 200, { status }));
    }
    if (refusedBy(guard, request, response)) return undefined;
    if (path === '/ready' && readiness) {
      return onlyGet(request, response, () => {
        const state = readiness();
        const ready = state.status === 'ready' && !stopping();
        sendJson(response, ready ? 200 : 503, stopping() ? { ...state, status: 'stopping' } : state);
      });
    }
    if (path === '/metrics' && metrics) {
      return onlyGet(request, response, async () => {
        const { contentType, text } = await exposition(metrics, request.headers.accept);
        const length = Buffer.byteLength(text);
        response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': length, Vary: 'Accept' });
        response.end(text);
      });
    }
    return sendJson(response, 404, { error: `no ${path} here${elsewhere}` });
  };
}

/** Calls `reply` for a GET or a HEAD, and refuses any other method. */
export function onlyGet(
  request: IncomingMessage,
  response: ServerResponse,
  reply: () => Promise<void> | void,
): Promise<void> | void {
  if (request.method === 'GET' || request.method === 'HEAD') return reply();
  return sendJson(response, 405, { error: 'GET only' }, { Allow: 'GET, HEAD' });
}

/** The path of a request, without its query. */
export function pathOf({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  return url.split('?')[0] as string;
}
