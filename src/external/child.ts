import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Transport } from '@modelcontextprotocol/client';
import { type Cancellation, onAbort } from '../cancel.js';
import {
  ChildGone,
  findSallyError,
  messageOf,
  ReplyIdUnexpected,
  ReplyInvalid,
  ReplyTooLarge,
  type SallyError,
} from '../errors.js';
import { findId, parseJson } from '../json/index.js';
import { cutLines } from '../mcp/lines.js';
import { replyKind, strayText } from '../mcp/requests.js';
import { maxReplyBytes } from './fetch.js';
import { callId, resultOf, type ToolResult } from './lane.js';

interface ChildOptions {
  readonly peer: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** Gets its standard error. */
  readonly onErrors: (stderr: Readable) => void;
}

/** What a child gets to end by itself, and again after SIGTERM, in milliseconds. */
const graceMs = 2_000;
/** Calls that are over whose late replies are known for that. */
const mostOver = 256;

type Message = Parameters<NonNullable<Transport['onmessage']>>[0];

interface Waiting {
  readonly tool: string;
  resolve(result: ToolResult): void;
  reject(error: SallyError): void;
}

/**
 * A plugin server that is a child process, spoken to in lines. The SDK has the handshake; calls of tools go straight to
 * the bytes, as over HTTP, and every line is read within the limits of all JSON from elsewhere.
 */
export class ChildTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  readonly #options: ChildOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** Ids of calls that are over: what comes for them late is nobody's fault. */
  readonly #over: unknown[] = [];
  #child: ChildProcess | undefined;
  #last = 0;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { command, args, env, cwd, onErrors, peer } = this.#options;
    const child = spawn(command, [...args], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      ...(cwd !== undefined && { cwd }),
    });
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
    onErrors(child.stderr);
    const tooLong = (beginning: string) =>
      this.#refuse(beginning, ReplyTooLarge({ peer, limit: maxReplyBytes }));
    child.stdout.on(
      'data',
      cutLines(maxReplyBytes, (line) => this.#hear(line), tooLong),
    );
    await once(child, 'spawn');
    child.on('error', (error) => this.onerror?.(error));
    this.#child = child;
    child.once('close', () => this.#ended());
    // Between the two events it may have ended.
    if (child.exitCode !== null && child.stdout.closed) this.#ended();
  }

  async send(message: Message): Promise<void> {
    await this.#write(JSON.stringify(message));
  }

  /** Calls a tool; its arguments are an object written as JSON. Rejects with a SallyError. */
  callTool(tool: string, args: string, scope: Cancellation): Promise<ToolResult> {
    const { peer } = this.#options;
    if (this.#child === undefined) return Promise.reject(ChildGone({ peer, detail: 'it has ended' }));
    this.#last += 1;
    const id = callId(this.#last);
    const params = `{"name":${JSON.stringify(tool)},"arguments":${args}}`;
    void this.#write(`{"jsonrpc":"2.0","id":"${id}","method":"tools/call","params":${params}}`);
    return new Promise<ToolResult>((resolve, reject) => {
      const unheard = onAbort(scope, (reason) => {
        if (this.#take(id) === undefined) return;
        const cancelled = { requestId: id, reason: messageOf(reason) };
        void this.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: cancelled });
        reject(findSallyError(reason) ?? ChildGone({ peer, detail: 'the call was given up' }));
      });
      this.#waiting.set(id, {
        tool,
        resolve: (result) => {
          unheard();
          resolve(result);
        },
        reject: (error) => {
          unheard();
          reject(error);
        },
      });
    });
  }

  /** Ends the child: closed input, SIGTERM, SIGKILL. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'close');
    child.stdin?.end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const timer = setTimeout(() => child.kill(signal), signal === 'SIGTERM' ? graceMs : 2 * graceMs);
      void gone.finally(() => clearTimeout(timer));
    }
    await gone;
  }

  #ended(): void {
    if (this.#child === undefined) return;
    this.#child = undefined;
    this.#failAll(ChildGone({ peer: this.#options.peer, detail: 'Connection closed' }));
    this.onclose?.();
  }

  #failAll(error: SallyError): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }

  async #write(line: string): Promise<void> {
    const stdin = this.#child?.stdin;
    if (!stdin?.writable || stdin.write(`${line}\n`)) return;
    await new Promise<void>((resolve) => {
      stdin.once('drain', resolve).once('close', resolve);
    });
  }

  #hear(line: string): void {
    const { peer } = this.#options;
    let message: unknown;
    try {
      message = parseJson(line, { what: `a reply of ${peer}` });
    } catch (error) {
      const known = findSallyError(error);
      if (known) this.#refuse(line, known);
      return;
    }
    if (typeof message !== 'object' || message === null) return;
    const { id, method } = message as { id?: unknown; method?: unknown };
    // Until tools are called it is the handshake, and that is the SDK's.
    if (typeof method === 'string' || this.#last === 0) this.onmessage?.(message as Message);
    else this.#settle(this.#whose(id), message);
  }

  /** On a pipe, whose a reply with no id of ours is can be known only where one alone is waited for. */
  #whose(id: unknown): string | undefined {
    if (typeof id === 'string' && this.#waiting.has(id)) return id;
    if (this.#waiting.size !== 1 || this.#over.includes(id)) return undefined;
    return this.#waiting.keys().next().value;
  }

  #settle(id: string | undefined, message: object): void {
    const waiting = id === undefined ? undefined : this.#take(id);
    if (waiting === undefined || id === undefined) return;
    const { peer } = this.#options;
    const { tool } = waiting;
    try {
      if (replyKind(message, id) === 'stray') {
        throw ReplyIdUnexpected({ peer, tool, seen: strayText(message), id });
      }
      waiting.resolve(resultOf(message, peer, tool));
    } catch (error) {
      waiting.reject(findSallyError(error) ?? ReplyInvalid({ peer, tool, reason: messageOf(error) }));
    }
  }

  /** A line that is not taken: whose answer it was says its id, where that can be found. */
  #refuse(line: string, error: SallyError): void {
    this.onerror?.(error);
    const id = findId(line);
    if (id === undefined) this.#failAll(error);
    else if (typeof id === 'string') this.#take(id)?.reject(error);
  }

  /** Who waits under the id, and does so no longer. */
  #take(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(id);
    this.#over.push(id);
    if (this.#over.length > mostOver) this.#over.shift();
    return waiting;
  }
}
