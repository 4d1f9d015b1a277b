import type { IncomingHttpHeaders } from 'node:http';
import { type Handler, readJson, sendJson } from '../http/index.js';
import { carriedDepth, writeJson } from '../json/index.js';
import { type Exchange, type HttpDeps, reportEnd } from './endpoint-call.js';
import { HttpReply } from './endpoint-reply.js';
import { headerNames } from './headers.js';
import type { Message } from './messages.js';
import type { Authentication } from './router.js';

/** What a client asks for with one HTTP request. */
export type Wanted =
  | { readonly kind: 'get' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'post'; readonly message: Exclude<Message, { kind: 'invalid' }> };

/** An HTTP request that another worker has let in, and that this one holds the session or the waiting call of. */
interface Handover {
  readonly wanted: Wanted;
  /** Without credentials. What names the session is among them. */
  readonly headers: IncomingHttpHeaders;
  readonly remote?: string | undefined;
  /** Who the client is, as authentication found it. */
  readonly client: unknown;
}

/** What names a session and a place in its stream: no plugin sees it, its holder has to. */
const ofSession = [headerNames.sessionId, headerNames.lastEventId];

/**
 * Forwards the request to the worker that holds its session. Resolves with false where that worker is gone: then nobody
 * knows what the request is about, and this worker says so. The client was authenticated here, where its connection is;
 * the other worker goes by that.
 */
export async function passOn(
  holder: string,
  wanted: Wanted,
  exchange: Exchange,
  { store, passing }: HttpDeps,
): Promise<boolean> {
  const { remote, response, reply, admitted } = exchange;
  const { headers, client } = admitted.handover?.() ?? {};
  const own = Object.fromEntries(
    ofSession.flatMap((name) => (exchange.headers[name] ? [[name, exchange.headers[name]]] : [])),
  );
  const handover: Handover = { wanted, headers: { ...headers, ...own }, remote, client };
  const gone = new AbortController();
  const abort = () => gone.abort();
  response.once('close', abort);
  const over = passing.add(exchange);
  try {
    const passed = await store?.ask(holder, writeJson(handover), gone.signal);
    if (passed === undefined) return gone.signal.aborted;
    await reply.pass(passed);
    return true;
  } finally {
    response.off('close', abort);
    over();
  }
}

/** Serves what other workers hand over: they have read and checked it, and let the client in. */
export function createHandedEndpoint(
  serve: (wanted: Wanted, exchange: Exchange) => Promise<void> | void,
  readmit: NonNullable<Authentication['readmit']>,
  deps: HttpDeps,
): Handler {
  return async (request, response) => {
    // The message stands within the words of the worker. JSON grows where numbers are written out, at most this much; headers and what is known of the client come on top.
    const most = deps.limits.bodyBytes * 8 + 1_000_000;
    const body = await readJson(request, response, most, carriedDepth);
    if ('status' in body)
      return sendJson(response, body.status, { error: 'not handed over as it has to be' });
    const { wanted, headers, remote, client } = body.json as Handover;
    const admitted = readmit(client, response);
    const reply = new HttpReply(response, deps, admitted);
    const observed = deps.observer?.request?.({ method: wanted.kind.toUpperCase(), headers });
    const exchange: Exchange = { headers, remote, response, admitted, reply, observed };
    try {
      await serve(wanted, exchange);
    } finally {
      reportEnd(exchange, { kind: 'aside' });
    }
  };
}
