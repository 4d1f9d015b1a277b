import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Decision } from './facts.js';

/** Streams at a time: more are refused. */
const mostStreams = 32;
/** A reader that is so far behind is let go of: it comes back by itself, and asks for the whole. */
const mostBehind = 1_000_000;
/** How often it is asked whether who reads may still do so, and a sign of life is sent, in milliseconds. */
const pulseMs = 5_000;

interface Reader {
  readonly response: ServerResponse;
  readonly mayRead: () => Promise<boolean>;
}

/** The streams of those who look. */
export class EventStreams {
  readonly #readers = new Set<Reader>();
  readonly #pulse: NodeJS.Timeout;
  readonly #onLook: () => void;

  /** `onLook` is called whenever somebody begins to look. */
  constructor(onLook: () => void) {
    this.#onLook = onLook;
    this.#pulse = setInterval(() => void this.#beat(), pulseMs);
    this.#pulse.unref();
  }

  get size(): number {
    return this.#readers.size;
  }

  open(request: IncomingMessage, response: ServerResponse, mayRead: () => Promise<boolean>): void {
    if (request.method === 'HEAD' || this.#readers.size >= mostStreams) {
      response.writeHead(this.#readers.size >= mostStreams ? 503 : 200, { 'Retry-After': '5' }).end();
      return;
    }
    const reader = { response, mayRead };
    this.#readers.add(reader);
    response.once('close', () => this.#readers.delete(reader));
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    response.write(': sallyport\n\n');
    this.#onLook();
  }

  decisions(decisions: readonly Decision[]): void {
    if (decisions.length > 0) this.#write('decision', decisions);
  }

  state(facts: object): void {
    this.#write('state', facts);
  }

  close(): void {
    clearInterval(this.#pulse);
    for (const { response } of this.#readers) response.end();
  }

  #write(event: string, value: unknown): void {
    if (this.#readers.size === 0) return;
    const text = `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
    for (const { response } of this.#readers) {
      if (response.writableLength > mostBehind) response.destroy();
      else response.write(text);
    }
  }

  async #beat(): Promise<void> {
    for (const { response, mayRead } of [...this.#readers]) {
      if (await mayRead()) response.write(': \n\n');
      else response.end();
    }
  }
}
