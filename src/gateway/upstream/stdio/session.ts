import { type SallyError, UpstreamBusy, UpstreamDown, UpstreamLost } from '../../../errors.js';
import { findId, writeJson } from '../../../json/index.js';
import {
  type Answer,
  type JsonObject,
  type PeerMessage as Message,
  plainText,
} from '../../../mcp/messages.js';
import { envelopeOf, sentParams } from '../../../mcp/meta.js';
import { isHandshake } from '../../../mcp/methods.js';
import { batchRevision } from '../../../mcp/revisions.js';
import type { CallOptions } from '../../upstream.js';
import type { Call } from '../call.js';
import { Dialogue } from '../dialogue.js';
import type { Facts, Link, Listeners } from '../link.js';
import { messagesFrom, type UpstreamContext } from '../options.js';
import { holdSubscription } from '../subscription.js';
import type { Child } from './child.js';

/** An MCP session with a child process, of either era. It begins with `facts` unknown: the handshake fills them in. */
export class StdioSession implements Link {
  facts: Facts = { era: 'legacy', revision: '', capabilities: {}, serverInfo: {}, instructions: undefined };
  onEnd: (reason: SallyError) => void = () => {};
  onRenew: () => void = () => {};
  readonly child: Child;
  readonly #context: UpstreamContext;
  readonly #dialogue: Dialogue;
  readonly #closing = new AbortController();

  constructor(child: Child, context: UpstreamContext) {
    this.child = child;
    this.#context = context;
    const { upstream, log } = context;
    this.#dialogue = new Dialogue(context, (message) => this.#write(message));
    child.onLine = (line) => {
      let messages: readonly Message[] | undefined;
      try {
        messages = messagesFrom(line, upstream);
      } catch (error) {
        this.#refused(line, error as SallyError);
        return;
      }
      if (!messages) log.debug({ upstream, line: plainText(line) }, 'a line that is not JSON-RPC');
      if (!messages) return;
      const batch = messages.length > 1 && this.facts.revision !== batchRevision;
      for (const message of messages) {
        if (batch && message.method === undefined) this.#dialogue.receiveOfBatch(message);
        else this.#dialogue.receive(message);
      }
    };
    child.onLong = (error) => {
      // Which request it was for, nobody knows.
      this.#dialogue.end(() => error);
    };
    void child.ended.then((how) => {
      const wanted = this.#closing.signal.aborted;
      this.#closing.abort();
      this.#dialogue.end((method) => UpstreamLost({ upstream, method, detail: how }));
      if (!wanted) this.onEnd(UpstreamDown({ upstream, reason: how, hint: childHint }));
    });
  }

  get over(): boolean {
    return !this.child.running;
  }

  get listeners(): Listeners {
    return this.#dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    const first = !this.#dialogue.listeners.onNotification && listeners.onNotification;
    this.#dialogue.listeners = listeners;
    if (first && this.facts.era === 'modern') {
      void holdSubscription(this, this.#context, this.#closing.signal, () => {});
    }
  }

  request(
    method: string,
    params: JsonObject | undefined,
    options: CallOptions,
    capabilities: JsonObject,
  ): Promise<Answer> {
    const { upstream, client, limits } = this.#context;
    const call = this.#dialogue.begin(method, params, options, this.#callEnded);
    if (call.ended) return call.answered;
    // The handshake has a deadline of its own: a child may first have to be installed.
    if (isHandshake(method)) call.lasting();
    if (!this.child.running) {
      call.fail(UpstreamLost({ upstream, method, detail: 'the process has ended' }));
    } else if (this.child.unread > limits.messageBytes) {
      call.fail(UpstreamBusy({ upstream, what: 'bytes wait for it to read', limit: limits.messageBytes }));
    } else {
      // The handshake brings its own envelope: what the child speaks is not known yet.
      if (isHandshake(method)) {
        this.#write({ jsonrpc: '2.0', id: call.id, method, params });
        return call.answered;
      }
      const modern = this.facts.era === 'modern';
      const envelope = modern ? envelopeOf(this.facts.revision, client, capabilities) : undefined;
      const own = sentParams(params, call.id, envelope);
      this.#write({ jsonrpc: '2.0', id: call.id, method, ...(own && { params: own }) });
    }
    return call.answered;
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    // What a modern client has to tell is said by each request.
    if (this.facts.era === 'legacy') this.#write({ jsonrpc: '2.0', method, ...(params && { params }) });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.child.stop();
  }

  /** A line that is not taken: whose answer it was says its id, where that can be found. */
  #refused(line: string, error: SallyError): void {
    const { upstream, log } = this.#context;
    log.warn({ upstream, code: error.code, remedy: error.remedy }, error.message);
    this.#dialogue.refuse(findId(line), error);
  }

  #write(message: object): void {
    this.child.send(writeJson(message));
  }

  readonly #callEnded = (call: Call, givenUp: boolean) => {
    // `initialize` must not be cancelled, and nobody waits for `server/discover` longer than for itself.
    if (!givenUp || isHandshake(call.method)) return;
    const params = { requestId: call.id, reason: 'given up' };
    this.#write({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  };
}

const childHint =
  "it is started again by itself; LOG_LEVEL=DEBUG shows the process's standard error, which may say why it ended";
