import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { GatewayLimits } from '../../config/index.js';
import { ClientGone, ClientTooSlow, findSallyError, LineTooLong, TooManyCalls } from '../../errors.js';
import { findId, idKey, parseExactJson } from '../../json/index.js';
import type { Logger } from '../../log.js';
import type { PluginRequest } from '../../manager/index.js';
import {
  type Answer,
  type JsonObject,
  type Message,
  type RequestId,
  type RpcError,
  readMessage,
} from '../../mcp/messages.js';
import type { Client, Identity, Router } from '../client.js';
import { errorAnswer } from '../router/index.js';
import { type AccessLog, createAccessLog } from './access.js';
import { answerJson, isSubscription, notificationJson } from './call.js';
import { classify, type Envelope } from './classify.js';
import { type Telling, tellThrown } from './failures.js';
import { answerOf, badInitialize, discovered, initialized, readInitialize } from './lifecycle.js';
import { createQuestions } from './questions.js';
import { createRunning } from './running.js';
import { clientName } from './session.js';
import { removedMethod, statelessClient } from './stateless.js';
import { StdioCall, type StdioOut } from './stdio-call.js';

export interface StdioDeps {
  readonly router: Router;
  readonly identity: Identity;
  /** The plugins' view of one request, made when it is first asked for. */
  readonly plugins: () => PluginRequest;
  readonly limits: GatewayLimits;
  readonly log: Logger;
  readonly failures: Telling['failures'];
  readonly version: string;
  readonly output: Writable;
}

type RequestMessage = Extract<Message, { kind: 'request' }>;

/** A client that reads nothing while so much is waiting has died, or might as well have. */
const maxBacklogBytes = 64_000_000;
const lastWordsMs = 2_000;

/** The client on the other end, in whichever era it speaks. */
export class StdioConnection {
  readonly #options: StdioDeps;
  readonly #access: AccessLog;
  readonly #questions = createQuestions();
  readonly #calls = new Map<unknown, StdioCall>();
  readonly #running = createRunning<StdioCall>();
  readonly #out: StdioOut;
  #client: Client | undefined;

  constructor(options: StdioDeps) {
    this.#options = options;
    this.#access = createAccessLog(options.log, () => performance.now());
    this.#out = {
      send: (json) => this.#send(json),
      questions: this.#questions,
      serverInfo: { name: 'sallyport', version: options.version },
    };
  }

  /** One line of the input; undefined for one that was too long. */
  take(line: string | undefined): void {
    if (line === undefined) {
      const error = LineTooLong({ limit: this.#options.limits.bodyBytes });
      this.#options.log.warn({ code: error.code, remedy: error.remedy }, error.message);
      this.#refuse(null, errorAnswer(error).error);
      return;
    }
    let json: unknown;
    try {
      json = parseExactJson(line, { what: 'the line' });
    } catch (error) {
      const reason = findSallyError(error);
      const notJson = { code: -32700, message: 'Parse error: the line is not JSON' };
      // Here only the id says whose reply it is.
      if (reason) this.#refuse(findId(line) ?? null, errorAnswer(reason).error);
      else this.#refuse(null, notJson);
      return;
    }
    const message = readMessage(json);
    if (message.kind === 'invalid') {
      this.#refuse(message.id, { code: -32600, message: `Invalid Request: ${message.reason}` });
    } else if (message.kind === 'reply') {
      this.#questions.answered(message.id, message.answer);
    } else if (message.kind === 'notification') {
      this.#notified(message.method, message.params);
    } else {
      const classified = classify(message);
      if (classified.kind === 'refused') this.#refuse(message.id, classified.refusal.error);
      else {
        const envelope = classified.kind === 'modern' ? classified.envelope : undefined;
        this.#serve(message, envelope).catch((error: unknown) => {
          this.#refuse(message.id, tellThrown(error, this.#options).error);
        });
      }
    }
  }

  /** Waits for what is in flight, and lets go of the client. */
  async end(withinMs: number): Promise<void> {
    for (const call of this.#running) if (isSubscription(call)) call.stop();
    if (!(await this.#running.over(() => true, withinMs))) {
      for (const call of this.#running) call.abandon('gone');
      await this.#running.over(() => true, lastWordsMs);
    }
    if (this.#client) {
      this.#questions.end(ClientGone({ client: clientName(this.#client.info) }));
      await this.#options.router.ended(this.#client);
    }
    const { output } = this.#options;
    if (output.writable) await new Promise<void>((resolve) => output.write('', () => resolve()));
  }

  #notified(method: string, params: JsonObject | undefined): void {
    if (method === 'notifications/cancelled') {
      this.#calls.get(idKey(params?.['requestId']))?.abandon('cancelled');
    } else if (method !== 'notifications/initialized' && this.#client) {
      this.#options.router.notified(this.#client, method, params);
    }
  }

  async #serve(message: RequestMessage, envelope: Envelope | undefined): Promise<void> {
    const { identity, limits, plugins } = this.#options;
    const started = performance.now();
    const opened = message.method === 'initialize' && !envelope ? this.#open(message.params) : undefined;
    const client = envelope ? statelessClient(identity, envelope) : (opened ?? this.#client);
    if (client === undefined) return this.#unopened(message);
    if (this.#calls.size >= limits.concurrentCalls) {
      return this.#refuse(message.id, errorAnswer(TooManyCalls({ limit: limits.concurrentCalls })).error);
    }
    const call = new StdioCall({ client, headers: {}, plugins }, message, this.#out);
    this.#calls.set(idKey(call.id), call);
    const over = this.#running.add(call);
    const answer = await answerOf(call, this.#options, () => this.#answer(call, opened));
    if (this.#calls.get(idKey(call.id)) === call) this.#calls.delete(idKey(call.id));
    call.finish(answer);
    this.#access.served(call, answer, started);
    over();
  }

  /** A request of a client that has not opened its session, and says nothing of itself in the request. */
  #unopened({ id, method }: RequestMessage): void {
    if (method === 'ping') this.#send(answerJson(id, { result: {} }));
    else if (method === 'initialize') this.#refuse(id, badInitialize);
    else
      this.#refuse(id, {
        code: -32602,
        message: 'Invalid params: send initialize first, or _meta with each request',
      });
  }

  async #answer(call: StdioCall, opened: Client | undefined): Promise<Answer> {
    const { router } = this.#options;
    if (call.client.era === 'modern') {
      if (call.method === 'server/discover') return discovered(router, call.client, call.signal.signal);
      return removedMethod(call.method) ?? (await router.handle(call));
    }
    if (call.method === 'ping') return { result: {} };
    if (call.method !== 'initialize') return router.handle(call);
    if (opened === undefined) return { error: badInitialize };
    return initialized(router, opened, call.signal.signal);
  }

  /** The client that `initialize` makes of the one on the other end. */
  #open(params: JsonObject): Client | undefined {
    const asked = readInitialize(params);
    if (asked === undefined || this.#client !== undefined) return undefined;
    const send = (json: string) => this.#send(json);
    const questions = this.#questions;
    this.#client = {
      key: randomUUID(),
      era: 'legacy',
      ...asked,
      identity: this.#options.identity,
      notify: (method, given) => send(notificationJson(method, given)),
      ask: (method, given, signal) => questions.ask(send, method, given, signal),
    };
    return this.#client;
  }

  #refuse(id: RequestId | null, error: RpcError): void {
    this.#send(answerJson(id, { error }));
  }

  #send(json: string): void {
    const { output, log } = this.#options;
    if (!output.writable) return;
    if (output.writableLength > maxBacklogBytes) {
      const error = ClientTooSlow({ bytes: output.writableLength });
      log.warn({ code: error.code, remedy: error.remedy }, error.message);
      output.destroy();
    } else {
      output.write(`${json}\n`);
    }
  }
}
