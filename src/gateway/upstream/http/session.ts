import type { Cancellation } from '../../../cancel.js';
import { type SallyError, UpstreamLost, UpstreamStatus, UpstreamTimeout } from '../../../errors.js';
import { writeJson } from '../../../json/index.js';
import type { Position } from '../../../mcp/events.js';
import { headerNames, postHeaders } from '../../../mcp/headers.js';
import { type Answer, type JsonObject, rpcErrorOf } from '../../../mcp/messages.js';
import { sentParams } from '../../../mcp/meta.js';
import { isRepeatable } from '../../../mcp/methods.js';
import { latestLegacyRevision } from '../../../mcp/revisions.js';
import { backoff, pause, withDeadline } from '../../../wait.js';
import type { CallOptions } from '../../upstream.js';
import type { Call } from '../call.js';
import { Dialogue } from '../dialogue.js';
import type { Facts, Link, Listeners } from '../link.js';
import { judgeInitialize } from '../negotiate.js';
import type { UpstreamContext } from '../options.js';
import { exchangeOnce, isStream, readReply } from './exchange.js';
import { explain } from './explain.js';
import { holdStream } from './held-stream.js';
import { type HttpReply, pageText, type Wire } from './wire.js';

/** What a session tells those who hold it. */
interface SessionEvents {
  doubt(reason: SallyError): void;
  renewed(): void;
}

/** How long the end of a session may take to be said, in milliseconds. */
const deleteMs = 2_000;
/** Attempts to take up a stream that broke before its answer, where nobody is reached. */
const maxResumes = 5;

/** An MCP session over Streamable HTTP, as revisions up to 2025-11-25 have it. */
export class HttpSession implements Link {
  facts: Facts;
  onEnd: (reason: SallyError) => void = () => {};
  onRenew: () => void = () => {};
  readonly over = false;
  readonly #wire: Wire;
  readonly #context: UpstreamContext;
  readonly #capabilities: JsonObject;
  readonly #events: SessionEvents;
  readonly #dialogue: Dialogue;
  readonly #closing = new AbortController();
  #id: string | undefined;
  #headers: Readonly<Record<string, string>> = {};
  /** The same, as they are sent. */
  #lines = '';
  /** Counts the times that the session began anew. */
  #generation = 0;
  #stream: AbortController | undefined;
  #renewing: Promise<void> | undefined;

  private constructor(wire: Wire, context: UpstreamContext, capabilities: JsonObject, events: SessionEvents) {
    this.#wire = wire;
    this.#context = context;
    this.#capabilities = capabilities;
    this.#events = events;
    this.#dialogue = new Dialogue(context, (message) => void this.#tell(message));
    this.facts = {
      era: 'legacy',
      revision: latestLegacyRevision,
      capabilities: {},
      serverInfo: {},
      instructions: undefined,
    };
  }

  static async open(
    wire: Wire,
    context: UpstreamContext,
    capabilities: JsonObject,
    events: SessionEvents,
    signal: AbortSignal,
  ): Promise<HttpSession> {
    const session = new HttpSession(wire, context, capabilities, events);
    await session.#initialize(signal);
    return session;
  }

  get listeners(): Listeners {
    return this.#dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    this.#dialogue.listeners = listeners;
  }

  request(method: string, params: JsonObject | undefined, options: CallOptions): Promise<Answer> {
    const call = this.#dialogue.begin(method, params, options, this.#callEnded);
    if (!call.ended) {
      this.#carry(call, params).catch((error) => call.fail(explain(error, this.#context.upstream, method)));
    }
    return call.answered;
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    const message = { jsonrpc: '2.0', method, ...(params && { params }) };
    const generation = this.#generation;
    const { reply, text } = await this.#say(message, method).catch((error) => {
      throw explain(error, this.#context.upstream, method);
    });
    if (reply.status < 300) return;
    if (!this.#isGone(reply, text)) throw this.#wire.failure(method, reply, text);
    await this.#renew(generation);
    await this.#tell(message);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const { upstream } = this.#context;
    this.#closing.abort();
    this.#stream?.abort();
    this.#dialogue.end((method) => lost(upstream, method, 'the session was closed'));
    if (this.#id === undefined) return;
    try {
      const reply = await this.#wire.send(
        'DELETE',
        this.#lines,
        undefined,
        AbortSignal.timeout(deleteMs),
        true,
      );
      reply.body.dump();
    } catch {
      // A server that is not there any more has no session either.
    }
  }

  async #initialize(signal: AbortSignal): Promise<void> {
    const { upstream, client } = this.#context;
    const params = {
      protocolVersion: latestLegacyRevision,
      capabilities: this.#capabilities,
      clientInfo: client,
    };
    const lines = this.#wire.lines(this.#wire.headers(postHeaders));
    const { reply, text, message } = await exchangeOnce(
      this.#wire,
      this.#context,
      lines,
      'initialize',
      params,
      signal,
    ).catch((error) => {
      throw explain(error, upstream, 'initialize');
    });
    if (!message || (reply.status >= 400 && !message.error) || [401, 403].includes(reply.status)) {
      throw this.#wire.failure('initialize', reply, text);
    }
    const facts = judgeInitialize(upstream, message);
    if (facts instanceof Error) throw facts;
    this.facts = facts;
    this.#id = reply.headers.get(headerNames.sessionId);
    this.#headers = this.#wire.headers({
      ...postHeaders,
      [headerNames.protocolVersion]: facts.revision,
      ...(this.#id !== undefined && { [headerNames.sessionId]: this.#id }),
    });
    this.#lines = this.#wire.lines(this.#headers);
    this.#generation += 1;
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
    const heard = await this.#wire.send('POST', this.#lines, JSON.stringify(initialized), signal, true);
    heard.body.dump();
    this.#listen();
  }

  /** The stream for what belongs to no request, on a connection of its own: requests would wait behind it for ever. */
  #listen(): void {
    this.#stream?.abort();
    const stream = new AbortController();
    this.#stream = stream;
    const generation = this.#generation;
    void holdStream(this.#context, stream.signal, {
      open: (lastEventId) => this.#get(lastEventId, stream.signal),
      // Replies come on the exchanges of their requests.
      receive: (message) => message.method !== undefined && this.#dialogue.receive(message),
      refused: async (reply) => {
        const text = await reply.body.text();
        if (this.#isGone(reply, text)) await this.#renew(generation);
      },
      failed: (error) => this.#events.doubt(explain(error, this.#context.upstream, 'GET')),
    });
  }

  #get(lastEventId: string | undefined, signal: Cancellation): Promise<HttpReply> {
    const { 'content-type': _, ...own } = this.#headers;
    const resume = lastEventId !== undefined && { 'last-event-id': lastEventId };
    const lines = this.#wire.lines({ ...own, accept: 'text/event-stream', ...resume });
    return this.#wire.send('GET', lines, undefined, signal);
  }

  /** Sends the request of `call`, and once more where the session turns out to be gone. */
  async #carry(call: Call, params: JsonObject | undefined): Promise<void> {
    const { method, options } = call;
    const own = sentParams(params, call.id, undefined);
    const body = writeJson({ jsonrpc: '2.0', id: call.id, method, ...(own && { params: own }) });
    for (let again = false; ; again = true) {
      const generation = this.#generation;
      const lines = options.headers
        ? this.#wire.lines({ ...this.#headers, ...options.headers })
        : this.#lines;
      const reply = await this.#wire.send('POST', lines, body, call.given, isRepeatable(method));
      if (reply.status < 300) return this.#read(reply, call);
      const text = await reply.body.text();
      if (again || !this.#isGone(reply, text)) return this.#refused(reply, text, call);
      await this.#renew(generation);
    }
  }

  #refused(reply: HttpReply, text: string, call: Call): void {
    const error = rpcErrorOf(text, call.id);
    // An error of the protocol is an answer, whatever its status; one of the gate before it is not.
    if (error && ![401, 403].includes(reply.status)) call.answer({ error });
    else call.fail(this.#wire.failure(call.method, reply, text));
  }

  async #read(first: HttpReply, call: Call): Promise<void> {
    const { upstream, pace, random } = this.#context;
    const { revision } = this.facts;
    const parts = { dialogue: this.#dialogue, context: this.#context, revision };
    const position: Position = {};
    let reply: HttpReply | undefined = first;
    let failures = 0;
    while (reply) {
      await readReply(reply, call, position, parts);
      reply = undefined;
      while (!call.ended && !reply) {
        // The stream ended before the answer: a server that gave an event id keeps the rest for who comes again.
        if (position.lastEventId === undefined) throw lost(upstream, call.method, 'its stream ended');
        if (!(await pause(position.retry ?? backoff(failures + 1, pace, random), call.given))) return;
        try {
          reply = await this.#get(position.lastEventId, call.given);
        } catch (error) {
          failures += 1;
          if (failures <= maxResumes && !call.ended) continue;
          // Whatever is the matter now, the server has had the request.
          const { message } = explain(error, upstream, call.method);
          throw lost(upstream, call.method, `its stream broke and is not taken up: ${message}`);
        }
        if (isStream(reply)) continue;
        const text = pageText(await reply.body.text());
        throw lost(
          upstream,
          call.method,
          `its stream broke and is not taken up: HTTP ${reply.status} ${text}`,
        );
      }
    }
  }

  readonly #callEnded = (call: Call, givenUp: boolean) => {
    if (!givenUp || this.#closing.signal.aborted) return;
    const params = { requestId: call.id, reason: 'given up' };
    void this.#tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  };

  /** Sends what has no answer, and hears how it was received. Twice is the same as once. */
  #say(message: object, what: string): Promise<{ reply: HttpReply; text: string }> {
    const { upstream, timeoutMs } = this.#context;
    const late = () => UpstreamTimeout({ upstream, method: what, seconds: timeoutMs / 1000 });
    return withDeadline(timeoutMs, late, this.#closing.signal, async (signal) => {
      const reply = await this.#wire.send('POST', this.#lines, writeJson(message), signal, true);
      return { reply, text: await reply.body.text() };
    });
  }

  /** Sends what has no answer; that it did not arrive shows in what follows. */
  async #tell(message: object): Promise<void> {
    try {
      await this.#say(message, 'a message');
    } catch (error) {
      const { upstream, log } = this.#context;
      const { message: why } = explain(error, upstream, 'a message');
      log.debug({ upstream, error: why }, 'a message did not arrive');
    }
  }

  /** 404 for a session that is gone; servers of the older generation answer 400 and say so in words. */
  #isGone({ status }: HttpReply, text: string): boolean {
    if (this.#id === undefined) return false;
    return status === 404 || (status === 400 && /session/i.test(text));
  }

  #renew(generation: number): Promise<void> {
    if (generation !== this.#generation || this.#closing.signal.aborted) return Promise.resolve();
    const { upstream, pace } = this.#context;
    const late = () =>
      UpstreamStatus({ upstream, method: 'initialize', status: 404, text: 'the session is gone' });
    this.#renewing ??= withDeadline(pace.handshake, late, this.#closing.signal, (signal) =>
      this.#initialize(signal),
    )
      .then(
        () => {
          this.onRenew();
          this.#events.renewed();
        },
        (error) => {
          this.#events.doubt(explain(error, upstream, 'initialize'));
          throw error;
        },
      )
      .finally(() => {
        this.#renewing = undefined;
      });
    return this.#renewing;
  }
}

function lost(upstream: string, method: string, detail: string): SallyError {
  return UpstreamLost({ upstream, method, detail });
}
