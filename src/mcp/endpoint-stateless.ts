import { createHash } from 'node:crypto';
import { ClientNotAskable, CredentialOver } from '../errors.js';
import { writeJson } from '../json/index.js';
import { HttpCall, type HttpDeps, runWithin } from './endpoint-call.js';
import type { Exchange } from './endpoint-exchange.js';
import { sseEvent } from './events.js';
import { accepts, type Envelope, eventStream, notAcceptable } from './headers.js';
import {
  codes,
  errorResponse,
  type JsonObject,
  type RequestMessage,
  type RpcResponse,
  refusal,
  statusOf,
} from './messages.js';
import type { Era } from './revisions.js';
import { type Client, type Identity, principalOf } from './router.js';

/** What a request without a session says of its sender. Nothing can be sent to such a client by itself. */
export class StatelessClient implements Client {
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject;
  readonly identity: Identity;
  readonly alone: boolean;
  readonly server: string | undefined;
  #key: string | undefined;

  constructor(
    era: Era,
    identity: Identity,
    { revision, capabilities, info }: Envelope,
    { server, alone = false }: Pick<Client, 'server' | 'alone'> = {},
  ) {
    this.era = era;
    this.alone = alone;
    this.server = server;
    this.identity = identity;
    this.revision = revision;
    this.capabilities = capabilities;
    this.info = info;
    this.#key = undefined;
  }

  /** The same for one principal, one server and one set of capabilities, and short however much a client says. */
  get key(): string {
    if (this.#key === undefined) {
      const at = this.server === undefined ? '' : `${this.server} `;
      const key = `${at}${principalOf(this.identity)} ${writeJson(this.capabilities)}`;
      this.#key = key.length <= 200 ? key : createHash('sha256').update(key).digest('base64url');
    }
    return this.#key;
  }

  notify(): void {}

  ask(method: string): Promise<RpcResponse> {
    return Promise.reject(ClientNotAskable({ method, revision: this.revision }));
  }
}

/** A request without a session, over HTTP. */
class StatelessCall extends HttpCall {
  notify(method: string, params?: JsonObject): void {
    if (this.abandoned !== undefined || !this.mayStream) return;
    this.source.stream();
    this.source.write(sseEvent(this.notification(method, params)));
  }

  override keepAlive(): void {
    if (this.abandoned === undefined && this.mayStream) this.source.keepAlive();
  }

  ask(method: string): Promise<RpcResponse> {
    return Promise.reject(ClientNotAskable({ method, revision: this.client.revision }));
  }

  /** A stream has no end of its own to wait for; a document that is still to come was asked for in time. */
  override credentialOver(): void {
    if (!this.source.streaming || this.source.held || this.abandoned !== undefined) return;
    this.finish(errorResponse(CredentialOver({})));
    this.abandon('gone');
  }

  finish(response: RpcResponse): void {
    if (this.abandoned !== undefined) return;
    const { source, client } = this;
    const json = this.json(response);
    if (source.streaming) {
      source.write(sseEvent(json));
      source.end();
    } else source.send('result' in response ? 200 : statusOf(response, client.era === 'modern'), json);
  }
}

/** A request without a session. */
export function serveStateless(
  message: RequestMessage,
  era: Era,
  envelope: Envelope,
  exchange: Exchange,
  deps: HttpDeps,
): Promise<void> | void {
  const client = new StatelessClient(era, exchange.admitted.identity, envelope, exchange);
  if (message.method === 'tools/call' && era === 'modern' && deps.router.inputSchema) {
    const { name, arguments: args } = message.params;
    const schema = typeof name === 'string' ? deps.router.inputSchema(client, name) : undefined;
    const problem = schema && deps.checkParamHeaders(schema, args, exchange.headers);
    if (problem !== undefined) {
      return exchange.refuse(refusal(400, `Header mismatch: ${problem}`, codes.headerMismatch));
    }
  }
  const call = new StatelessCall(client, message, exchange, deps);
  // There is nothing to it but the stream.
  if (call.isSubscription && !accepts(exchange.headers.accept, eventStream))
    return exchange.refuse(notAcceptable(eventStream));
  return runWithin(call.isSubscription ? deps.listens : deps.calls, call, exchange, deps);
}
