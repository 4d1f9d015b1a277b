import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import {
  ClientGone,
  ClientNotAskable,
  ClientTooSlow,
  findSallyError,
  LineTooLong,
  messageOf,
  TooManyCalls,
} from '../errors.js';
import { findId, idKey, parseExactJson } from '../json/index.js';
import type { Logger } from '../log.js';
import { clientName } from '../telemetry/index.js';
import {
  badInitialize,
  Call,
  type CallDeps,
  type CallSource,
  type EndpointLimits,
  readInitialize,
} from './endpoint-call.js';
import { reportEnd } from './endpoint-exchange.js';
import { Questions } from './endpoint-questions.js';
import { StatelessClient } from './endpoint-stateless.js';
import { classify, type Envelope, unsaid } from './headers.js';
import { readLines } from './lines.js';
import {
  codes,
  errorResponse,
  type JsonObject,
  notificationJson,
  type RequestId,
  type RequestMessage,
  type RpcError,
  type RpcResponse,
  readMessage,
  responseJson,
} from './messages.js';
import { Running } from './requests.js';
import type { Admitted, Client, Identity } from './router.js';

interface StdioOptions extends CallDeps {
  readonly input: Readable;
  readonly output: Writable;
  /** The client on the other end, anew for each of its requests. */
  readonly admit: () => Admitted;
  readonly limits: Pick<EndpointLimits, 'bodyBytes' | 'concurrentCalls'>;
  /** The virtual server that the client is at; absent: all that there is. */
  readonly server?: string | undefined;
  /** How deep the JSON of a line may be nested, where that is more than usual. */
  readonly depth?: number;
  /** Whether each request of a client stands by itself, though it has not opened with `initialize`. */
  readonly stateless?: boolean;
  /** Revisions with `initialize` that are served, the newest first. Default: those that are current. */
  readonly revisions?: readonly string[];
  readonly log: Logger;
  /** Aborted where the process is to end. */
  readonly signal: AbortSignal;
  /** How long what is in flight may take at the end, in milliseconds. */
  readonly drainMs?: number;
  /** The same where the client has closed its end, and may be gone altogether. Default: `drainMs`. */
  readonly closedMs?: number;
}

const defaultDrainMs = 10_000;
/** A client that reads nothing while so much is waiting has died, or might as well have. */
const maxBacklogBytes = 64_000_000;
const lastWordsMs = 2_000;

/**
 * Serves one client of either era over standard input and output. Resolves when the client has closed its end or
 * `signal` is aborted, and every call in flight has its response. Nothing but messages is ever written to `output`.
 */
export async function serveStdio(options: StdioOptions): Promise<void> {
  const { input, output, limits, signal, log } = options;
  const connection = new StdioConnection(options);
  const stop = () => void input.destroy();
  // A client that cannot be written to is gone.
  output.on('error', stop).on('close', stop);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (!signal.aborted) {
      for await (const line of readLines(input, limits.bodyBytes)) {
        connection.take(line.kind === 'line' ? line.text : undefined);
        if (output.writableNeedDrain) await drained(output, signal);
      }
    }
  } catch (error) {
    // Destroying the input is how the wait for its next line ends.
    if (!signal.aborted && !output.destroyed) log.debug({ error: messageOf(error) }, 'stdin was closed');
  } finally {
    signal.removeEventListener('abort', stop);
  }
  const { drainMs = defaultDrainMs, closedMs = drainMs } = options;
  await connection.end(signal.aborted ? drainMs : closedMs);
  output.off('error', stop).off('close', stop);
}

/** A client that does not read is not read from either. */
function drained(output: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off('drain', done).off('close', done).off('error', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    output.once('drain', done).once('close', done).once('error', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** A request over stdio: all that belongs to it goes the one way there is. */
class StdioCall extends Call {
  readonly #connection: StdioConnection;

  constructor(
    client: Client,
    message: RequestMessage,
    source: CallSource,
    deps: CallDeps,
    connection: StdioConnection,
  ) {
    super(client, message, source, deps);
    this.#connection = connection;
  }

  notify(method: string, params?: JsonObject): void {
    if (this.abandoned === undefined) this.#connection.send(this.notification(method, params));
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    const { era, revision } = this.client;
    if (era === 'modern') return Promise.reject(ClientNotAskable({ method, revision }));
    return this.#connection.ask(method, params, signal);
  }

  finish(response: RpcResponse): void {
    if (this.abandoned === undefined) this.#connection.send(this.json(response));
  }
}

/** The client on the other end, in whichever era it speaks. */
class StdioConnection {
  readonly #options: StdioOptions;
  readonly #questions = new Questions();
  readonly #calls = new Map<unknown, StdioCall>();
  readonly #running = new Running<StdioCall>();
  #client: Client | undefined;

  constructor(options: StdioOptions) {
    this.#options = options;
  }

  /** One line of the input; undefined for one that was too long. */
  take(line: string | undefined): void {
    const { log, limits, depth } = this.#options;
    if (line === undefined) {
      const error = LineTooLong({ limit: limits.bodyBytes });
      log.warn({ code: error.code, remedy: error.remedy }, error.message);
      this.#refuse(null, errorResponse(error).error);
      return;
    }
    let json: unknown;
    try {
      json = parseExactJson(line, { what: 'the line', ...(depth !== undefined && { depth }) });
    } catch (error) {
      const reason = findSallyError(error);
      const notJson = { code: codes.parseError, message: 'Parse error: the line is not JSON' };
      // Here only the id says whose reply it is.
      if (reason) this.#refuse(findId(line) ?? null, errorResponse(reason).error);
      else this.#refuse(null, notJson);
      return;
    }
    const message = readMessage(json);
    if (message.kind === 'invalid') {
      const error = { code: codes.invalidRequest, message: `Invalid Request: ${message.reason}` };
      this.#refuse(message.id, error);
    } else if (message.kind === 'reply') {
      this.#questions.resolve(message.id, message.response);
    } else if (message.kind === 'notification') {
      this.#notified(message.method, message.params);
    } else {
      const classified = classify(message);
      if (classified.kind === 'refused') this.#refuse(message.id, classified.refusal.error);
      else {
        const envelope = classified.kind === 'modern' ? classified.envelope : undefined;
        const { observer, admit, publicError } = this.#options;
        const observed = observer?.request?.({ method: message.method, headers: {} });
        const source: CallSource = { admitted: admit(), observed };
        if (observed?.refuses) {
          const { error } = errorResponse(observed.refuses);
          reportEnd(source, { kind: 'other', method: message.method, error: error.code });
          this.#refuse(message.id, error);
          return;
        }
        this.#serve(message, envelope, source)
          .catch((thrown: unknown) => {
            const { error } = errorResponse(thrown);
            this.send(responseJson(message.id, { error: publicError?.(error, randomUUID()) ?? error }));
          })
          .finally(() => reportEnd(source, { kind: 'aside' }));
      }
    }
  }

  /** Waits for what is in flight, and lets go of the client. */
  async end(withinMs: number): Promise<void> {
    for (const call of this.#running) if (call.isSubscription) call.stop();
    if (!(await this.#running.over(withinMs))) {
      for (const call of this.#running) call.abandon('gone');
      await this.#running.over(lastWordsMs);
    }
    if (this.#client) {
      this.#questions.end(ClientGone({ client: clientName(this.#client.info) }));
      await this.#options.router.ended(this.#client);
    }
    const { output } = this.#options;
    if (output.writable) await new Promise<void>((resolve) => output.write('', () => resolve()));
  }

  #notified(method: string, params: JsonObject | undefined): void {
    if (method === 'notifications/cancelled') {
      this.#calls.get(idKey(params?.['requestId']))?.abandon('cancelled', params?.['reason']);
    } else if (method !== 'notifications/initialized' && this.#client) {
      this.#options.router.notified(this.#client, method, params);
    }
  }

  async #serve(message: RequestMessage, envelope: Envelope | undefined, source: CallSource): Promise<void> {
    const { limits, stateless, server } = this.#options;
    const { admitted } = source;
    const opens = message.method === 'initialize' && !envelope;
    const opened = opens ? this.#open(message.params, admitted) : undefined;
    if (!envelope && stateless) this.#client ??= this.#made(admitted.identity, unsaid);
    const client = envelope
      ? new StatelessClient('modern', admitted.identity, envelope, { server, alone: true })
      : (opened ?? this.#client);
    if (client === undefined) return this.#unopened(message);
    if (this.#calls.size >= limits.concurrentCalls) {
      return this.#refuse(message.id, errorResponse(TooManyCalls({ limit: limits.concurrentCalls })).error);
    }
    const call = new StdioCall(client, message, source, this.#options, this);
    const key = idKey(call.id);
    this.#calls.set(key, call);
    const remove = this.#running.add(call);
    const over = () => {
      if (this.#calls.get(key) === call) this.#calls.delete(key);
      remove();
    };
    await call.run(over, opens && opened === undefined ? badInitialize : undefined);
  }

  /** A request of a client that has not opened its session, and says nothing of itself in the request. */
  #unopened({ id, method }: RequestMessage): void {
    if (method === 'ping') this.send(responseJson(id, { result: {} }));
    else if (method === 'initialize') this.#refuse(id, badInitialize);
    else {
      const message = 'Invalid params: send initialize first, or _meta with each request';
      this.#refuse(id, { code: codes.invalidParams, message });
    }
  }

  /** The client that `initialize` makes of the one on the other end. */
  #open(params: JsonObject, { identity }: Admitted): Client | undefined {
    const { revisions, stateless } = this.#options;
    const asked = readInitialize(params, revisions);
    if (asked === undefined || (this.#client !== undefined && !stateless)) return undefined;
    this.#client = this.#made(identity, asked);
    return this.#client;
  }

  #made(identity: Identity, said: Envelope): Client {
    return {
      key: randomUUID(),
      era: 'legacy',
      ...said,
      identity,
      server: this.#options.server,
      alone: true,
      notify: (method, params) => this.send(notificationJson(method, params)),
      ask: (method, params, signal) => this.ask(method, params, signal),
    };
  }

  #refuse(id: RequestId | null, error: RpcError): void {
    this.send(responseJson(id, { error }));
  }

  ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<RpcResponse> {
    return this.#questions.ask((json) => this.send(json), method, params, signal);
  }

  send(json: string): void {
    const { output, log } = this.#options;
    if (!output.writable) return;
    if (output.writableLength > maxBacklogBytes) {
      const error = ClientTooSlow({ bytes: output.writableLength });
      log.warn({ code: error.code, remedy: error.remedy }, error.message);
      output.destroy();
    } else {
      output.write(`${json}\n`);
    }
  }
}
