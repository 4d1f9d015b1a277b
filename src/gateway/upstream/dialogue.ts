import {
  findSallyError,
  messageOf,
  type SallyError,
  UpstreamProtocol,
  UpstreamTimeout,
} from '../../errors.js';
import { InFlight } from '../in-flight.js';
import type { Answer, JsonObject, RequestId } from '../rpc.js';
import type { CallOptions } from '../upstream.js';
import { Call } from './call.js';
import { metaKeys, progressTokenOf, withoutSubscription } from './hop.js';
import type { Listeners } from './link.js';
import { isObject, type Message } from './message.js';
import type { UpstreamContext } from './options.js';
import { withSignal } from './wait.js';

type Answerer = NonNullable<CallOptions['onRequest']>;

/** Requests of one upstream that are being answered at a time. */
const maxAsked = 64;

/** Notifications about the state of the whole upstream, also where they come with the reply to a request. */
const ofSession = /^notifications\/(.*list_changed|resources\/updated|tasks\/.*|elicitation\/complete)$/;

/**
 * The JSON-RPC of one session: our requests in flight, what the other side asks and tells, and to whom that goes. How
 * bytes travel is none of its business.
 */
export class Dialogue {
  listeners: Listeners = {};
  readonly #context: UpstreamContext;
  readonly #send: (message: object) => void;
  readonly #calls = new InFlight<Call>();
  readonly #asked = new Map<RequestId, AbortController>();
  #last = 0;

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
    this.#last += 1;
    let begun = false;
    let over: (() => void) | undefined;
    const call = new Call(
      this.#last,
      method,
      progressTokenOf(params),
      options,
      this.#context,
      (ended, givenUp) => {
        over?.();
        if (begun) onEnd?.(ended, givenUp);
      },
    );
    begun = true;
    if (!call.ended) over = this.#calls.add(call);
    return call;
  }

  /** A message of the upstream; `within` is the call on whose HTTP exchange it came. */
  receive(message: Message, within?: Call): void {
    const { id, method } = message;
    if (typeof method !== 'string') this.#answered(message);
    else if (id === undefined || id === null) this.#hear(method, message.params, within);
    else void this.#ask(id, method, message.params, within);
  }

  /** All calls end, each with its error. */
  end(error: (method: string) => SallyError): void {
    for (const call of this.#calls) call.fail(error(call.method));
    for (const asked of this.#asked.values()) asked.abort();
  }

  #answered({ id, result, error }: Message): void {
    const call = this.#callOf(id);
    if (!call) return;
    if (isObject(error)) call.answer({ error });
    else if (isObject(result)) call.answer({ result });
    else {
      const detail = `the answer to ${call.method} has neither a result nor an error`;
      call.fail(UpstreamProtocol({ upstream: this.#context.upstream, detail }));
    }
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
      this.#asked.get(params?.['requestId'] as RequestId)?.abort();
      return;
    }
    if (method === 'notifications/progress') {
      const call = this.#callOf(params?.['progressToken']);
      call?.alive();
      if (call?.token !== undefined) {
        tell(call.options.onNotification, method, { ...params, progressToken: call.token });
      }
      return;
    }
    const call = within ?? this.#subscription(params) ?? this.#onlyOne(method);
    const own = call?.method === 'subscriptions/listen';
    if (own) call.lasting();
    const listener = own || !ofSession.test(method) ? call?.options.onNotification : undefined;
    tell(listener ?? this.listeners.onNotification, method, withoutSubscription(params));
  }

  #callOf(id: unknown): Call | undefined {
    return this.#calls.find((call) => call.id === id);
  }

  #subscription(params: JsonObject | undefined): Call | undefined {
    const meta = params?.['_meta'];
    return isObject(meta) ? this.#callOf(meta[metaKeys.subscription]) : undefined;
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
    if (this.#asked.size >= maxAsked || this.#asked.has(id)) {
      return { error: { code: -32603, message: 'Too many requests at once' } };
    }
    const asked = new AbortController();
    const { upstream, pace } = this.#context;
    const late = () => asked.abort(UpstreamTimeout({ upstream, method, seconds: pace.ask / 1000 }));
    const timer = setTimeout(late, pace.ask);
    this.#asked.set(id, asked);
    call?.asking(asked);
    try {
      return await withSignal(answerer(method, params, asked.signal), asked.signal);
    } catch (thrown) {
      if (asked.signal.aborted && !UpstreamTimeout.is(asked.signal.reason)) return undefined;
      const error = findSallyError(thrown);
      const message = UpstreamTimeout.is(error) ? 'Nobody answered in time' : messageOf(thrown);
      return { error: { code: error?.jsonRpcCode ?? -32603, message } };
    } finally {
      call?.told(asked);
      this.#asked.delete(id);
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
