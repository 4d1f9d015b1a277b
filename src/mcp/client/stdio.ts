import { findSallyError, type SallyError } from '../../errors.js';
import { findId, writeJson } from '../../json/index.js';
import { withDeadline } from '../../wait.js';
import { envelopeOf, type JsonObject, type RpcResponse, sentParams } from '../messages.js';
import { isHandshake } from '../methods.js';
import { toolCallBody } from '../requests.js';
import { type Era, latestLegacyRevision, modernRevision } from '../revisions.js';
import type { Call } from './call.js';
import { Child, type ChildCommand } from './child.js';
import { Dialogue } from './dialogue.js';
import { receiveText } from './http-reply.js';
import { judgeDiscovery, judgeInitialize } from './negotiate.js';
import type { ClientContext, ClientSession, Facts, Listeners, RequestOptions, Transport } from './session.js';
import { keepSubscription } from './subscription.js';

/** So much of a line that is too long is searched for its id. */
const searchedChars = 65_536;

/** A session with a child process, of either era. It begins with `facts` unknown: the handshake fills them in. */
class StdioSession implements ClientSession {
  facts: Facts = { era: 'legacy', revision: '', capabilities: {}, serverInfo: {}, instructions: undefined };
  onEnd: (reason: SallyError) => void = () => {};
  onRenew: () => void = () => {};
  readonly #child: Child;
  readonly #context: ClientContext;
  readonly #dialogue: Dialogue;
  readonly #closing = new AbortController();

  constructor(child: Child, context: ClientContext) {
    this.#child = child;
    this.#context = context;
    const write = (message: object) => this.#write(message);
    this.#dialogue = new Dialogue(context, write, (call) => this.#cancel(call));
    child.onLine = (line) => receiveText(line, this.#dialogue, context, this.facts.revision);
    // Whose reply it was says its id, which stands at the beginning or is not looked for.
    child.onLong = (beginning, error) =>
      this.#dialogue.refuse(findId(beginning.slice(0, searchedChars)), error);
    void child.ended.then((how) => {
      const wanted = this.#closing.signal.aborted;
      this.#closing.abort();
      this.#dialogue.end((method) => context.errors.lost(method, how));
      if (!wanted) this.onEnd(context.errors.ended(how));
    });
  }

  get over(): boolean {
    return !this.#child.running;
  }

  get listeners(): Listeners {
    return this.#dialogue.listeners;
  }

  set listeners(listeners: Listeners) {
    const first = !this.#dialogue.listeners.onNotification && listeners.onNotification;
    this.#dialogue.listeners = listeners;
    if (first && this.facts.era === 'modern') {
      void keepSubscription(this, this.#context, this.#closing.signal, () => {});
    }
  }

  request(
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
    capabilities: JsonObject,
  ): Promise<RpcResponse> {
    const call = this.#begin(method, params, options, method);
    if (call.ended) return call.answered;
    const { id } = call;
    if (isHandshake(method)) {
      // It has a deadline of its own: a child may first have to be installed. And it brings its own envelope.
      call.lasting();
      this.#write({ jsonrpc: '2.0', id, method, params });
      return call.answered;
    }
    const { era, revision } = this.facts;
    const envelope = era === 'modern' ? envelopeOf(revision, this.#context.client, capabilities) : undefined;
    const own = sentParams(params, id, envelope);
    this.#write({ jsonrpc: '2.0', id, method, ...(own && { params: own }) });
    return call.answered;
  }

  callTool(tool: string, args: string, options: RequestOptions): Promise<RpcResponse> {
    const call = this.#begin('tools/call', undefined, options, tool);
    const { era, revision } = this.facts;
    const envelope = era === 'modern' ? envelopeOf(revision, this.#context.client, {}) : undefined;
    const meta = envelope || options.headers ? { ...envelope, ...options.headers } : undefined;
    if (!call.ended) this.#child.send(toolCallBody(call.id, tool, args, meta && JSON.stringify(meta)));
    return call.answered;
  }

  async notify(method: string, params?: JsonObject): Promise<void> {
    // A modern client says everything with each request.
    if (this.facts.era === 'legacy') this.#write({ jsonrpc: '2.0', method, ...(params && { params }) });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#child.stop();
  }

  /** A request, ended already where the child takes none. */
  #begin(method: string, params: JsonObject | undefined, options: RequestOptions, what: string): Call {
    const { errors, limits } = this.#context;
    const call = this.#dialogue.begin(method, params, options, what);
    if (!this.#child.running) call.fail(errors.lost(what, 'the process has ended'));
    else if (this.#child.unread > limits.unreadBytes) {
      call.fail(errors.busy('bytes wait for it to read', limits.unreadBytes));
    }
    return call;
  }

  #write(message: object): void {
    this.#child.send(writeJson(message));
  }

  #cancel({ id, method, why: reason }: Call): void {
    // `initialize` must not be cancelled, and nobody waits for `server/discover` longer than for itself.
    if (isHandshake(method)) return;
    const params = { requestId: id, reason };
    this.#write({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
  }
}

/** MCP over the standard input and output of a child process, of both eras. */
export function stdioTransport(command: ChildCommand, context: ClientContext): Transport {
  const { client, errors, pace } = context;
  const children = new Set<Child>();
  // The last resort where this process ends without having closed its servers.
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.setMaxListeners(process.getMaxListeners() + 1);
  process.on('exit', killAll);
  let closed = false;

  async function start(mayEnd = false): Promise<StdioSession> {
    const child = await Child.start(command, context);
    child.mayEnd = mayEnd;
    children.add(child);
    void child.ended.then(() => children.delete(child));
    if (closed) await child.stop();
    return new StdioSession(child, context);
  }

  /** Runs a part of the handshake; a session that does not stand after it is ended. */
  async function whole<T>(session: StdioSession, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      void session.close();
      throw error;
    }
  }

  function initialize(
    session: StdioSession,
    capabilities: JsonObject,
    signal: AbortSignal,
  ): Promise<ClientSession> {
    return whole(session, async () => {
      const params = { protocolVersion: latestLegacyRevision, capabilities, clientInfo: client };
      const response = await session.request('initialize', params, { signal }, {});
      const facts = judgeInitialize(errors, response);
      if (facts instanceof Error) throw facts;
      session.facts = facts;
      await session.notify('notifications/initialized');
      return session;
    });
  }

  /** The response to `server/discover`; undefined from a child that gives none, or ends over it. */
  async function discover(session: StdioSession, signal: AbortSignal): Promise<RpcResponse | undefined> {
    const method = 'server/discover';
    const params = { _meta: envelopeOf(modernRevision, client, {}) };
    let late: SallyError | undefined;
    const onLate = () => {
      late = errors.timeout(method, pace.probe / 1000);
      return late;
    };
    try {
      return await withDeadline(pace.probe, onLate, signal, (own) =>
        session.request(method, params, { signal: own }, {}),
      );
    } catch (error) {
      if (signal.aborted) throw error;
      if ((late && findSallyError(error) === late) || session.over) return undefined;
      throw error;
    }
  }

  async function contact(known: Era | undefined, signal: AbortSignal): Promise<ClientSession> {
    const session = await start(known === undefined);
    if (known === 'legacy') return initialize(session, {}, signal);
    const response = await whole(session, () => discover(session, signal));
    if (!response) {
      void session.close();
      return initialize(await start(), {}, signal);
    }
    const judged = judgeDiscovery(errors, { kind: 'answer', message: response });
    if (judged.kind === 'legacy') return initialize(session, {}, signal);
    if (judged.kind === 'failed') {
      void session.close();
      throw judged.error;
    }
    session.facts = judged.facts;
    return session;
  }

  return {
    contact,
    open: async (capabilities, signal) => initialize(await start(), capabilities, signal),
    onDoubt: () => {},
    onRenewed: () => {},
    get connections() {
      return children.size;
    },
    async close() {
      closed = true;
      await Promise.all([...children].map((child) => child.stop()));
      process.off('exit', killAll);
      process.setMaxListeners(process.getMaxListeners() - 1);
    },
  };
}
