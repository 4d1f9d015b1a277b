import { ClientNotAskable, CredentialOver } from '../../errors.js';
import { sseEvent } from '../../mcp/events.js';
import type { Answer, JsonObject, Message } from '../../mcp/messages.js';
import { errorAnswer } from '../router/index.js';
import { answerJson, Call, type CallSource, fullReply, isSubscription, notificationJson } from './call.js';
import type { Envelope } from './classify.js';
import { type Exchange, type LegDeps, refuse, run, sourceOf } from './exchange.js';
import { discovered } from './lifecycle.js';
import type { HttpReply } from './reply.js';
import { modernAnswer, removedMethod, statelessClient, statusOf, subscribed } from './stateless.js';

type RequestMessage = Extract<Message, { kind: 'request' }>;

/** A request without a session, over HTTP: it ends with its connection. */
class StatelessCall extends Call {
  readonly #reply: HttpReply;
  readonly #serverInfo: JsonObject;

  constructor(source: CallSource, message: RequestMessage, reply: HttpReply, serverInfo: JsonObject) {
    super(source, message);
    this.#reply = reply;
    this.#serverInfo = serverInfo;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned !== undefined) return;
    const said = isSubscription(this) ? subscribed(params, this.id) : params;
    this.#reply.stream();
    this.#reply.write(sseEvent(notificationJson(method, said)));
  }

  ask(method: string): Promise<Answer> {
    return Promise.reject(ClientNotAskable({ method, revision: this.client.revision }));
  }

  /** A stream has no end of its own to wait for; one document that is still to come was asked for in time. */
  override credentialOver(): void {
    if (!this.#reply.streaming || this.abandoned !== undefined) return;
    this.finish(errorAnswer(CredentialOver({})));
    this.abandon('gone');
  }

  finish(answer: Answer): void {
    if (this.abandoned !== undefined) return;
    const subscription = isSubscription(this) ? this.id : undefined;
    const json = answerJson(this.id, modernAnswer(answer, this.#serverInfo, subscription));
    if (this.#reply.streaming) {
      this.#reply.write(sseEvent(json));
      this.#reply.end();
    } else {
      const full = fullReply(answer);
      this.#reply.json(full?.status ?? statusOf(answer), json, full?.headers);
    }
  }
}

/** A request of the modern era. Closing its connection cancels it (2026-07-28, Streamable HTTP, Cancellation). */
export async function serveModern(
  message: RequestMessage,
  envelope: Envelope,
  exchange: Exchange,
  deps: LegDeps,
): Promise<void> {
  const client = statelessClient(exchange.admitted.identity, envelope);
  if (message.method === 'tools/call') {
    const { name, arguments: args } = message.params;
    const schema = typeof name === 'string' ? deps.router.inputSchema?.(client, name) : undefined;
    const problem = schema && deps.checkParamHeaders(schema, args, exchange.headers);
    if (problem !== undefined) {
      const error = { code: -32020, message: `Header mismatch: ${problem}` };
      return refuse(exchange, message.method, { status: 400, error }, deps, { id: message.id });
    }
  }
  const call = new StatelessCall(sourceOf(client, exchange), message, exchange.reply, deps.serverInfo);
  const { response } = exchange;
  response.once('close', () => {
    if (!response.writableFinished) call.abandon('gone');
  });
  const slots = isSubscription(call) ? deps.listens : deps.calls;
  return run(exchange, call, slots, deps, () => answer(call, deps));
}

async function answer(call: StatelessCall, { router }: LegDeps): Promise<Answer> {
  if (call.method === 'server/discover') return discovered(router, call.client, call.signal.signal);
  return removedMethod(call.method) ?? (await router.handle(call));
}
