import { randomUUID } from 'node:crypto';
import { CancelSource } from '../../cancel.js';
import { InternalError } from '../../errors.js';
import { writeJson } from '../../json/index.js';
import type { PluginRequest } from '../../manager/index.js';
import { type Answer, type JsonObject, noRoom, type RequestId } from '../../mcp/messages.js';
import type { Credential } from '../auth/index.js';
import type { Client, ClientRequest, Trace } from '../client.js';
import { errorAnswer } from '../router/index.js';

/** Where a call comes from, beside its message. */
export interface CallSource {
  readonly client: Client;
  readonly headers: Readonly<Record<string, string>>;
  /** The address of an HTTP client. */
  readonly remote?: string | undefined;
  /** What let the client in with this request. */
  readonly credential?: Credential | undefined;
  plugins(): PluginRequest;
}

/** One request of a client: what all ways in have in common. */
export abstract class Call implements ClientRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
  readonly client: Client;
  readonly headers: Readonly<Record<string, string>>;
  readonly remote?: string;
  readonly trace: Trace = { plugins: [] };
  readonly signal = new CancelSource();
  /** How it ended where no answer is wanted any more. */
  abandoned: 'cancelled' | 'gone' | undefined;
  readonly #source: CallSource;
  #plugins: PluginRequest | undefined;
  #ownId: string | undefined;

  constructor(source: CallSource, message: { id: RequestId; method: string; params: JsonObject }) {
    this.#source = source;
    this.client = source.client;
    this.headers = source.headers;
    if (source.remote !== undefined) this.remote = source.remote;
    this.id = message.id;
    this.method = message.method;
    this.params = message.params;
  }

  get credential(): Credential | undefined {
    return this.#source.credential;
  }

  /** The id by which the log knows the request, and plugins where one was asked. */
  get requestId(): string {
    this.#ownId ??= this.#plugins?.global.request_id ?? randomUUID();
    return this.#ownId;
  }

  plugins(): PluginRequest {
    this.#plugins ??= this.#source.plugins();
    return this.#plugins;
  }

  /** Nobody waits for the answer any more. */
  abandon(how: 'cancelled' | 'gone'): void {
    if (this.abandoned !== undefined) return;
    this.abandoned = how;
    this.stop();
  }

  /** It is to come to its end, and its answer is still wanted: how a subscription ends in order. */
  stop(): void {
    this.signal.abort(undefined);
  }

  /** What let the client in is over: what is still being told on the strength of it ends. */
  credentialOver(): void {}

  abstract notify(method: string, params?: JsonObject): void;
  abstract ask(method: string, params: JsonObject | undefined, signal: AbortSignal): Promise<Answer>;
  /** Sends the answer, unless nobody waits for it. */
  abstract finish(answer: Answer): void;
}

/** Whether a call goes on until it is stopped. */
export function isSubscription({ method, client }: Pick<Call, 'method' | 'client'>): boolean {
  return method === 'subscriptions/listen' && client.era === 'modern';
}

export function notificationJson(method: string, params: JsonObject | undefined): string {
  return writeJson({ jsonrpc: '2.0', method, ...(params && { params }) });
}

/** What has no room is told by HTTP too, in whichever queue that was: clients and proxies know when to come again. */
export function fullReply(
  answer: Answer,
): { readonly status: 503; readonly headers: Readonly<Record<string, string>> } | undefined {
  if (!('error' in answer) || answer.error[noRoom] !== true) return undefined;
  return { status: 503, headers: { 'Retry-After': '5' } };
}

export function answerJson(id: RequestId | null, answer: Answer): string {
  try {
    // Nothing but the answer: one that came off the wire may still have the id of another hop.
    return 'error' in answer
      ? writeJson({ jsonrpc: '2.0', id, error: answer.error })
      : writeJson({ jsonrpc: '2.0', id, result: answer.result });
  } catch (error) {
    // What is nested too deep can be read, and not be written.
    const detail = 'the answer cannot be written';
    return writeJson({ jsonrpc: '2.0', id, ...errorAnswer(InternalError({ detail }, error)) });
  }
}
