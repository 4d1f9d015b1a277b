import type { Registry } from 'prom-client';
import { type Handler, sendJson } from './http.js';

/** `GET /metrics`: what the registry holds, as Prometheus reads it. */
export function metricsPage(registry: Pick<Registry, 'contentType' | 'metrics'>): Handler {
  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return sendJson(response, 405, { error: 'GET only' }, { Allow: 'GET, HEAD' });
    }
    const text = await registry.metrics();
    response.writeHead(200, {
      'Content-Type': registry.contentType,
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(text);
  };
}
