import { type Handler, readJson, sendJson } from '../../http/index.js';
import { carriedDepth } from '../../json/index.js';
import type { Readmit } from '../auth/index.js';
import type { Exchange, LegDeps } from './exchange.js';
import type { Handover } from './pass-on.js';
import { HttpReply } from './reply.js';
import { serveMessage } from './serve.js';
import { serveDelete, serveGet } from './streams.js';

/** Serves what other workers hand over: they have read and checked it, and let the client in. */
export function createHandedEndpoint(readmit: Readmit, deps: LegDeps): Handler {
  return async (request, response) => {
    const started = deps.now();
    // The message stands within the words of the worker. JSON grows where numbers are written out, at most this much; headers and what is known of the client come on top.
    const most = deps.limits.bodyBytes * 8 + 1_000_000;
    const body = await readJson(request, response, most, carriedDepth);
    if ('status' in body)
      return sendJson(response, body.status, { error: 'not handed over as it has to be' });
    const { wanted, headers, remote, admitted: handed } = body.json as Handover;
    const admitted = readmit(handed, response);
    const reply = new HttpReply(response, deps, admitted);
    const exchange: Exchange = {
      headers,
      remote,
      response,
      admitted,
      reply,
      started,
    };
    switch (wanted.kind) {
      case 'get':
        return serveGet(exchange, deps);
      case 'delete':
        return serveDelete(exchange, deps);
      case 'post':
        return serveMessage(wanted.message, exchange, deps);
    }
  };
}
