import type { SallyError } from '../../errors.js';
import { writeJson } from '../../json/index.js';
import { headerNames, type MirroredHeaders, postHeaders } from '../headers.js';
import { codes, envelopeOf, type JsonObject, type RpcResponse, sentParams } from '../messages.js';
import { repeatable } from '../methods.js';
import { rpcErrorOf, toolCallBody } from '../requests.js';
import type { Call } from './call.js';
import { Dialogue } from './dialogue.js';
import type { HttpWay } from './http-connections.js';
import { refuse } from './http-legacy.js';
import { readReply, textOf } from './http-reply.js';
import type { ClientContext, ClientSession, Facts, Listeners, RequestOptions } from './session.js';
import { keepSubscription } from './subscription.js';

/** What is the same in every call of one tool. */
interface ToolHead {
  readonly lines: string;
  readonly meta: string;
}

/** Tools whose calls are kept ready. */
const mostTools = 100;

/** The way to a server of 2026-07-28 over HTTP: every request stands for itself. */
export class HttpStateless implements ClientSession {
  facts: Facts;
  onEnd: (reason: SallyError) => void = () => {};
  onRenew: () => void = () => {};
  readonly over = false;
  readonly #connections: HttpWay;
  readonly #context: ClientContext;
  readonly #mirrored: MirroredHeaders;
  readonly #doubt: (reason: SallyError) => void;
  readonly #dialogue: Dialogue;
  readonly #headers: Readonly<Record<string, string>>;
  /** The same, as they are sent. */
  readonly #lines: string;
  readonly #tools = new Map<string, ToolHead>();
  readonly #closing = new AbortController();

  constructor(
    facts: Facts,
    connections: HttpWay,
    context: ClientContext,
    mirrored: MirroredHeaders,
    doubt: (reason: SallyError) => void,
  ) {
    this.facts = facts;
    this.#connections = connections;
    this.#context = context;
    this.#mirrored = mirrored;
    this.#doubt = doubt;
    // Servers of this revision ask nothing, and clients notify of nothing.
    this.#dialogue = new Dialogue(context, () => {});
    this.#headers = connections.headers({ ...postHeaders, [headerNames.protocolVersion]: facts.revision });
    this.#lines = connections.lines(this.#headers);
  }

  get listeners(): Listeners {
    return this.#dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    const first = !this.#dialogue.listeners.onNotification && listeners.onNotification;
    this.#dialogue.listeners = listeners;
    if (first) void keepSubscription(this, this.#context, this.#closing.signal, this.#doubt);
  }

  request(
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
    capabilities: JsonObject,
  ): Promise<RpcResponse> {
    const call = this.#dialogue.begin(method, params, options);
    if (call.ended) return call.answered;
    if (method === 'tools/list') void call.answered.then(this.#learn, () => {});
    try {
      const envelope = envelopeOf(this.facts.revision, this.#context.client, capabilities);
      const sent = sentParams(params, call.id, envelope);
      const body = writeJson({ jsonrpc: '2.0', id: call.id, method, params: sent });
      void this.#exchange(call, this.#linesOf(method, params, options), body, repeatable.has(method));
    } catch (error) {
      this.#failed(call, error);
    }
    return call.answered;
  }

  callTool(tool: string, args: string, options: RequestOptions): Promise<RpcResponse> {
    const call = this.#dialogue.begin('tools/call', undefined, options, tool);
    if (call.ended) return call.answered;
    try {
      const { lines, meta } = this.#tools.get(tool) ?? this.#toolHead(tool);
      const added = options.headers ? this.#connections.lines(options.headers) : '';
      void this.#exchange(call, lines + added, toolCallBody(call.id, tool, args, meta), true);
    } catch (error) {
      this.#failed(call, error);
    }
    return call.answered;
  }

  #toolHead(tool: string): ToolHead {
    const lines = this.#linesOf('tools/call', { name: tool }, {});
    const meta = JSON.stringify(envelopeOf(this.facts.revision, this.#context.client, {}));
    const head = { lines, meta };
    if (this.#tools.size < mostTools) this.#tools.set(tool, head);
    return head;
  }

  /** A client of this revision sends no notifications: what it gives up, it closes. */
  async notify(): Promise<void> {}

  async close(): Promise<void> {
    this.#closing.abort();
    this.#dialogue.end((method) => this.#context.errors.lost(method, 'the upstream was closed'));
  }

  #linesOf(method: string, params: JsonObject | undefined, { headers }: Partial<RequestOptions>): string {
    const mirrored = this.#mirrored.of(method, params);
    return headers
      ? this.#connections.lines({ ...this.#headers, ...mirrored, ...headers })
      : this.#lines + this.#connections.lines(mirrored);
  }

  #failed(call: Call, error: unknown): void {
    call.fail(this.#context.errors.explain(error, call.what));
  }

  /** Sends the request of `call` and reads its reply. Never rejects: what became of it is seen in `call`. */
  async #exchange(call: Call, lines: string, body: string, repeatable: boolean): Promise<void> {
    try {
      const reply = await this.#connections.send('POST', lines, body, call, repeatable);
      const { status } = reply.head;
      if (status >= 300) {
        const text = await textOf(reply, this.#context);
        refuse(call, { reply, text }, this.#connections, this.#context);
        if (isStrange(status, text)) this.#doubt(this.#connections.failure(call.what, reply, text));
        return;
      }
      const parts = { dialogue: this.#dialogue, context: this.#context, revision: this.facts.revision };
      const reading = readReply(reply, call, {}, parts);
      if (reading) await reading;
      if (!call.ended) this.#failed(call, this.#context.errors.lost(call.what, 'its stream ended'));
    } catch (error) {
      this.#failed(call, error);
    }
  }

  readonly #learn = (response: RpcResponse) => {
    if ('result' in response) this.#mirrored.learn(response.result);
  };
}

/** What a server of this revision does not say to a whole request: another one may stand in its place by now. */
function isStrange(status: number, text: string): boolean {
  if (status !== 400) return false;
  const error = rpcErrorOf(text);
  return error === undefined || error.code === -32000 || error.code === codes.unsupportedVersion;
}
