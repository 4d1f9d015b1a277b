import {
  findSallyError,
  messageOf,
  type SallyError,
  UpstreamProtocol,
  UpstreamReplyId,
  UpstreamTimeout,
} from '../../errors.js';
import { idKey, plainNumber } from '../../json/index.js';
import {
  type Answer,
  isObject,
  type JsonObject,
  type PeerMessage as Message,
  type RequestId,
} from '../../mcp/messages.js';
import { metaKeys, progressTokenOf, withoutSubscription } from '../../mcp/meta.js';
import { isAboutServer } from '../../mcp/methods.js';
import { InFlight, randomRequestId, replyKind, strayText } from '../../mcp/requests.js';
import { unlessAborted } from '../../wait.js';
import type { CallOptions } from '../upstream.js';
import { Call } from './call.js';
import type { Listeners } from './link.js';
import type { UpstreamContext } from './options.js';

type Answerer = NonNullable<CallOptions['onRequest']>;

/** Requests of one upstream that are being answered at a time. */
const maxAsked = 64;

/** Requests that are over whose late replies are known for that. */
const mostOver = 256;

/**
 * The JSON-RPC of one session: our requests in flight, what the other side asks and tells, and to whom that goes. How
 * bytes travel is none of its business.
 */
export class Dialogue {
  listeners: Listeners = {};
  readonly #context: UpstreamContext;
  readonly #send: (message: object) => void;
  readonly #calls = new InFlight<Call>();
  readonly #asked = new Map<unknown, AbortController>();
  /** Ids of requests that were answered or given up, the last ones, and where the next goes. */
  readonly #over: number[] = [];
  #overAt = 0;

  /** `send` takes answers and notifications on their way; it must not throw. */
  constructor(context: UpstreamContext, send: (message: object) => void) {
    this.#context = context;
    this.#send = send;
  }

  /** A new request: its id, its progress token and its deadline. */
  begin(
    method: string,
    params: JsonObject | undefined,
    options: CallOptions,
    onEnd?: (call: Call, givenUp: boolean) => void,
  ): Call {
    let id = randomRequestId();
    while (this.#callOf(id)) id = randomRequestId();
    let begun = false;
    let over: (() => void) | undefined;
    const call = new Call(id, method, progressTokenOf(params), options, this.#context, (ended, givenUp) => {
      over?.();
      this.#over[this.#overAt] = id;
      this.#overAt = (this.#overAt + 1) % mostOver;
      if (begun) onEnd?.(ended, givenUp);
    });
    begun = true;
    if (!call.ended) over = this.#calls.add(call);
    return call;
  }

  /** A message of the upstream; `within` is the call on whose HTTP exchange it came. */
  receive(message: Message, within?: Call): void {
    const { id, method } = message;
    if (typeof method !== 'string') this.#answered(message, within);
    else if (id === undefined || id === null) this.#hear(method, message.params, within);
    else void this.#ask(id, method, message.params, within);
  }

  /** A reply that came in a batch, where there are none. */
  receiveOfBatch(message: Message): void {
    const call = this.#callOf(message.id) ?? this.#onlyCall(message);
    if (call) this.stray(call, 'a batch');
  }

  /** The call ends: what came in place of its reply is none. */
  stray(call: Call, seen: string): void {
    const { upstream } = this.#context;
    call.fail(UpstreamReplyId({ upstream, method: call.method, seen, id: call.id }));
  }

  /** All calls end, each with its error. */
  end(error: (method: string) => SallyError): void {
    for (const call of this.#calls) call.fail(error(call.method));
    for (const asked of this.#asked.values()) asked.abort();
  }

  /** The answer to one of our requests, or what may be one, is not taken: whoever waits for it hears why. */
  refuse(id: unknown, error: SallyError): void {
    const call = this.#callOf(id);
    if (call) call.fail(error);
    else if (id === undefined) this.end(() => error);
  }

  /** What comes on a call's own exchange is for that call alone, whatever id it has. */
  #answered(message: Message, within: Call | undefined): void {
    const call = within ?? this.#callOf(message.id) ?? this.#onlyCall(message);
    if (!call || call.ended) return;
    const { result, error } = message;
    if (replyKind(message, call.id) === 'stray') this.stray(call, strayText(message));
    else if (isObject(error)) call.answer({ error });
    else if (isObject(result)) call.answer({ result });
    else {
      const detail = `the answer to ${call.method} has neither a result nor an error`;
      call.fail(UpstreamProtocol({ upstream: this.#context.upstream, detail }));
    }
  }

  /** On a pipe, whose a reply with no id of ours is can be known only where one alone is waited for. */
  #onlyCall({ id }: Message): Call | undefined {
    if (this.#over.includes(id as number)) return undefined;
    const [call, another] = this.#calls;
    return another === undefined ? call : undefined;
  }

  #hear(method: string, params: JsonObject | undefined, within: Call | undefined): void {
    try {
      this.#notified(method, params, within);
    } catch (error) {
      const { upstream, log } = this.#context;
      log.warn({ upstream, method, error: messageOf(error) }, 'a notification could not be passed on');
    }
  }

  #notified(method: string, params: JsonObject | undefined, within: Call | undefined): void {
    if (method === 'notifications/cancelled') {
      this.#asked.get(idKey(params?.['requestId']))?.abort();
      return;
    }
    if (method === 'notifications/progress') {
      const call = this.#callOf(plainNumber(params?.['progressToken']));
      if (within && call !== within) return;
      call?.alive();
      if (call?.token !== undefined) {
        tell(call.options.onNotification, method, { ...params, progressToken: call.token });
      }
      return;
    }
    const call = within ?? this.#subscription(params) ?? this.#onlyOne(method);
    const own = call?.method === 'subscriptions/listen';
    if (own) call.lasting();
    const listener = own || !isAboutServer(method) ? call?.options.onNotification : undefined;
    tell(listener ?? this.listeners.onNotification, method, withoutSubscription(params));
  }

  #callOf(id: unknown): Call | undefined {
    return this.#calls.find((call) => call.id === id);
  }

  #subscription(params: JsonObject | undefined): Call | undefined {
    const meta = params?.['_meta'];
    return isObject(meta) ? this.#callOf(plainNumber(meta[metaKeys.subscriptionId])) : undefined;
  }

  /** A log message says not which request it is about: with only one in flight it is that one. */
  #onlyOne(method: string): Call | undefined {
    if (method !== 'notifications/message') return undefined;
    const [call, another] = this.#calls;
    return another === undefined ? call : undefined;
  }

  async #ask(
    id: RequestId,
    method: string,
    params: JsonObject | undefined,
    within: Call | undefined,
  ): Promise<void> {
    const answer = await this.#answerTo(id, method, params, within);
    if (!answer) return;
    try {
      this.#send({ jsonrpc: '2.0', id, ...answer });
    } catch (error) {
      // What is nested too deep can be read, and not be written.
      const message = `the answer cannot be written: ${messageOf(error)}`;
      this.#send({ jsonrpc: '2.0', id, error: { code: -32603, message } });
    }
  }

  /** Undefined where the upstream has taken its request back. */
  async #answerTo(
    id: RequestId,
    method: string,
    params: JsonObject | undefined,
    within: Call | undefined,
  ): Promise<Answer | undefined> {
    if (method === 'ping') return { result: {} };
    const { call, answerer } = this.#answerer(within);
    if (!answerer) return { error: { code: -32601, message: `Method not found: ${method}` } };
    if (this.#asked.size >= maxAsked || this.#asked.has(idKey(id))) {
      return { error: { code: -32603, message: 'Too many requests at once' } };
    }
    const asked = new AbortController();
    const { upstream, pace } = this.#context;
    const late = () => asked.abort(UpstreamTimeout({ upstream, method, seconds: pace.ask / 1000 }));
    const timer = setTimeout(late, pace.ask);
    this.#asked.set(idKey(id), asked);
    call?.asking(asked);
    try {
      return await unlessAborted(answerer(method, params, asked.signal), asked.signal);
    } catch (thrown) {
      if (asked.signal.aborted && !UpstreamTimeout.is(asked.signal.reason)) return undefined;
      const error = findSallyError(thrown);
      const message = UpstreamTimeout.is(error) ? 'Nobody answered in time' : messageOf(thrown);
      return { error: { code: error?.jsonRpcCode ?? -32603, message } };
    } finally {
      call?.told(asked);
      this.#asked.delete(idKey(id));
      clearTimeout(timer);
    }
  }

  /** Who answers: the caller on whose way it came, the only caller who could be meant, or else the session's owner. */
  #answerer(within: Call | undefined): { call?: Call; answerer?: Answerer } {
    if (within?.options.onRequest) return { call: within, answerer: within.options.onRequest };
    const askable = [...this.#calls].filter((call) => call.options.onRequest);
    const [call] = askable;
    if (call?.options.onRequest && askable.length === 1) return { call, answerer: call.options.onRequest };
    return this.listeners.onRequest ? { answerer: this.listeners.onRequest } : {};
  }
}

function tell(listener: CallOptions['onNotification'], method: string, params: JsonObject | undefined): void {
  listener?.(method, params);
}
