import { CancelSource } from '../../cancel.js';
import { findSallyError, messageOf, type SallyError } from '../../errors.js';
import { idKey, plainNumber } from '../../json/index.js';
import { unlessAborted } from '../../wait.js';
import {
  codes,
  isObject,
  type JsonObject,
  metaKeys,
  metaOf,
  plainText,
  type RequestId,
  type RpcResponse,
  withoutSubscription,
} from '../messages.js';
import { isAboutServer } from '../methods.js';
import { type PeerMessage, Running, randomRequestId, replyKind, strayText } from '../requests.js';
import { Call } from './call.js';
import type { ClientContext, Listeners, OnRequest, RequestOptions } from './session.js';

/** Requests of one server that are being answered at a time. */
const maxAsked = 64;

/** Requests that are over whose late replies are known for that. */
const mostOver = 256;

/**
 * The JSON-RPC of one session: our requests in flight, what the other side asks and notifies, and to whom that goes. How
 * bytes travel is none of its business.
 */
export class Dialogue {
  listeners: Listeners = {};
  readonly #context: ClientContext;
  readonly #send: (message: object) => void;
  readonly #onGivenUp: ((call: Call) => void) | undefined;
  readonly #calls = new Running<Call>();
  readonly #asked = new Map<unknown, CancelSource>();
  /** Ids of requests that were answered or given up, the last ones, and where the next goes. */
  readonly #over: number[] = [];
  #overAt = 0;

  /**
   * `send` takes responses and notifications on their way; it must not throw. `onGivenUp` hears of requests that their
   * caller gave up once they were begun.
   */
  constructor(
    context: ClientContext,
    send: (message: object) => void,
    onGivenUp?: ((call: Call) => void) | undefined,
  ) {
    this.#context = context;
    this.#send = send;
    this.#onGivenUp = onGivenUp;
  }

  /** A new request, whose time begins: its id, its progress token and its deadline. */
  begin(method: string, params: JsonObject | undefined, options: RequestOptions, what = method): Call {
    let id = randomRequestId();
    while (this.#callOf(id)) id = randomRequestId();
    let over: (() => void) | undefined;
    const token = metaOf(params)['progressToken'];
    const call = new Call(id, method, what, token, options, this.#context, (ended, givenUp) => {
      this.#over[this.#overAt] = id;
      this.#overAt = (this.#overAt + 1) % mostOver;
      // One that its caller had given up before it began was never sent.
      if (!over) return;
      over();
      if (givenUp) this.#onGivenUp?.(ended);
    });
    if (!call.ended) over = this.#calls.add(call);
    options.onSent?.(id);
    return call;
  }

  /** A message of the server; `within` is the call on whose HTTP exchange it came. */
  receive(message: PeerMessage, within?: Call): void {
    const { id, method } = message;
    if (typeof method !== 'string') this.replied(message, within);
    else if (id === undefined || id === null) this.#hear(method, message.params, within);
    else void this.#ask(id, method, message.params, within);
  }

  /** A reply has come: on a call's own exchange it is for that call alone, whatever id it has. */
  replied(message: PeerMessage, within?: Call): void {
    const call = within ?? this.#callOf(message.id) ?? this.#onlyCall(message);
    const { result, error } = message;
    if (!call && isObject(error) && (message.id ?? null) === null) {
      // Whose it is nobody can say, where several are waited for: what it says is all that there is.
      const { about, who, log } = this.#context;
      log.warn(
        { ...about, error: plainText(messageOf(error)) },
        `${who} has refused a request, and does not say which`,
      );
    }
    if (!call || call.ended) return;
    if (replyKind(message, call.id) === 'stray') this.stray(call, strayText(message));
    else if (isObject(error)) call.answer({ error });
    else if (isObject(result)) call.answer({ result });
    else {
      const detail = `the answer to ${call.what} has neither a result nor an error`;
      call.fail(this.#context.errors.unusable(call.what, detail, {}));
    }
  }

  /** A reply that came in a batch, where there are none. */
  receiveOfBatch(message: PeerMessage): void {
    const call = this.#callOf(message.id) ?? this.#onlyCall(message);
    if (call) this.stray(call, 'a batch');
  }

  /** The call ends: what came in place of its reply is none. */
  stray(call: Call, seen: string): void {
    call.fail(this.#context.errors.replyId(call.what, seen, call.id));
  }

  /** All calls end, each with its error. */
  end(error: (method: string) => SallyError): void {
    for (const call of this.#calls) call.fail(error(call.what));
    for (const asked of this.#asked.values()) asked.abort(undefined);
  }

  /** The reply to one of our requests, or what may be one, is not taken: whoever waits for it hears why. */
  refuse(id: unknown, error: SallyError): void {
    const call = this.#callOf(id);
    if (call) call.fail(error);
    else if (id === undefined) this.end(() => error);
  }

  /** On a pipe, whose a reply with no id of ours is can be known only where one alone is waited for. */
  #onlyCall({ id }: PeerMessage): Call | undefined {
    return this.#over.includes(id as number) ? undefined : this.#only();
  }

  #only(): Call | undefined {
    const [call, another] = this.#calls;
    return another === undefined ? call : undefined;
  }

  #hear(method: string, params: JsonObject | undefined, within: Call | undefined): void {
    try {
      this.#notified(method, params, within);
    } catch (error) {
      const { about, log } = this.#context;
      log.warn({ ...about, method, error: messageOf(error) }, 'a notification could not be passed on');
    }
  }

  #notified(method: string, params: JsonObject | undefined, within: Call | undefined): void {
    if (method === 'notifications/cancelled') {
      const { requestId, reason } = params ?? {};
      this.#asked.get(idKey(requestId))?.abort(typeof reason === 'string' ? reason : undefined);
      return;
    }
    if (method === 'notifications/progress') {
      const call = this.#callOf(plainNumber(params?.['progressToken']));
      if (within && call !== within) return;
      call?.alive();
      if (call?.token !== undefined) {
        call.options.onNotification?.(method, { ...params, progressToken: call.token });
      }
      return;
    }
    // A log message says not which request it is about: with only one in flight it is that one. Alive is any of them.
    const said = method === 'notifications/message';
    const call = within ?? this.#subscription(params) ?? (said ? this.#only() : undefined);
    if (said) for (const one of call ? [call] : this.#calls) one.alive();
    const own = call?.method === 'subscriptions/listen';
    if (own) call.lasting();
    const listener = own || !isAboutServer(method) ? call?.options.onNotification : undefined;
    (listener ?? this.listeners.onNotification)?.(method, withoutSubscription(params));
  }

  #callOf(id: unknown): Call | undefined {
    return this.#calls.find((call) => call.id === id);
  }

  #subscription(params: JsonObject | undefined): Call | undefined {
    const meta = params?.['_meta'];
    return isObject(meta) ? this.#callOf(plainNumber(meta[metaKeys.subscriptionId])) : undefined;
  }

  async #ask(
    id: RequestId,
    method: string,
    params: JsonObject | undefined,
    within: Call | undefined,
  ): Promise<void> {
    const response = await this.#responseTo(id, method, params, within);
    if (!response) return;
    try {
      this.#send({ jsonrpc: '2.0', id, ...response });
    } catch (error) {
      // What is nested too deep can be read, and not be written.
      const message = `the answer cannot be written: ${messageOf(error)}`;
      this.#send({ jsonrpc: '2.0', id, error: { code: codes.internalError, message } });
    }
  }

  /** Undefined where the server has taken its request back. */
  async #responseTo(
    id: RequestId,
    method: string,
    params: JsonObject | undefined,
    within: Call | undefined,
  ): Promise<RpcResponse | undefined> {
    if (method === 'ping') return { result: {} };
    const { call, responder } = this.#responder(within);
    if (!responder) return { error: { code: codes.methodNotFound, message: `Method not found: ${method}` } };
    if (this.#asked.size >= maxAsked || this.#asked.has(idKey(id))) {
      return { error: { code: codes.internalError, message: 'Too many requests at once' } };
    }
    const asked = new CancelSource();
    const { errors, pace } = this.#context;
    let late: SallyError | undefined;
    const timer = setTimeout(() => {
      late = errors.timeout(method, pace.ask / 1000);
      asked.abort(late);
    }, pace.ask);
    this.#asked.set(idKey(id), asked);
    call?.asking(asked);
    try {
      return await unlessAborted(responder(method, params, asked.signal), asked);
    } catch (thrown) {
      if (asked.aborted && !late) return undefined;
      const error = findSallyError(thrown);
      const message = late !== undefined && error === late ? 'Nobody answered in time' : messageOf(thrown);
      return { error: { code: error?.jsonRpcCode ?? codes.internalError, message } };
    } finally {
      call?.asked(asked);
      this.#asked.delete(idKey(id));
      clearTimeout(timer);
    }
  }

  /** Who answers: the caller on whose way it came, the only caller who could be meant, or else the session's owner. */
  #responder(within: Call | undefined): { call?: Call; responder?: OnRequest } {
    if (within?.options.onRequest) return { call: within, responder: within.options.onRequest };
    const [call, another] = [...this.#calls].filter(({ options }) => options.onRequest);
    if (call?.options.onRequest && !another) return { call, responder: call.options.onRequest };
    return this.listeners.onRequest ? { responder: this.listeners.onRequest } : {};
  }
}
