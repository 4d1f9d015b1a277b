import type { Cancellation } from '../../cancel.js';
import type { SallyError } from '../../errors.js';
import type { PooledReply } from '../../http/index.js';
import { writeJson } from '../../json/index.js';
import { backoff, pause, withDeadline } from '../../wait.js';
import type { Position } from '../events.js';
import { headerNames, postHeaders } from '../headers.js';
import { isObject, type JsonObject, type RpcResponse, sentParams } from '../messages.js';
import { repeatable } from '../methods.js';
import { rpcErrorOf, toolCallBody } from '../requests.js';
import { latestLegacyRevision } from '../revisions.js';
import type { Call } from './call.js';
import { Dialogue } from './dialogue.js';
import { type HttpWay, isRefused, pageText } from './http-connections.js';
import { exchangeOnce, keepStream, leave, readReply, textOf } from './http-reply.js';
import { judgeInitialize } from './negotiate.js';
import type { ClientContext, ClientSession, Facts, Listeners, RequestOptions } from './session.js';

/** What a session reports to those who hold it. */
export interface SessionEvents {
  doubt(reason: SallyError): void;
  renewed(): void;
}

/** How long the end of a session may take to be said, in milliseconds. */
const deleteMs = 2_000;
/** Attempts to take up a stream that broke before its reply, where nobody is reached. */
const maxResumes = 5;

/** A session over Streamable HTTP, as revisions up to 2025-11-25 have it. */
export class HttpSession implements ClientSession {
  facts: Facts;
  onEnd: (reason: SallyError) => void = () => {};
  onRenew: () => void = () => {};
  readonly over = false;
  readonly #connections: HttpWay;
  readonly #context: ClientContext;
  readonly #capabilities: JsonObject;
  /** Of what belongs to the session, beside those of each request. */
  readonly #own: Readonly<Record<string, string>>;
  readonly #events: SessionEvents;
  readonly #dialogue: Dialogue;
  readonly #closing = new AbortController();
  #id: string | undefined;
  #headers: Readonly<Record<string, string>> = {};
  /** The same, as they are sent. */
  #lines = '';
  /** The same with the headers of the session itself. */
  #ownLines = '';
  /** Counts the times that the session began anew. */
  #generation = 0;
  #stream: AbortController | undefined;
  #renewing: Promise<void> | undefined;

  private constructor(
    connections: HttpWay,
    context: ClientContext,
    capabilities: JsonObject,
    events: SessionEvents,
    own: Readonly<Record<string, string>>,
  ) {
    this.#connections = connections;
    this.#context = context;
    this.#capabilities = capabilities;
    this.#own = own;
    this.#events = events;
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
    events: SessionEvents,
    signal: AbortSignal,
    own: Readonly<Record<string, string>> = {},
  ): Promise<HttpSession> {
    const session = new HttpSession(connections, context, capabilities, events, own);
    await session.#initialize(signal);
    return session;
  }

  get listeners(): Listeners {
    return this.#dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    this.#dialogue.listeners = listeners;
  }

  request(method: string, params: JsonObject | undefined, options: RequestOptions): Promise<RpcResponse> {
    const call = this.#dialogue.begin(method, params, options);
    if (call.ended) return call.answered;
    try {
      const own = sentParams(params, call.id, undefined);
      const body = writeJson({ jsonrpc: '2.0', id: call.id, method, ...(own && { params: own }) });
      void this.#exchange(call, body, repeatable.has(method));
    } catch (error) {
      this.#failed(call, error);
    }
    return call.answered;
  }

  callTool(tool: string, args: string, options: RequestOptions): Promise<RpcResponse> {
    const call = this.#dialogue.begin('tools/call', undefined, options, tool);
    if (!call.ended) void this.#exchange(call, toolCallBody(call.id, tool, args, undefined), true);
    return call.answered;
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    const message = { jsonrpc: '2.0', method, ...(params && { params }) };
    const generation = this.#generation;
    const { reply, text } = await this.#say(message, method).catch((error) => {
      throw this.#context.errors.explain(error, method);
    });
    if (reply.head.status < 300) return;
    if (!this.#isGone(reply, text)) throw this.#connections.failure(method, reply, text);
    await this.#renew(generation);
    await this.#sendQuietly(message);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#stream?.abort();
    this.#dialogue.end((method) => this.#context.errors.lost(method, 'the session was closed'));
    if (this.#id === undefined || this.#context.callsOnly) return;
    try {
      const late = AbortSignal.timeout(deleteMs);
      leave(await this.#connections.send('DELETE', this.#ownLines, undefined, late, true));
    } catch {
      // A server that is not there any more has no session either.
    }
  }

  async #initialize(signal: AbortSignal): Promise<void> {
    const method = 'initialize';
    const { client, errors } = this.#context;
    const connections = this.#connections;
    const params = {
      protocolVersion: latestLegacyRevision,
      capabilities: this.#capabilities,
      clientInfo: client,
    };
    const lines = connections.lines(connections.headers({ ...this.#own, ...postHeaders }));
    const { reply, text, message } = await exchangeOnce(
      connections,
      this.#context,
      lines,
      method,
      params,
      signal,
    ).catch((error) => {
      throw errors.explain(error, method);
    });
    const { status, headers } = reply.head;
    // What is no error of JSON-RPC is a page of somebody before the server, or of the wrong place.
    const refused = status >= 400 && (this.#context.callsOnly || !isObject(message?.error));
    if (!message || refused || isRefused(status)) {
      throw connections.failure(method, reply, text);
    }
    const facts = judgeInitialize(errors, message);
    if (facts instanceof Error) throw facts;
    this.facts = facts;
    this.#id = headers.get(headerNames.sessionId);
    this.#headers = connections.headers({
      ...postHeaders,
      [headerNames.protocolVersion]: facts.revision,
      ...(this.#id !== undefined && { [headerNames.sessionId]: this.#id }),
    });
    this.#lines = connections.lines(this.#headers);
    this.#ownLines = connections.lines({ ...this.#headers, ...this.#own });
    this.#generation += 1;
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    leave(await connections.send('POST', this.#ownLines, initialized, signal, true));
    if (!this.#context.callsOnly) this.#listen();
  }

  /** The stream for what belongs to no request, on a connection of its own: requests would wait behind it for ever. */
  #listen(): void {
    this.#stream?.abort();
    const stream = new AbortController();
    this.#stream = stream;
    const generation = this.#generation;
    void keepStream(this.#context, stream.signal, {
      open: (lastEventId) => this.#get(lastEventId, stream.signal),
      // Replies come on the exchanges of their requests.
      receive: (message) => message.method !== undefined && this.#dialogue.receive(message),
      refused: async (reply) => {
        const text = await textOf(reply, this.#context);
        if (this.#isGone(reply, text)) await this.#renew(generation);
      },
      failed: (error) => this.#events.doubt(this.#context.errors.explain(error, 'GET')),
    });
  }

  #get(lastEventId: string | undefined, signal: Cancellation): Promise<PooledReply> {
    const { 'content-type': _, ...own } = { ...this.#headers, ...this.#own };
    const resume = lastEventId !== undefined && { [headerNames.lastEventId]: lastEventId };
    const lines = this.#connections.lines({ ...own, accept: 'text/event-stream', ...resume });
    return this.#connections.send('GET', lines, undefined, signal);
  }

  #failed(call: Call, error: unknown): void {
    call.fail(this.#context.errors.explain(error, call.what));
  }

  /**
   * Sends the request of `call`, and once more where the session turns out to be gone. Never rejects: what became of it is
   * seen in `call`.
   */
  async #exchange(call: Call, body: string, repeatable: boolean): Promise<void> {
    const { from, headers } = call.options;
    const own = from === undefined && headers === undefined;
    try {
      for (let again = false; ; again = true) {
        const generation = this.#generation;
        // What nobody asks for is the session's own.
        const usual = own ? this.#ownLines : this.#lines;
        const lines = headers ? this.#connections.lines({ ...this.#headers, ...headers }) : usual;
        const reply = await this.#connections.send('POST', lines, body, call, repeatable);
        if (reply.head.status < 300) return await this.#read(reply, call);
        const text = await textOf(reply, this.#context);
        if (again || !this.#isGone(reply, text))
          return refuse(call, reply, text, this.#connections, this.#context);
        await this.#renew(generation);
      }
    } catch (error) {
      this.#failed(call, error);
    }
  }

  /** Reads a reply; its stream is taken up again where that breaks before the end. */
  async #read(first: PooledReply, call: Call): Promise<void> {
    const { errors, pace } = this.#context;
    const parts = { dialogue: this.#dialogue, context: this.#context, revision: this.facts.revision };
    const position: Position = {};
    await readReply(first, call, position, parts);
    let failures = 0;
    while (!call.ended) {
      // The stream ended before the reply: a server that gave an event id keeps the rest for who comes again.
      if (position.lastEventId === undefined) throw errors.lost(call.what, 'its stream ended');
      if (!(await pause(position.retry ?? backoff(failures + 1, pace, Math.random), call))) return;
      let reply: PooledReply;
      try {
        reply = await this.#get(position.lastEventId, call);
      } catch (error) {
        failures += 1;
        if (failures <= maxResumes && !call.ended) continue;
        // Whatever is the matter now, the server has had the request.
        const { message } = errors.explain(error, call.what);
        throw errors.lost(call.what, `its stream broke and is not taken up: ${message}`);
      }
      if (reply.kind === 'whole') {
        const text = pageText(await textOf(reply, this.#context));
        const detail = `its stream broke and is not taken up: HTTP ${reply.head.status} ${text}`;
        throw errors.lost(call.what, detail);
      }
      await readReply(reply, call, position, parts);
    }
  }

  #cancel({ id, why: reason }: Call): void {
    if (this.#closing.signal.aborted || this.#context.callsOnly) return;
    const params = { requestId: id, reason };
    void this.#sendQuietly({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  }

  /** Sends what has no reply, and hears how it was received. Twice is the same as once. */
  #say(message: object, what: string): Promise<{ reply: PooledReply; text: string }> {
    const { errors, times } = this.#context;
    const { ms, setting } = times.silent;
    const late = () => errors.timeout(what, ms / 1000, setting);
    return withDeadline(ms, late, this.#closing.signal, async (signal) => {
      const reply = await this.#connections.send('POST', this.#ownLines, writeJson(message), signal, true);
      return { reply, text: await textOf(reply, this.#context) };
    });
  }

  /** Sends what has no reply; that it did not arrive shows in what follows. */
  async #sendQuietly(message: object): Promise<void> {
    try {
      await this.#say(message, 'a message');
    } catch (error) {
      const { about, errors, log } = this.#context;
      const { message: why } = errors.explain(error, 'a message');
      log.debug({ ...about, error: why }, 'a message did not arrive');
    }
  }

  /** 404 for a session that is gone; servers of the older generation answer 400 and say so in words. */
  #isGone({ head: { status } }: PooledReply, text: string): boolean {
    if (this.#id === undefined) return false;
    return status === 404 || (status === 400 && /session/i.test(text));
  }

  #renew(generation: number): Promise<void> {
    if (generation !== this.#generation || this.#closing.signal.aborted) return Promise.resolve();
    const { errors, pace } = this.#context;
    const gone = { method: 'initialize', status: 404, text: 'the session is gone', challenge: undefined };
    this.#renewing ??= withDeadline(
      pace.handshake,
      () => errors.status(gone),
      this.#closing.signal,
      (signal) => this.#initialize(signal),
    )
      .then(
        () => {
          this.onRenew();
          this.#events.renewed();
        },
        (error) => {
          this.#events.doubt(errors.explain(error, 'initialize'));
          throw error;
        },
      )
      .finally(() => {
        this.#renewing = undefined;
      });
    return this.#renewing;
  }
}

/** A reply whose status is no success. An error of the protocol is an answer all the same; one of the gate before it is not. */
export function refuse(
  call: Call,
  reply: PooledReply,
  text: string,
  connections: HttpWay,
  { callsOnly }: ClientContext,
): void {
  const { status } = reply.head;
  const error = callsOnly || isRefused(status) ? undefined : rpcErrorOf(text, call.id);
  if (error) call.answer({ error });
  else call.fail(connections.failure(call.what, reply, text));
}
