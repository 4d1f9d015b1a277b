import type { Readable, Writable } from 'node:stream';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import { findSallyError, LineTooLong, type SallyError } from '../errors.js';
import { carriedDepth, findId, parseExactJson, withNumbers } from '../json/index.js';
import { cutLines } from '../mcp/lines.js';
import { sdkMessage } from './sdk-message.js';

/**
 * Messages in lines, within the limits of everything that is read here: the SDK's own way parses whatever comes. A line
 * that is not taken is answered under its id.
 */
export class LinesTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #onData: (chunk: Buffer) => void;
  readonly #read: (value: unknown) => JSONRPCMessage;
  #closed = false;

  /** `read` makes a message of JSON, or throws where it is none. */
  constructor(
    input: Readable,
    output: Writable,
    maxLineBytes: number,
    read: (value: unknown) => JSONRPCMessage,
  ) {
    this.#read = read;
    this.#input = input;
    this.#output = output;
    this.#onData = cutLines(
      maxLineBytes,
      (line) => this.#take(line),
      (beginning) => this.#refuse(beginning, LineTooLong({ limit: maxLineBytes })),
    );
  }

  async start(): Promise<void> {
    if (this.#input.readableEnded || this.#input.destroyed) setImmediate(this.#onGone);
    this.#input.on('data', this.#onData).on('error', this.#onError).on('end', this.#onGone);
    this.#input.on('close', this.#onGone);
    this.#output.on('error', this.#onGone);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#closed || !this.#output.writable) return;
    await new Promise<void>((resolve) => {
      if (this.#output.write(`${withNumbers(JSON.stringify(message))}\n`)) resolve();
      else this.#output.once('drain', resolve).once('close', resolve);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.off('data', this.#onData).off('error', this.#onError).off('end', this.#onGone);
    this.#input.off('close', this.#onGone).pause();
    this.onclose?.();
  }

  readonly #onError = (error: Error) => this.onerror?.(error);
  readonly #onGone = () => void this.close();

  #take(line: string): void {
    let message: JSONRPCMessage;
    try {
      message = this.#read(sdkMessage(parseExactJson(line, { what: 'the line', depth: carriedDepth })));
    } catch (error) {
      const known = findSallyError(error);
      if (known) this.#refuse(line, known);
      // What is not JSON at all was meant for no program.
      else if (!(error instanceof SyntaxError)) this.onerror?.(error as Error);
      return;
    }
    this.onmessage?.(message);
  }

  #refuse(line: string, error: SallyError): void {
    this.onerror?.(error);
    const { jsonRpcCode: code, message, remedy } = error;
    const told = { code, message, data: { code: error.code, remedy } };
    // JSON-RPC 2.0 section 5: where the id is not known, it is null.
    void this.send({ jsonrpc: '2.0', id: findId(line) ?? null, error: told } as unknown as JSONRPCMessage);
  }
}
