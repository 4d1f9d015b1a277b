import { createHash } from 'node:crypto';
import { ClientNotAskable, CredentialOver } from '../errors.js';
import { writeJson } from '../json/index.js';
import type { Envelope } from './classify.js';
import {
  Call,
  type CallSource,
  type Exchange,
  type HttpDeps,
  isSubscription,
  refuse,
  run,
} from './endpoint-call.js';
import type { HttpReply } from './endpoint-reply.js';
import { sseEvent } from './events.js';
import {
  codes,
  errorResponse,
  fullReply,
  isObject,
  type JsonObject,
  type Message,
  metaKeys,
  modernJson,
  notificationJson,
  type RequestId,
  type RpcResponse,
  refusal,
  responseJson,
  statusOf,
} from './messages.js';
import type { Era } from './revisions.js';
import { type Client, type Identity, principalOf } from './router.js';

type RequestMessage = Extract<Message, { kind: 'request' }>;

/** What a request without a session says of its sender. Nothing can be sent to such a client by itself. */
class StatelessClient implements Client {
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly identity: Identity;
  #key: string | undefined;

  constructor(era: Era, identity: Identity, { revision, capabilities, info }: Envelope) {
    this.era = era;
    this.identity = identity;
    this.revision = revision;
    this.capabilities = capabilities;
    this.info = info;
  }

  /** The same for one principal and one set of capabilities, and short however much a client says. */
  get key(): string {
    if (this.#key === undefined) {
      const key = `${principalOf(this.identity)} ${writeJson(this.capabilities)}`;
      this.#key = key.length <= 200 ? key : createHash('sha256').update(key).digest('base64url');
    }
    return this.#key;
  }

  notify(): void {}

  ask(method: string): Promise<RpcResponse> {
    return Promise.reject(ClientNotAskable({ method, revision: this.revision }));
  }
}

export function statelessClient(identity: Identity, envelope: Envelope): Client {
  return new StatelessClient('modern', identity, envelope);
}

/** A notification of a subscription names the request that it belongs to. */
export function subscribed(params: JsonObject | undefined, subscription: RequestId): JsonObject {
  const meta = params?.['_meta'];
  return { ...params, _meta: { ...(isObject(meta) && meta), [metaKeys.subscriptionId]: subscription } };
}

/** A request without a session, over HTTP: it ends with its connection. */
class StatelessCall extends Call {
  readonly #reply: HttpReply;
  readonly #serverInfo: JsonObject;

  constructor(
    client: Client,
    message: RequestMessage,
    source: CallSource,
    reply: HttpReply,
    serverInfo: JsonObject,
  ) {
    super(client, message, source);
    this.#reply = reply;
    this.#serverInfo = serverInfo;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned !== undefined) return;
    const said = isSubscription(this) ? subscribed(params, this.id) : params;
    this.#reply.stream();
    this.#reply.write(sseEvent(notificationJson(method, said)));
  }

  ask(method: string): Promise<RpcResponse> {
    return Promise.reject(ClientNotAskable({ method, revision: this.client.revision }));
  }

  /** A stream has no end of its own to wait for; one document that is still to come was asked for in time. */
  override credentialOver(): void {
    if (!this.#reply.streaming || this.abandoned !== undefined) return;
    this.finish(errorResponse(CredentialOver({})));
    this.abandon('gone');
  }

  finish(response: RpcResponse): void {
    if (this.abandoned !== undefined) return;
    const modern = this.client.era === 'modern';
    const subscription = isSubscription(this) ? this.id : undefined;
    const json = modern
      ? modernJson(this.id, response, this.#serverInfo, subscription)
      : responseJson(this.id, response);
    if (this.#reply.streaming) {
      this.#reply.write(sseEvent(json));
      this.#reply.end();
    } else if ('result' in response) this.#reply.json(200, json);
    else {
      const full = fullReply(response);
      this.#reply.json(full?.status ?? (modern ? statusOf(response) : 200), json, full?.headers);
    }
  }
}

/** A request without a session. Closing its connection cancels it (2026-07-28, Streamable HTTP, Cancellation). */
export function serveStateless(
  message: RequestMessage,
  era: Era,
  envelope: Envelope,
  exchange: Exchange,
  deps: HttpDeps,
): Promise<void> | void {
  const client = new StatelessClient(era, exchange.admitted.identity, envelope);
  if (message.method === 'tools/call' && era === 'modern') {
    const { name, arguments: args } = message.params;
    const schema = typeof name === 'string' ? deps.router.inputSchema?.(client, name) : undefined;
    const problem = schema && deps.checkParamHeaders(schema, args, exchange.headers);
    if (problem !== undefined) {
      const why = refusal(400, `Header mismatch: ${problem}`, codes.headerMismatch);
      return refuse(exchange, message.method, why, { id: message.id });
    }
  }
  const { response, reply } = exchange;
  const call = new StatelessCall(client, message, exchange, reply, deps.serverInfo);
  response.once('close', () => {
    if (!response.writableFinished) call.abandon('gone');
  });
  return run(exchange, call, isSubscription(call) ? deps.listens : deps.calls, deps);
}
