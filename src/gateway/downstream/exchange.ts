import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { GatewayLimits } from '../../config/index.js';
import { type SallyError, TooManyCalls, TooManyCallsOfOne } from '../../errors.js';
import { type Reply, retryAfter } from '../../http/index.js';
import { peerLog } from '../../log/limit.js';
import type { Logger } from '../../log.js';
import type { ParamHeaderCheck } from '../../mcp/headers.js';
import type { Answer, JsonObject, RequestId, RpcError } from '../../mcp/messages.js';
import type { Admitted } from '../auth/door.js';
import { type Client, principalOf, type Router } from '../client.js';
import type { Peers } from '../peers.js';
import { errorAnswer } from '../router/index.js';
import type { AccessLog } from './access.js';
import { answerJson, type Call, type CallSource } from './call.js';
import type { Telling } from './failures.js';
import { answerOf } from './lifecycle.js';
import type { HttpReply, ReplyDeps } from './reply.js';
import type { Running } from './running.js';
import { holder, type Sessions } from './sessions.js';
import type { Slots } from './slots.js';

/** What all requests over HTTP share. */
export interface LegDeps extends ReplyDeps {
  readonly router: Router;
  readonly limits: GatewayLimits;
  readonly log: Logger;
  readonly access: AccessLog;
  readonly sessions: Sessions;
  /** Room for requests that end by themselves. */
  readonly calls: Slots;
  /** Room for subscriptions, which take as much of a stateless client as a session of another. */
  readonly listens: Slots;
  readonly running: Running<Call>;
  /** The other workers that serve the same port; absent where this process serves alone. */
  readonly peers?: Peers | undefined;
  /** What other workers answer. */
  readonly passing: Running<Exchange>;
  /** How much of a failure clients are told. */
  readonly failures: Telling['failures'];
  readonly checkParamHeaders: ParamHeaderCheck;
  readonly serverInfo: JsonObject;
  readonly onKnown: (socket: Socket) => void;
  readonly now: () => number;
  readonly stopping: () => boolean;
}

/** One HTTP request that was let in. */
export interface Exchange {
  /** Of the request, as they came. */
  readonly headers: IncomingHttpHeaders;
  /** The address that it came from. */
  readonly remote: string | undefined;
  readonly response: Reply;
  readonly admitted: Admitted;
  readonly reply: HttpReply;
  /** When it began, by `now`. */
  readonly started: number;
}

type Refused = { readonly status: number; readonly error: RpcError };

/** Answers with a JSON-RPC error, and says so in the access log. */
export function refuse(
  { reply, admitted, started }: Pick<Exchange, 'reply' | 'started'> & { admitted?: Admitted },
  method: string,
  { status, error }: Refused,
  { access }: Pick<LegDeps, 'access'>,
  more: { id?: RequestId | null; headers?: Readonly<Record<string, string>> } = {},
): void {
  // JSON-RPC 2.0 section 5: where the id is not known, it is null.
  reply.json(status, answerJson(more.id ?? null, { error }), more.headers);
  const identity = admitted && { identity: admitted.identity };
  access.other({ method, status, ...identity, error: error.code }, started);
}

/** Answers with an error of the registry, at its own HTTP status; one that will pass says when. */
export function refuseWith(
  exchange: Exchange,
  method: string,
  error: SallyError,
  deps: LegDeps,
  id: RequestId | null = null,
): void {
  peerLog(deps.log).warn(exchange.remote, error);
  const headers = { 'Retry-After': error.httpStatus === 429 ? '1' : retryAfter };
  refuse(exchange, method, { status: error.httpStatus, ...errorAnswer(error) }, deps, { id, headers });
}

export function sourceOf(client: Client, { admitted, remote }: Exchange): CallSource {
  const { headers, credential } = admitted;
  return { client, headers, remote, credential, plugins: () => admitted.plugins() };
}

/** Runs a call where there is room for it, to its answer and its line in the log. */
export async function run(
  exchange: Exchange,
  call: Call,
  slots: Slots,
  deps: LegDeps,
  serve: () => Promise<Answer>,
): Promise<void> {
  const { identity } = call.client;
  const who = holder({ identity, principal: identity.method === 'none' ? '' : principalOf(identity) });
  const room = slots.take(who);
  if (room !== 'taken')
    return refuseWith(exchange, call.method, noRoom(room, slots, deps.limits), deps, call.id);
  const over = deps.running.add(call);
  const answer = await answerOf(call, deps, serve);
  over();
  slots.give(who);
  call.finish(answer);
  deps.access.served(call, answer, exchange.started);
}

function noRoom(room: 'full' | 'full-for-one', { taken }: Slots, limits: GatewayLimits): SallyError {
  if (room === 'full') return TooManyCalls({ limit: taken });
  return TooManyCallsOfOne({ limit: limits.concurrentCallsPerUser });
}
