import type { IncomingMessage } from 'node:http';
import { type FastRequest, type RefusedBody, type Reply, type RequestHead, readJson } from '../http/index.js';
import type { Exchange } from './endpoint-exchange.js';
import { codes, errorResponse, type Message, readMessage, refusal } from './messages.js';

/** A request that came in, whose body is read already where the fast path did. */
export type Entered = (IncomingMessage & Pick<RequestHead, 'forwarded'>) | FastRequest;

/** Hands over the message that was posted; a body that is none is refused. */
export function withMessage(
  request: Entered,
  response: Reply,
  exchange: Exchange,
  limits: { readonly bodyBytes: number; readonly depth: number | undefined },
  serve: (message: Message) => Promise<void> | void,
): Promise<void> | void {
  const { bodyBytes, depth } = limits;
  const take = (body: FastRequest['body'] | RefusedBody) =>
    'status' in body ? refuseBody(body, exchange, bodyBytes) : serve(readMessage(body.json));
  return 'body' in request ? take(request.body) : readJson(request, response, bodyBytes, depth).then(take);
}

function refuseBody({ status, error }: RefusedBody, exchange: Exchange, limit: number): void {
  // What is left of a body that is too large is not read: the connection ends with the reply.
  const end = status === 413 ? { Connection: 'close' } : undefined;
  if (error) exchange.refuse({ status, ...errorResponse(error) }, end);
  else if (end) exchange.refuse(refusal(413, `Request body exceeds ${limit} bytes`), end);
  else exchange.refuse(refusal(400, 'Parse error: the body is not JSON', codes.parseError));
}
