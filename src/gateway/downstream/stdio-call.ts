import { ClientNotAskable } from '../../errors.js';
import type { Answer, JsonObject, Message } from '../../mcp/messages.js';
import { answerJson, Call, type CallSource, isSubscription, notificationJson } from './call.js';
import type { Questions } from './questions.js';
import { modernAnswer, subscribed } from './stateless.js';

/** What all requests of one stdio connection write to. */
export interface StdioOut {
  send(json: string): void;
  readonly questions: Questions;
  readonly serverInfo: JsonObject;
}

/** A request over stdio: all that belongs to it goes the one way there is. */
export class StdioCall extends Call {
  readonly #out: StdioOut;

  constructor(source: CallSource, message: Extract<Message, { kind: 'request' }>, out: StdioOut) {
    super(source, message);
    this.#out = out;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned !== undefined) return;
    this.#out.send(notificationJson(method, isSubscription(this) ? subscribed(params, this.id) : params));
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer> {
    const { era, revision } = this.client;
    if (era === 'modern') return Promise.reject(ClientNotAskable({ method, revision }));
    return this.#out.questions.ask((json) => this.#out.send(json), method, params, signal);
  }

  finish(answer: Answer): void {
    if (this.abandoned !== undefined) return;
    const modern = this.client.era === 'modern';
    const said = modern
      ? modernAnswer(answer, this.#out.serverInfo, isSubscription(this) ? this.id : undefined)
      : answer;
    this.#out.send(answerJson(this.id, said));
  }
}
