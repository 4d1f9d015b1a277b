import type { IncomingHttpHeaders } from 'node:http';
import { writeJson } from '../../json/index.js';
import type { Message } from '../../mcp/messages.js';
import { type HandedOn, plainHeaders, withoutCredentials } from '../auth/index.js';
import type { Exchange, LegDeps } from './exchange.js';
import { sessionHeader } from './legacy.js';

/** What a client asks for with one HTTP request. */
export type Wanted =
  | { readonly kind: 'get' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'post'; readonly message: Exclude<Message, { kind: 'invalid' }> };

/** An HTTP request that another worker has let in, and that this one holds the session or the waiting call of. */
export interface Handover {
  readonly wanted: Wanted;
  /** As they came, without credentials. What names the session is among them. */
  readonly headers: IncomingHttpHeaders;
  readonly remote?: string | undefined;
  readonly admitted: HandedOn;
}

/** What names a session and a place in its stream: no plugin sees it, its holder has to. */
function sessionOf(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    [sessionHeader, 'last-event-id'].flatMap((name) => (headers[name] ? [[name, headers[name]]] : [])),
  );
}

/** The other worker that holds the session of a request, by the session's id. */
export function sessionHolder({ headers }: Exchange, { peers }: LegDeps): string | undefined {
  return peers?.holderOf(headers[sessionHeader]);
}

/**
 * Has another worker answer. False where it is gone: then nobody knows what the request is about, and this worker says
 * so. Who the client is has been decided here, where its connection is; the other one goes by that.
 */
export async function passOn(
  holder: string,
  wanted: Wanted,
  exchange: Exchange,
  { peers, passing }: LegDeps,
): Promise<boolean> {
  const { remote, response, reply, admitted } = exchange;
  const { identity, headers, credential } = admitted;
  const shown = credential && { credential: { shown: credential.shown, until: credential.until } };
  const handover: Handover = {
    wanted,
    headers: { ...withoutCredentials(plainHeaders(exchange.headers)), ...sessionOf(exchange.headers) },
    remote,
    admitted: { identity, ...shown, headers, global: admitted.plugins().global },
  };
  const gone = new AbortController();
  const abort = () => gone.abort();
  response.once('close', abort);
  const over = passing.add(exchange);
  try {
    const answer = await peers?.ask(holder, writeJson(handover), gone.signal);
    if (answer === undefined) return gone.signal.aborted;
    await reply.pass(answer);
    return true;
  } finally {
    response.off('close', abort);
    over();
  }
}
