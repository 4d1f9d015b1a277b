import type { Cancellation } from '../../cancel.js';
import type { SallyError } from '../../errors.js';
import type { PooledReply } from '../../http/index.js';
import { backoff, pause, withDeadline } from '../../wait.js';
import type { Position } from '../events.js';
import { headerNames, postHeaders } from '../headers.js';
import { isObject, type JsonObject } from '../messages.js';
import { latestLegacyRevision } from '../revisions.js';
import type { Call } from './call.js';
import { type HttpWay, isRefused, pageText } from './http-connections.js';
import { LegacyHttpSession, type Received, refuse, saysGone } from './http-legacy.js';
import { exchangeOnce, keepStream, leave, readReply, textOf } from './http-reply.js';
import { judgeInitialize } from './negotiate.js';
import type { ClientContext, ClientSession } from './session.js';

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
export class HttpSession extends LegacyHttpSession implements ClientSession {
  onEnd: (reason: SallyError) => void = () => {};
  readonly over = false;
  readonly #capabilities: JsonObject;
  readonly #events: SessionEvents;
  #id: string | undefined;
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
    super(connections, context, own);
    this.#capabilities = capabilities;
    this.#events = events;
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

  async notify(method: string, params?: JsonObject): Promise<void> {
    const message = { jsonrpc: '2.0', method, ...(params && { params }) };
    const generation = this.#generation;
    const received = await this.say(message, method).catch((error) => {
      throw this.context.errors.explain(error, method);
    });
    const { reply, text } = received;
    if (reply.head.status < 300) return;
    if (!this.#isGone(received)) throw this.connections.failure(method, reply, text);
    await this.#renew(generation);
    await this.sendQuietly(message);
  }

  async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    this.closing.abort();
    this.#stream?.abort();
    this.dialogue.end((method) => this.context.errors.lost(method, 'the session was closed'));
    if (this.#id === undefined || this.context.callsOnly) return;
    try {
      const late = AbortSignal.timeout(deleteMs);
      leave(await this.connections.send('DELETE', this.ownLines, undefined, late, true));
    } catch {
      // A server that is not there any more has no session either.
    }
  }

  async #initialize(signal: AbortSignal): Promise<void> {
    const method = 'initialize';
    const { client, errors } = this.context;
    const connections = this.connections;
    const params = {
      protocolVersion: latestLegacyRevision,
      capabilities: this.#capabilities,
      clientInfo: client,
    };
    const lines = connections.lines(connections.headers({ ...this.own, ...postHeaders }));
    const { reply, text, message } = await exchangeOnce(
      connections,
      this.context,
      lines,
      method,
      params,
      signal,
    ).catch((error) => {
      throw errors.explain(error, method);
    });
    const { status, headers } = reply.head;
    // What is no error of JSON-RPC is a page of somebody before the server, or of the wrong place.
    const refused = status >= 400 && (this.context.callsOnly || !isObject(message?.error));
    if (!message || refused || isRefused(status)) {
      throw connections.failure(method, reply, text);
    }
    const facts = judgeInitialize(errors, message);
    if (facts instanceof Error) throw facts;
    this.facts = facts;
    this.#id = headers.get(headerNames.sessionId);
    this.speakWith({
      ...postHeaders,
      [headerNames.protocolVersion]: facts.revision,
      ...(this.#id !== undefined && { [headerNames.sessionId]: this.#id }),
    });
    this.#generation += 1;
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    leave(await connections.send('POST', this.ownLines, initialized, signal, true));
    if (!this.context.callsOnly) this.#listen();
  }

  /** The stream for what belongs to no request, on a connection of its own: requests would wait behind it for ever. */
  #listen(): void {
    this.#stream?.abort();
    const stream = new AbortController();
    this.#stream = stream;
    const generation = this.#generation;
    void keepStream(this.context, stream.signal, {
      open: (lastEventId) => this.#get(lastEventId, stream.signal),
      // Replies come on the exchanges of their requests.
      receive: (message) => message.method !== undefined && this.dialogue.receive(message),
      refused: async (reply) => {
        const text = await textOf(reply, this.context);
        if (this.#isGone({ reply, text })) await this.#renew(generation);
      },
      failed: (error) => this.#events.doubt(this.context.errors.explain(error, 'GET')),
    });
  }

  #get(lastEventId: string | undefined, signal: Cancellation): Promise<PooledReply> {
    const { 'content-type': _, ...own } = this.ownHeaders;
    const resume = lastEventId !== undefined && { [headerNames.lastEventId]: lastEventId };
    const lines = this.connections.lines({ ...own, accept: 'text/event-stream', ...resume });
    return this.connections.send('GET', lines, undefined, signal);
  }

  /**
   * Sends the request of `call`, and once more where the session turns out to be gone. Never rejects: what became of it is
   * seen in `call`.
   */
  protected async exchange(call: Call, body: string, repeatable: boolean): Promise<void> {
    try {
      for (let again = false; ; again = true) {
        const generation = this.#generation;
        const reply = await this.connections.send('POST', this.linesOf(call), body, call, repeatable);
        if (reply.head.status < 300) return await this.#read(reply, call);
        const received = { reply, text: await textOf(reply, this.context) };
        if (again || !this.#isGone(received)) return refuse(call, received, this.connections, this.context);
        await this.#renew(generation);
      }
    } catch (error) {
      this.failed(call, error);
    }
  }

  /** Reads a reply; its stream is taken up again where that breaks before the end. */
  async #read(first: PooledReply, call: Call): Promise<void> {
    const { errors, pace } = this.context;
    const parts = { dialogue: this.dialogue, context: this.context, revision: this.facts.revision };
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
        const text = pageText(await textOf(reply, this.context));
        const detail = `its stream broke and is not taken up: HTTP ${reply.head.status} ${text}`;
        throw errors.lost(call.what, detail);
      }
      await readReply(reply, call, position, parts);
    }
  }

  #isGone(received: Received): boolean {
    return this.#id !== undefined && saysGone(received);
  }

  #renew(generation: number): Promise<void> {
    if (generation !== this.#generation || this.closing.signal.aborted) return Promise.resolve();
    const { errors, pace } = this.context;
    const gone = { method: 'initialize', status: 404, text: 'the session is gone', challenge: undefined };
    this.#renewing ??= withDeadline(
      pace.handshake,
      () => errors.status(gone),
      this.closing.signal,
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
