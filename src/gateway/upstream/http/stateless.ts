import { type SallyError, UpstreamLost } from '../../../errors.js';
import { writeJson } from '../../../json/index.js';
import { headerNames, type MirroredHeaders, postHeaders } from '../../../mcp/headers.js';
import { type Answer, type JsonObject, type RpcError, rpcErrorOf } from '../../../mcp/messages.js';
import { envelopeOf, sentParams } from '../../../mcp/meta.js';
import { isRepeatable } from '../../../mcp/methods.js';
import type { CallOptions } from '../../upstream.js';
import type { Call } from '../call.js';
import { Dialogue } from '../dialogue.js';
import type { Facts, Link, Listeners } from '../link.js';
import type { UpstreamContext } from '../options.js';
import { holdSubscription } from '../subscription.js';
import { readReply } from './exchange.js';
import { explain } from './explain.js';
import type { Wire } from './wire.js';

/** The way to an upstream of 2026-07-28 over HTTP: every request stands for itself. */
export class HttpStateless implements Link {
  facts: Facts;
  onEnd: (reason: SallyError) => void = () => {};
  onRenew: () => void = () => {};
  readonly over = false;
  readonly #wire: Wire;
  readonly #context: UpstreamContext;
  readonly #mirror: MirroredHeaders;
  readonly #doubt: (reason: SallyError) => void;
  readonly #dialogue: Dialogue;
  readonly #headers: Readonly<Record<string, string>>;
  /** The same, as they are sent. */
  readonly #lines: string;
  readonly #closing = new AbortController();

  constructor(
    facts: Facts,
    wire: Wire,
    context: UpstreamContext,
    mirror: MirroredHeaders,
    doubt: (reason: SallyError) => void,
  ) {
    this.facts = facts;
    this.#wire = wire;
    this.#context = context;
    this.#mirror = mirror;
    this.#doubt = doubt;
    // Servers of this revision ask nothing and clients tell nothing.
    this.#dialogue = new Dialogue(context, () => {});
    this.#headers = wire.headers({ ...postHeaders, [headerNames.protocolVersion]: facts.revision });
    this.#lines = wire.lines(this.#headers);
  }

  get listeners(): Listeners {
    return this.#dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    const first = !this.#dialogue.listeners.onNotification && listeners.onNotification;
    this.#dialogue.listeners = listeners;
    if (first) void holdSubscription(this, this.#context, this.#closing.signal, this.#doubt);
  }

  request(
    method: string,
    params: JsonObject | undefined,
    options: CallOptions,
    capabilities: JsonObject,
  ): Promise<Answer> {
    const call = this.#dialogue.begin(method, params, options);
    if (!call.ended) {
      this.#carry(call, params, capabilities).catch((error) =>
        call.fail(explain(error, this.#context.upstream, method)),
      );
    }
    return call.answered;
  }

  /** A client of this revision has nothing to tell: what it gives up, it closes. */
  async notify(): Promise<void> {}

  async close(): Promise<void> {
    this.#closing.abort();
    const { upstream } = this.#context;
    this.#dialogue.end((method) => UpstreamLost({ upstream, method, detail: 'the upstream was closed' }));
  }

  async #carry(call: Call, params: JsonObject | undefined, capabilities: JsonObject): Promise<void> {
    const { method, options, id } = call;
    const { upstream, client } = this.#context;
    const envelope = envelopeOf(this.facts.revision, client, capabilities);
    const body = writeJson({ jsonrpc: '2.0', id, method, params: sentParams(params, id, envelope) });
    const mirrored = this.#mirror.of(method, params);
    const lines = options.headers
      ? this.#wire.lines({ ...this.#headers, ...mirrored, ...options.headers })
      : this.#lines + this.#wire.lines(mirrored);
    const reply = await this.#wire.send('POST', lines, body, call.given, isRepeatable(method));
    if (reply.status >= 300) {
      const text = await reply.body.text();
      const error = rpcErrorOf(text, id);
      // -32601 comes with 404, header mismatches with 400: answers all the same.
      if (error && ![401, 403].includes(reply.status)) call.answer({ error });
      else call.fail(this.#wire.failure(method, reply, text));
      if (strange(reply.status, rpcErrorOf(text))) this.#doubt(this.#wire.failure(method, reply, text));
      return;
    }
    const { revision } = this.facts;
    const parts = { dialogue: this.#dialogue, context: this.#context, revision };
    if (method === 'tools/list') void call.answered.then(this.#learn, () => {});
    await readReply(reply, call, {}, parts);
    if (!call.ended) throw UpstreamLost({ upstream, method, detail: 'its stream ended' });
  }

  readonly #learn = (answer: Answer) => {
    if ('result' in answer) this.#mirror.learn(answer.result);
  };
}

/** What a server of this revision does not say to a whole request: another one may stand in its place by now. */
function strange(status: number, error: RpcError | undefined): boolean {
  return status === 400 && (error === undefined || error.code === -32000 || error.code === -32022);
}
