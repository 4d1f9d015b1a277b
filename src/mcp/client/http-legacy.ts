import type { PooledReply } from '../../http/index.js';
import { writeJson } from '../../json/index.js';
import { withDeadline } from '../../wait.js';
import { type JsonObject, type RpcResponse, sentParams } from '../messages.js';
import { isHandshake, repeatable } from '../methods.js';
import { rpcErrorOf, toolCallBody } from '../requests.js';
import { latestLegacyRevision } from '../revisions.js';
import type { Call } from './call.js';
import { Dialogue } from './dialogue.js';
import { type HttpWay, isRefused } from './http-connections.js';
import { textOf } from './http-reply.js';
import type { ClientContext, Facts, Listeners, RequestOptions } from './session.js';

/** A message without a reply of its own, as the server has received it. */
export interface Received {
  readonly reply: PooledReply;
  readonly text: string;
}

/** What sessions of the legacy era over HTTP share, whichever way replies come: what they send, and with which headers. */
export abstract class LegacyHttpSession {
  facts: Facts;
  onRenew: () => void = () => {};
  protected readonly connections: HttpWay;
  protected readonly context: ClientContext;
  protected readonly dialogue: Dialogue;
  /** Aborted with the end of the session. */
  protected readonly closing = new AbortController();
  /** Where messages are posted, where that is not the URL. */
  protected endpoint: string | undefined;
  /** Of what belongs to the session, beside those of each request. */
  protected readonly own: Readonly<Record<string, string>>;
  #headers: Readonly<Record<string, string>> = {};
  /** The same, as they are sent. */
  #lines = '';
  /** The same with the headers of the session itself. */
  #ownLines = '';

  constructor(connections: HttpWay, context: ClientContext, own: Readonly<Record<string, string>>) {
    this.connections = connections;
    this.context = context;
    this.own = own;
    this.dialogue = new Dialogue(
      context,
      (message) => void this.sendQuietly(message),
      (call) => this.#cancel(call),
    );
    const nothing = { capabilities: {}, serverInfo: {}, instructions: undefined };
    this.facts = { era: 'legacy', revision: latestLegacyRevision, ...nothing };
  }

  get listeners(): Listeners {
    return this.dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    this.dialogue.listeners = listeners;
  }

  request(method: string, params: JsonObject | undefined, options: RequestOptions): Promise<RpcResponse> {
    const call = this.begin(method, params, options, method);
    if (call.ended) return call.answered;
    try {
      const own = isHandshake(method) ? params : sentParams(params, call.id, undefined);
      const body = writeJson({ jsonrpc: '2.0', id: call.id, method, ...(own && { params: own }) });
      void this.exchange(call, body, repeatable.has(method));
    } catch (error) {
      this.failed(call, error);
    }
    return call.answered;
  }

  callTool(tool: string, args: string, options: RequestOptions): Promise<RpcResponse> {
    const call = this.begin('tools/call', undefined, options, tool);
    if (!call.ended) void this.exchange(call, toolCallBody(call.id, tool, args, undefined), true);
    return call.answered;
  }

  protected begin(
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
    what: string,
  ): Call {
    return this.dialogue.begin(method, params, options, what);
  }

  /** Sends the request of `call`. Never rejects: what became of it is seen in `call`. */
  protected abstract exchange(call: Call, body: string, repeatable: boolean): Promise<void>;

  protected failed(call: Call, error: unknown): void {
    call.fail(this.context.errors.explain(error, call.what));
  }

  /** The headers of all that is sent from here on. */
  protected speakWith(headers: Readonly<Record<string, string>>): void {
    this.#headers = this.connections.headers(headers);
    this.#lines = this.connections.lines(this.#headers);
    this.#ownLines = this.connections.lines({ ...this.#headers, ...this.own });
  }

  /** The headers of what nobody asks for. */
  protected get ownHeaders(): Readonly<Record<string, string>> {
    return { ...this.#headers, ...this.own };
  }

  /** The same, as they are sent. */
  protected get ownLines(): string {
    return this.#ownLines;
  }

  protected linesOf({ options: { from, headers } }: Call): string {
    if (headers) return this.connections.lines({ ...this.#headers, ...headers });
    return from === undefined ? this.#ownLines : this.#lines;
  }

  /** Sends what has no reply, and hears how it was received. Twice is the same as once. */
  protected say(message: object, what: string): Promise<Received> {
    const { errors, times } = this.context;
    const { ms, setting } = times.silent;
    const late = () => errors.timeout(what, ms / 1000, setting);
    return withDeadline(ms, late, this.closing.signal, async (signal) => {
      const body = writeJson(message);
      const reply = await this.connections.send('POST', this.#ownLines, body, signal, true, this.endpoint);
      return { reply, text: await textOf(reply, this.context) };
    });
  }

  /** Sends what has no reply; that it did not arrive shows in what follows. */
  protected async sendQuietly(message: object): Promise<void> {
    try {
      await this.say(message, 'a message');
    } catch (error) {
      const { about, errors, log } = this.context;
      const { message: why } = errors.explain(error, 'a message');
      log.debug({ ...about, error: why }, 'a message did not arrive');
    }
  }

  #cancel({ id, method, why: reason }: Call): void {
    // `initialize` must not be cancelled.
    if (this.closing.signal.aborted || this.context.callsOnly || isHandshake(method)) return;
    const params = { requestId: id, reason };
    void this.sendQuietly({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  }
}

/** 404 for a session that is gone; servers of the older generation answer 400 and say so in words. */
export const saysGone = ({ reply, text }: Received): boolean => {
  const { status } = reply.head;
  return status === 404 || (status === 400 && /session/i.test(text));
};

/** A reply whose status is no success. An error of the protocol is an answer all the same; one of the gate before it is not. */
export function refuse(
  call: Call,
  { reply, text }: Received,
  connections: HttpWay,
  { callsOnly }: ClientContext,
): void {
  const { status } = reply.head;
  const error = callsOnly || isRefused(status) ? undefined : rpcErrorOf(text, call.id);
  if (error) call.answer({ error });
  else call.fail(connections.failure(call.what, reply, text));
}
