import { onAbort } from '../../cancel.js';
import { CallAbandoned } from '../../errors.js';
import { type Answer, isObject, type JsonObject } from '../../mcp/messages.js';
import type { ClientRequest } from '../client.js';
import type { HeldRequests } from './held.js';
import { canAnswer, cannotAnswer, modernQuestion } from './questions.js';

const maxQuestions = 50;

/** Makes the client's answer of the upstream's, for the request that waits. */
export type Finish = (answer: Answer, now: ClientRequest) => Promise<Answer>;

interface Question {
  readonly entry: JsonObject;
  answer(answer: Answer): void;
}

/**
 * A stateless client's call at an upstream with sessions. What the upstream asks meanwhile ends the client's request
 * with `input_required`, while the call stays open: the retry brings the answers and waits on. `now` is the request of
 * the client that waits, if one does.
 */
export class SuspendedCall {
  readonly #held: HeldRequests;
  readonly #upstream: string;
  readonly #capabilities: JsonObject;
  readonly #questions = new Map<string, Question>();
  readonly #control = new AbortController();
  #now: ClientRequest | undefined;
  #count = 0;
  #asked = () => {};

  constructor(upstream: string, capabilities: JsonObject, held: HeldRequests) {
    this.#upstream = upstream;
    this.#capabilities = capabilities;
    this.#held = held;
  }

  /** Of the call itself, over all of its rounds. */
  get signal(): AbortSignal {
    return this.#control.signal;
  }

  get now(): ClientRequest | undefined {
    return this.#now;
  }

  /** A question of the upstream within the call. */
  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer> {
    if (canAnswer(this.#capabilities, method) !== true || this.#questions.size >= maxQuestions) {
      return Promise.resolve(cannotAnswer(method));
    }
    this.#count += 1;
    const key = `${method.replace(/\W+/g, '-')}-${this.#count}`;
    return new Promise((resolve, reject) => {
      const gone = () => {
        this.#questions.delete(key);
        reject(signal.reason);
      };
      signal.addEventListener('abort', gone, { once: true });
      const answer = (given: Answer) => {
        signal.removeEventListener('abort', gone);
        this.#questions.delete(key);
        resolve(given);
      };
      this.#questions.set(key, { entry: modernQuestion(method, params), answer });
      this.#asked();
    });
  }

  /**
   * Waits, for the client's request, until the call has ended or the upstream asks. `done` is the call, and never
   * rejects; `finish` makes the client's answer of its own.
   */
  async wait(request: ClientRequest, done: Promise<Answer>, finish: Finish): Promise<Answer> {
    this.#now = request;
    const unheard = onAbort(request.signal, (reason) => this.#control.abort(reason));
    try {
      const asked = this.#nextQuestion();
      const first = await Promise.race([done, asked]);
      return first === undefined ? this.#inputRequired(request, done, finish) : await finish(first, request);
    } catch (error) {
      this.#control.abort(error);
      throw error;
    } finally {
      unheard();
      if (this.#now === request) this.#now = undefined;
    }
  }

  #nextQuestion(): Promise<undefined> {
    return new Promise((resolve) => {
      // Those that are asked in one go are put in one answer.
      this.#asked = () => setImmediate(() => resolve(undefined));
      if (this.#questions.size > 0) this.#asked();
    });
  }

  #inputRequired(request: ClientRequest, done: Promise<Answer>, finish: Finish): Answer {
    const requestState = this.#held.hold(request, {
      resume: (again) => {
        this.#take(again.params['inputResponses']);
        return this.wait(again, done, finish);
      },
      drop: () => this.#control.abort(CallAbandoned({ upstream: this.#upstream, method: request.method })),
    });
    const inputRequests = Object.fromEntries([...this.#questions].map(([key, { entry }]) => [key, entry]));
    return { result: { resultType: 'input_required', inputRequests, requestState } };
  }

  /** What is missing is asked again; what nobody asked is not looked at. */
  #take(responses: unknown): void {
    for (const [key, response] of Object.entries(isObject(responses) ? responses : {})) {
      if (isObject(response)) this.#questions.get(key)?.answer({ result: response });
    }
  }
}
