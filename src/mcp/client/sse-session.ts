import type { SallyError } from '../../errors.js';
import type { PooledReply } from '../../http/index.js';
import { writeJson } from '../../json/index.js';
import { withDeadline } from '../../wait.js';
import { eventStream, headerNames, postHeaders } from '../headers.js';
import { type JsonObject, plainText, type RpcResponse, sentParams } from '../messages.js';
import { isHandshake, repeatable } from '../methods.js';
import { toolCallBody } from '../requests.js';
import { latestLegacyRevision } from '../revisions.js';
import type { Call } from './call.js';
import { Dialogue } from './dialogue.js';
import type { HttpWay } from './http-connections.js';
import { eventsOf, leave, receiveText, textOf } from './http-reply.js';
import { refuse } from './http-session.js';
import { judgeInitialize } from './negotiate.js';
import type { ClientContext, ClientSession, Facts, Listeners, RequestOptions } from './session.js';

/** 404 for a session that is gone; or 400, in words. */
const isGone = (status: number, text: string): boolean =>
  status === 404 || (status === 400 && /session/i.test(text));

/** How long a server may take to say where messages are posted, in milliseconds. */
const endpointMs = 10_000;

/**
 * A session over HTTP+SSE, the transport of 2024-11-05: one stream brings all that the server sends, and what this side
 * sends is posted to an address that the stream's first event names. The session ends with its stream.
 */
export class SseSession implements ClientSession {
  facts: Facts;
  onRenew: () => void = () => {};
  readonly #connections: HttpWay;
  readonly #context: ClientContext;
  /** Of what belongs to the session, beside those of each request. */
  readonly #own: Readonly<Record<string, string>>;
  readonly #dialogue: Dialogue;
  /** Its end is that of the stream. */
  readonly #stream = new AbortController();
  #endpoint = '';
  #headers: Readonly<Record<string, string>> = {};
  /** The same, as they are sent. */
  #lines = '';
  /** The same with the headers of the session itself. */
  #ownLines = '';
  #closing = false;
  /** Why it has ended by itself. */
  #ended: SallyError | undefined;
  #onEnd: ((reason: SallyError) => void) | undefined;

  private constructor(connections: HttpWay, context: ClientContext, own: Readonly<Record<string, string>>) {
    this.#connections = connections;
    this.#context = context;
    this.#own = own;
    this.#dialogue = new Dialogue(
      context,
      (message) => void this.#sendQuietly(message),
      (call) => this.#cancel(call),
    );
    const nothing = { capabilities: {}, serverInfo: {}, instructions: undefined };
    this.facts = { era: 'legacy', revision: latestLegacyRevision, ...nothing };
  }

  static async open(
    connections: HttpWay,
    context: ClientContext,
    capabilities: JsonObject,
    signal: AbortSignal,
    own: Readonly<Record<string, string>> = {},
  ): Promise<SseSession> {
    const session = new SseSession(connections, context, own);
    const give = () => session.#stream.abort(signal.reason);
    signal.addEventListener('abort', give);
    try {
      await session.#listen(signal);
      await session.#initialize(capabilities, signal);
      return session;
    } catch (error) {
      await session.close();
      throw context.errors.explain(error, 'initialize');
    } finally {
      signal.removeEventListener('abort', give);
    }
  }

  get over(): boolean {
    return this.#ended !== undefined;
  }

  get listeners(): Listeners {
    return this.#dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    this.#dialogue.listeners = listeners;
  }

  get onEnd(): (reason: SallyError) => void {
    return this.#onEnd ?? (() => {});
  }

  /** Whoever comes after the end hears of it, too. */
  set onEnd(listener: (reason: SallyError) => void) {
    this.#onEnd = listener;
    const reason = this.#ended;
    if (reason) queueMicrotask(() => listener(reason));
  }

  request(method: string, params: JsonObject | undefined, options: RequestOptions): Promise<RpcResponse> {
    const call = this.#begin(method, params, options, method);
    if (call.ended) return call.answered;
    try {
      const own = isHandshake(method) ? params : sentParams(params, call.id, undefined);
      const body = writeJson({ jsonrpc: '2.0', id: call.id, method, ...(own && { params: own }) });
      void this.#exchange(call, body, repeatable.has(method));
    } catch (error) {
      call.fail(this.#context.errors.explain(error, call.what));
    }
    return call.answered;
  }

  callTool(tool: string, args: string, options: RequestOptions): Promise<RpcResponse> {
    const call = this.#begin('tools/call', undefined, options, tool);
    if (!call.ended) void this.#exchange(call, toolCallBody(call.id, tool, args, undefined), true);
    return call.answered;
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    const reply = await this.#say({ jsonrpc: '2.0', method, ...(params && { params }) }, method).catch(
      (error) => {
        throw this.#context.errors.explain(error, method);
      },
    );
    if (reply.head.status < 300) return leave(reply);
    throw this.#connections.failure(method, reply, await textOf(reply, this.#context));
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#dialogue.end((method) => this.#context.errors.lost(method, 'the session was closed'));
    this.#stream.abort();
  }

  /** Opens the stream, and waits for the address that messages are posted to. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { errors } = this.#context;
    const lines = this.#connections.lines(this.#connections.headers({ ...this.#own, accept: eventStream }));
    const reply = await this.#connections.send('GET', lines, undefined, this.#stream.signal, true);
    const { status, contentType } = reply.head;
    if (reply.kind !== 'stream' || status >= 300 || !contentType.includes(eventStream)) {
      if (status >= 300) throw this.#connections.failure('GET', reply, await textOf(reply, this.#context));
      leave(reply);
      throw errors.protocol(
        `GET is answered with ${contentType || 'no content type'}, not with ${eventStream}`,
      );
    }
    const late = () => errors.protocol('its stream names no endpoint to post to');
    await withDeadline(endpointMs, late, signal, () => this.#named(reply));
  }

  #named(reply: Extract<PooledReply, { kind: 'stream' }>): Promise<void> {
    return new Promise((resolve, reject) => {
      const onData = (data: string) => receiveText(data, this.#dialogue, this.#context, this.facts.revision);
      const onOther = (event: string, data: string) => {
        if (event !== 'endpoint' || this.#endpoint !== '') return;
        const path = this.#connections.pathOf(data.trim());
        if (path === undefined) {
          const detail = `its endpoint ${plainText(data)} is on another origin: nothing is sent there`;
          reject(this.#context.errors.protocol(detail));
        } else {
          this.#endpoint = path;
          resolve();
        }
      };
      void eventsOf(reply, {}, this.#context, onData, undefined, onOther).then((broken) => {
        const { errors } = this.#context;
        if (this.#endpoint === '')
          reject(broken ?? errors.protocol('its stream ended and named no endpoint'));
        this.#over(errors.lost('GET', 'the stream of its session ended'));
      });
    });
  }

  async #initialize(capabilities: JsonObject, signal: AbortSignal): Promise<void> {
    const { client, errors } = this.#context;
    this.#speakWith(postHeaders);
    const params = { protocolVersion: latestLegacyRevision, capabilities, clientInfo: client };
    const response = await this.request('initialize', params, { signal });
    const facts = judgeInitialize(errors, response);
    if (facts instanceof Error) throw facts;
    this.facts = facts;
    this.#speakWith({ ...postHeaders, [headerNames.protocolVersion]: facts.revision });
    await this.notify('notifications/initialized');
  }

  #speakWith(own: Readonly<Record<string, string>>): void {
    this.#headers = this.#connections.headers(own);
    this.#lines = this.#connections.lines(this.#headers);
    this.#ownLines = this.#connections.lines({ ...this.#headers, ...this.#own });
  }

  #begin(method: string, params: JsonObject | undefined, options: RequestOptions, what: string): Call {
    const call = this.#dialogue.begin(method, params, options, what);
    if (this.#ended) call.fail(this.#context.errors.lost(what, 'the stream of its session ended'));
    return call;
  }

  /** Posts the request of `call`, whose reply comes on the stream. Never rejects: what became of it is seen in `call`. */
  async #exchange(call: Call, body: string, again: boolean): Promise<void> {
    const { from, headers } = call.options;
    try {
      // What nobody asks for is the session's own.
      const usual = from === undefined ? this.#ownLines : this.#lines;
      const lines = headers ? this.#connections.lines({ ...this.#headers, ...headers }) : usual;
      const reply = await this.#connections.send('POST', lines, body, call, again, this.#endpoint);
      if (reply.head.status < 300) return leave(reply);
      const text = await textOf(reply, this.#context);
      refuse(call, reply, text, this.#connections, this.#context);
      // The stream is of a session that the server does not know any more, such as that of a worker that is gone.
      if (isGone(reply.head.status, text)) this.#stream.abort();
    } catch (error) {
      call.fail(this.#context.errors.explain(error, call.what));
    }
  }

  #cancel({ id, method, why: reason }: Call): void {
    // `initialize` must not be cancelled.
    if (this.#closing || this.#ended || isHandshake(method)) return;
    const params = { requestId: id, reason };
    void this.#sendQuietly({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  }

  #over(reason: SallyError): void {
    if (this.#closing || this.#ended) return;
    this.#ended = reason;
    this.#dialogue.end((method) => this.#context.errors.lost(method, 'the stream of its session ended'));
    this.#onEnd?.(reason);
  }

  #say(message: object, what: string): Promise<PooledReply> {
    const { errors, times } = this.#context;
    const { ms } = times.silent;
    const late = () => errors.timeout(what, ms / 1000);
    return withDeadline(ms, late, this.#stream.signal, (signal) =>
      this.#connections.send('POST', this.#ownLines, writeJson(message), signal, true, this.#endpoint),
    );
  }

  /** Sends what has no reply; that it did not arrive shows in what follows. */
  async #sendQuietly(message: object): Promise<void> {
    try {
      leave(await this.#say(message, 'a message'));
    } catch (error) {
      const { about, errors, log } = this.#context;
      const { message: why } = errors.explain(error, 'a message');
      log.debug({ ...about, error: why }, 'a message did not arrive');
    }
  }
}
