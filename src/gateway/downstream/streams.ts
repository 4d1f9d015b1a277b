import { type Exchange, type LegDeps, refuse } from './exchange.js';
import { sessionOf } from './legacy.js';

const noSuchEvent = {
  status: 400,
  error: { code: -32600, message: 'Invalid Request: Last-Event-ID is of no stream of this session' },
};

/** GET: the stream of a session for what belongs to none of its requests, or a lost stream again. */
export function serveGet(exchange: Exchange, deps: LegDeps): void {
  const session = sessionOf(exchange, 'GET', deps);
  if (session === undefined) return;
  const { headers, response, reply, admitted, started } = exchange;
  const lastEventId = headers['last-event-id'];
  const stream = session.listen(reply, typeof lastEventId === 'string' ? lastEventId : undefined);
  if (stream === undefined) {
    refuse(exchange, 'GET', noSuchEvent, deps);
    return;
  }
  const release = session.hold(deps.now);
  response.once('close', () => {
    session.disconnected(stream, reply);
    release();
    deps.access.other({ method: 'GET', status: 200, identity: admitted.identity }, started);
  });
}

/** DELETE: the client needs its session no more. */
export async function serveDelete(exchange: Exchange, deps: LegDeps): Promise<void> {
  const session = sessionOf(exchange, 'DELETE', deps);
  if (session === undefined) return;
  const ended = deps.sessions.end(session);
  exchange.reply.empty(204);
  deps.access.other({ method: 'DELETE', status: 204, identity: session.identity }, exchange.started);
  await ended;
}
