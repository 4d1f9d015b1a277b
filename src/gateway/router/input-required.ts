import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { onAbort, signalOf } from '../../cancel.js';
import { CallAbandoned, ParamsInvalid, TooManyRounds, TooManySuspended } from '../../errors.js';
import { isObject, type JsonObject, metaOf, type RpcResponse } from '../../mcp/messages.js';
import { randomId } from '../../sessions/index.js';
import { pause } from '../../wait.js';
import { type ClientRequest, principalOf } from '../client.js';
import { canAnswer, cannotServe } from './capabilities.js';
import { errorResponse } from './responses.js';
import { isInputRequired } from './translate.js';

/**
 * What an upstream asks within a call: a session client is asked on the stream of its reply, a stateless one gets the
 * result `input_required` and comes again with the responses. Both, where the other end is of the other era.
 */

const maxRounds = 10;
const maxQuestions = 50;
/** A state without questions means: come again later. */
const laterMs = 250;

/**
 * A request of a session client at a modern upstream, whose result is `input_required`: the client is asked on the
 * stream of its reply, and the request is made again with its responses.
 */
export async function askInRounds(
  request: ClientRequest,
  upstream: string,
  first: RpcResponse,
  send: (more: JsonObject) => Promise<RpcResponse>,
): Promise<RpcResponse> {
  let response = first;
  for (let round = 1; isInputRequired(response); round += 1) {
    const { inputRequests, requestState } = response.result;
    const responses = await askAll(request, isObject(inputRequests) ? inputRequests : {});
    if ('error' in responses) return responses;
    const some = Object.keys(responses.result).length > 0;
    if (!some && !(await pause(laterMs, request.signal))) throw request.signal.reason;
    if (round === maxRounds) {
      return errorResponse(TooManyRounds({ upstream, method: request.method, rounds: maxRounds }));
    }
    response = await send({
      inputResponses: responses.result,
      ...(requestState !== undefined && { requestState }),
    });
  }
  return response;
}

/** All questions at once, as a modern client would be asked them. An error of the client ends the request: a round has no place for it. */
async function askAll(request: ClientRequest, questions: JsonObject): Promise<RpcResponse> {
  const entries = Object.entries(questions);
  if (entries.length > maxQuestions) {
    return errorResponse(
      ParamsInvalid({ method: request.method, problem: `${entries.length} questions at once` }),
    );
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, signalOf(request.signal)]);
  const asked = entries.map(async ([key, question]) => {
    const response = await askOne(request, question, signal);
    if ('error' in response) stop.abort();
    return { key, response };
  });
  const responses: [string, unknown][] = [];
  let failed: RpcResponse | undefined;
  for (const settled of await Promise.allSettled(asked)) {
    if (settled.status === 'rejected') failed ??= errorResponse(settled.reason);
    else if ('error' in settled.value.response) failed = settled.value.response;
    else responses.push([settled.value.key, settled.value.response.result]);
  }
  return failed ?? { result: Object.fromEntries(responses) };
}

async function askOne(request: ClientRequest, question: unknown, signal: AbortSignal): Promise<RpcResponse> {
  const method = isObject(question) ? question['method'] : undefined;
  if (!isObject(question) || typeof method !== 'string') return cannotServe(String(method));
  if (canAnswer(request.client.capabilities, method) !== true) return cannotServe(method);
  const { params } = question;
  // 2025-11-25 wants an id for an elicitation by URL, 2026-07-28 has none.
  const byUrl = method === 'elicitation/create' && isObject(params) && params['mode'] === 'url';
  const asked =
    byUrl && params['elicitationId'] === undefined ? { ...params, elicitationId: randomUUID() } : params;
  return request.ask(method, isObject(asked) ? asked : undefined, signal);
}

/** A question of a legacy upstream as an entry of `inputRequests`. */
function modernQuestion(method: string, params: JsonObject | undefined): JsonObject {
  if (params === undefined) return { method };
  // Both belong to the session: the token to progress, the task to a way of asking that this era has not.
  const { _meta, task, elicitationId, ...rest } = params;
  const more = isObject(_meta) && Object.keys(_meta).some((key) => key !== 'progressToken');
  return { method, params: more ? { ...rest, _meta } : rest };
}

/** A request that waits for its caller's input: what the caller gets is a random word for it, as `requestState`. */
interface Suspended {
  /** Goes on with it: `again` is the caller's retry. */
  resume(again: ClientRequest): Promise<RpcResponse>;
  /** Nobody comes back for it. */
  drop(): void;
}

interface Entry extends Suspended {
  readonly principal: string;
  readonly server: string | undefined;
  readonly method: string;
  readonly subject: JsonObject;
  readonly timer: NodeJS.Timeout;
}

const prefix = 'sally-';

/** How long a caller may take for its input, and how many requests may wait for theirs. */
interface SuspendLimits {
  readonly suspendMs: number;
  readonly perPrincipal: number;
  readonly total: number;
}

const defaultLimits: SuspendLimits = { suspendMs: 10 * 60_000, perPrincipal: 50, total: 1_000 };

/** Whether a `requestState` is one of these: any other is the upstream's own. */
export function isOurState(state: unknown): state is string {
  return typeof state === 'string' && state.startsWith(prefix);
}

/** The id in a `requestState` of ours. */
export function suspendedId(state: unknown): string | undefined {
  return isOurState(state) ? state.slice(prefix.length) : undefined;
}

/** What makes a retry one of the same request: all of its params but those of the rounds and of `_meta`. */
function subjectOf({ _meta, inputResponses, requestState, ...subject }: JsonObject): JsonObject {
  return subject;
}

/**
 * The requests that wait. A word is good for one retry of the same request by the same principal at the same virtual server, and
 * for a limited time: it decides that hooks have run, so nobody may come by one in any other way.
 */
export class SuspendedRequests {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: SuspendLimits;
  readonly #makeId: () => string;

  constructor(limits: SuspendLimits = defaultLimits, makeId = randomId) {
    this.#limits = limits;
    this.#makeId = makeId;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The word for it. Throws where too many wait already. */
  suspend({ client, method, params }: ClientRequest, suspended: Suspended): string {
    const principal = principalOf(client.identity);
    const { suspendMs, perPrincipal, total } = this.#limits;
    const waiting = [...this.#entries.values()].filter((entry) => entry.principal === principal).length;
    if (waiting >= perPrincipal) throw TooManySuspended({ limit: perPrincipal });
    if (this.#entries.size >= total) throw TooManySuspended({ limit: total });
    const word = prefix + this.#makeId();
    const timer = setTimeout(() => {
      this.#entries.delete(word);
      suspended.drop();
    }, suspendMs).unref();
    const { server } = client;
    this.#entries.set(word, { ...suspended, principal, server, method, subject: subjectOf(params), timer });
    return word;
  }

  /** What waits under the word that the request carries, once. */
  take({ client, method, params }: ClientRequest): Suspended | undefined {
    const word = params['requestState'];
    const entry = typeof word === 'string' ? this.#entries.get(word) : undefined;
    if (entry === undefined || typeof word !== 'string') return undefined;
    const same =
      entry.principal === principalOf(client.identity) &&
      entry.server === client.server &&
      entry.method === method &&
      isDeepStrictEqual(entry.subject, subjectOf(params));
    if (!same) return undefined;
    clearTimeout(entry.timer);
    this.#entries.delete(word);
    return entry;
  }

  /** Drops all of them. */
  close(): void {
    for (const { timer, drop } of this.#entries.values()) {
      clearTimeout(timer);
      drop();
    }
    this.#entries.clear();
  }
}

/** Makes the client's response of what was waited for, for the request that waits. */
type Finish<T> = (outcome: T, now: ClientRequest) => Promise<RpcResponse>;

interface Question {
  readonly entry: JsonObject;
  resolve(response: RpcResponse): void;
}

/**
 * A stateless client's call at an upstream with sessions. What the upstream asks meanwhile ends the client's request
 * with `input_required`, while the call stays open: the retry brings the responses and waits on. `now` is the request of
 * the client that waits, if one does.
 */
export class SuspendedCall {
  readonly #suspended: SuspendedRequests;
  readonly #upstream: string;
  readonly #capabilities: JsonObject;
  readonly #questions = new Map<string, Question>();
  readonly #control = new AbortController();
  #now: ClientRequest | undefined;
  #count = 0;
  #asked = () => {};

  constructor(upstream: string, capabilities: JsonObject, suspended: SuspendedRequests) {
    this.#upstream = upstream;
    this.#capabilities = capabilities;
    this.#suspended = suspended;
  }

  /** Of the call itself, over all of its rounds. */
  get signal(): AbortSignal {
    return this.#control.signal;
  }

  /** Tells the client on the way of the request that waits, if one does; of progress only where that request wants to hear of it. */
  notify(method: string, params: JsonObject | undefined): void {
    const { progressToken } = metaOf(this.#now?.params);
    if (method !== 'notifications/progress') this.#now?.notify(method, params);
    else if (progressToken !== undefined) this.#now?.notify(method, { ...params, progressToken });
  }

  /** A question of the upstream within the call. */
  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    if (canAnswer(this.#capabilities, method) !== true || this.#questions.size >= maxQuestions) {
      return Promise.resolve(cannotServe(method));
    }
    this.#count += 1;
    const key = `${method.replace(/\W+/g, '-')}-${this.#count}`;
    return new Promise((resolve, reject) => {
      const gone = () => {
        this.#questions.delete(key);
        reject(signal.reason);
      };
      signal.addEventListener('abort', gone, { once: true });
      const response = (given: RpcResponse) => {
        signal.removeEventListener('abort', gone);
        this.#questions.delete(key);
        resolve(given);
      };
      this.#questions.set(key, { entry: modernQuestion(method, params), resolve: response });
      this.#asked();
    });
  }

  /**
   * Waits, for the client's request, until the call has ended or the upstream asks. `done` is the call, and never
   * rejects; `finish` makes the client's response of its.
   */
  async wait<T extends object>(
    request: ClientRequest,
    done: Promise<T>,
    finish: Finish<T>,
  ): Promise<RpcResponse> {
    this.#now = request;
    const stop = onAbort(request.signal, (reason) => this.#control.abort(reason));
    try {
      const asked = this.#nextQuestion();
      const first = await Promise.race([done, asked]);
      return first === undefined ? this.#inputRequired(request, done, finish) : await finish(first, request);
    } catch (error) {
      this.#control.abort(error);
      throw error;
    } finally {
      stop();
      if (this.#now === request) this.#now = undefined;
    }
  }

  #nextQuestion(): Promise<undefined> {
    return new Promise((resolve) => {
      // Those that are asked in one go are put in one result.
      this.#asked = () => setImmediate(() => resolve(undefined));
      if (this.#questions.size > 0) this.#asked();
    });
  }

  #inputRequired<T extends object>(request: ClientRequest, done: Promise<T>, finish: Finish<T>): RpcResponse {
    const requestState = this.#suspended.suspend(request, {
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
      if (isObject(response)) this.#questions.get(key)?.resolve({ result: response });
    }
  }
}
