import type { IncomingHttpHeaders } from 'node:http';
import { type Handler, type Reply, readJson, sendJson } from '../http/index.js';
import { carriedDepth, writeJson } from '../json/index.js';
import type { HolderReply } from '../sessions/index.js';
import type { HttpDeps } from './endpoint-call.js';
import { Exchange, reportEnd } from './endpoint-exchange.js';
import { headerNames } from './headers.js';
import type { PostedMessage } from './messages.js';
import type { Authentication } from './router.js';

/** What a client asks for with one HTTP request. */
export type Wanted =
  | { readonly kind: 'get' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'post'; readonly message: PostedMessage }
  /** A message of a client over HTTP+SSE, about the stream of that id. */
  | { readonly kind: 'sse'; readonly message: PostedMessage; readonly id: string };

/** An HTTP request that another worker has let in, and that this one holds the session or the suspended call of. */
interface Handover {
  readonly wanted: Wanted;
  /** Without credentials. What names the session is among them. */
  readonly headers: IncomingHttpHeaders;
  readonly remote?: string | undefined;
  /** The virtual server that it came to. */
  readonly server?: string | undefined;
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
  const { remote, response, admitted, server } = exchange;
  const { headers, client } = admitted.handover?.() ?? {};
  const session = Object.fromEntries(
    ofSession.flatMap((name) => (exchange.headers[name] ? [[name, exchange.headers[name]]] : [])),
  );
  const handover: Handover = { wanted, headers: { ...headers, ...session }, remote, server, client };
  const gone = new AbortController();
  const abort = () => gone.abort();
  response.once('close', abort);
  const over = passing.add(exchange);
  try {
    const reply = await store?.ask?.(holder, writeJson(handover), gone.signal);
    if (reply === undefined) return gone.signal.aborted;
    await passReply(reply, exchange);
    return true;
  } finally {
    response.off('close', abort);
    over();
  }
}

/** The reply of another worker, as it comes. What is not read is not fetched either. */
async function passReply({ status, headers, body }: HolderReply, exchange: Exchange): Promise<void> {
  if (!exchange.detach() || !(await exchange.writeHead(status, headers))) return void body.destroy();
  const { response } = exchange;
  // Where one end is lost, so is the other: whoever waits for it comes to know.
  response.once('close', () => body.destroy());
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      if (!response.write(piece)) await drained(response);
    }
    response.end();
  } catch {
    response.destroy();
  }
}

function drained(response: Reply): Promise<void> {
  return new Promise((resolve) => {
    const on = () => {
      response.off('drain', on);
      response.off('close', on);
      resolve();
    };
    response.once('drain', on);
    response.once('close', on);
  });
}

/** Serves what other workers hand over: they have read and checked it, and let the client in. */
export function createHandedEndpoint(
  serve: (wanted: Wanted, exchange: Exchange) => Promise<void> | void,
  admitForwarded: NonNullable<Authentication['admitForwarded']>,
  deps: HttpDeps,
): Handler {
  return async (request, response) => {
    // The message stands within the words of the worker. JSON grows where numbers are written out, at most this much; headers and what is known of the client come on top.
    const most = deps.limits.bodyBytes * 8 + 1_000_000;
    const body = await readJson(request, response, most, carriedDepth);
    if ('status' in body)
      return sendJson(response, body.status, { error: 'not handed over as it has to be' });
    const { wanted, headers, remote, server, client } = body.json as Handover;
    const method = wanted.kind.toUpperCase();
    const from = { method, headers, socket: { remoteAddress: remote } };
    const exchange = new Exchange(from, response, deps, admitForwarded(client, response));
    exchange.remote = remote;
    exchange.server = server;
    try {
      await serve(wanted, exchange);
    } finally {
      reportEnd(exchange, { kind: 'aside' });
    }
  };
}
