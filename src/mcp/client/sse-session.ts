import type { SallyError } from '../../errors.js';
import type { PooledReply } from '../../http/index.js';
import { withDeadline } from '../../wait.js';
import { eventStream, headerNames, postHeaders } from '../headers.js';
import { type JsonObject, plainText } from '../messages.js';
import { latestLegacyRevision } from '../revisions.js';
import type { Call } from './call.js';
import type { HttpWay } from './http-connections.js';
import { LegacyHttpSession, refuse, saysGone } from './http-legacy.js';
import { eventsOf, leave, receiveText, textOf } from './http-reply.js';
import { judgeInitialize } from './negotiate.js';
import type { ClientContext, ClientSession } from './session.js';

/** How long a server may take to say where messages are posted, in milliseconds. */
const endpointMs = 10_000;

/**
 * A session over HTTP+SSE, the transport of 2024-11-05: one stream brings all that the server sends, and what this side
 * sends is posted to an address that the stream's first event names. The session ends with its stream.
 */
export class SseSession extends LegacyHttpSession implements ClientSession {
  /** By this side. */
  #closed = false;
  /** Why it has ended by itself. */
  #ended: SallyError | undefined;
  #onEnd: ((reason: SallyError) => void) | undefined;

  static async open(
    connections: HttpWay,
    context: ClientContext,
    capabilities: JsonObject,
    signal: AbortSignal,
    own: Readonly<Record<string, string>> = {},
  ): Promise<SseSession> {
    const session = new SseSession(connections, context, own);
    const give = () => session.closing.abort(signal.reason);
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

  get onEnd(): (reason: SallyError) => void {
    return this.#onEnd ?? (() => {});
  }

  /** Whoever comes after the end hears of it, too. */
  set onEnd(listener: (reason: SallyError) => void) {
    this.#onEnd = listener;
    const reason = this.#ended;
    if (reason) queueMicrotask(() => listener(reason));
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    const message = { jsonrpc: '2.0', method, ...(params && { params }) };
    const { reply, text } = await this.say(message, method).catch((error) => {
      throw this.context.errors.explain(error, method);
    });
    if (reply.head.status >= 300) throw this.connections.failure(method, reply, text);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.closing.abort();
    this.dialogue.end((method) => this.context.errors.lost(method, 'the session was closed'));
  }

  /** Opens the stream, and waits for the address that messages are posted to. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { errors } = this.context;
    const lines = this.connections.lines(this.connections.headers({ ...this.own, accept: eventStream }));
    const reply = await this.connections.send('GET', lines, undefined, this.closing.signal, true);
    const { status, contentType } = reply.head;
    if (reply.kind !== 'stream' || status >= 300 || !contentType.includes(eventStream)) {
      if (status >= 300) throw this.connections.failure('GET', reply, await textOf(reply, this.context));
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
      const onData = (data: string) => receiveText(data, this.dialogue, this.context, this.facts.revision);
      const onOther = (event: string, data: string) => {
        if (event !== 'endpoint' || this.endpoint !== undefined) return;
        const path = this.connections.pathOf(data.trim());
        if (path === undefined) {
          const detail = `its endpoint ${plainText(data)} is on another origin: nothing is sent there`;
          reject(this.context.errors.protocol(detail));
        } else {
          this.endpoint = path;
          resolve();
        }
      };
      void eventsOf(reply, {}, this.context, onData, undefined, onOther).then((broken) => {
        const { errors } = this.context;
        if (this.endpoint === undefined)
          reject(broken ?? errors.protocol('its stream ended and named no endpoint'));
        this.#over(errors.lost('GET', 'the stream of its session ended'));
      });
    });
  }

  async #initialize(capabilities: JsonObject, signal: AbortSignal): Promise<void> {
    const { client, errors } = this.context;
    this.speakWith(postHeaders);
    const params = { protocolVersion: latestLegacyRevision, capabilities, clientInfo: client };
    const response = await this.request('initialize', params, { signal });
    const facts = judgeInitialize(errors, response);
    if (facts instanceof Error) throw facts;
    this.facts = facts;
    this.speakWith({ ...postHeaders, [headerNames.protocolVersion]: facts.revision });
    await this.notify('notifications/initialized');
  }

  protected override begin(...request: Parameters<LegacyHttpSession['begin']>): Call {
    const call = super.begin(...request);
    if (this.#ended) call.fail(this.context.errors.lost(call.what, 'the stream of its session ended'));
    return call;
  }

  /** Posts the request of `call`, whose reply comes on the stream. Never rejects: what became of it is seen in `call`. */
  protected async exchange(call: Call, body: string, repeatable: boolean): Promise<void> {
    try {
      const lines = this.linesOf(call);
      const reply = await this.connections.send('POST', lines, body, call, repeatable, this.endpoint);
      if (reply.head.status < 300) return leave(reply);
      const received = { reply, text: await textOf(reply, this.context) };
      refuse(call, received, this.connections, this.context);
      // The stream is of a session that the server does not know any more, such as that of a worker that is gone.
      if (saysGone(received)) this.closing.abort();
    } catch (error) {
      this.failed(call, error);
    }
  }

  #over(reason: SallyError): void {
    if (this.#closed || this.#ended) return;
    this.#ended = reason;
    this.dialogue.end((method) => this.context.errors.lost(method, 'the stream of its session ended'));
    this.#onEnd?.(reason);
  }
}
