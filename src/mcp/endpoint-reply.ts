import type { Readable } from 'node:stream';
import { ClientTooSlow, messageOf } from '../errors.js';
import { framingHeaders } from '../headers.js';
import { type Reply, sendJson } from '../http/index.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';
import type { HolderReply } from '../sessions/index.js';
import type { Admitted, Credential } from './router.js';

/** What waits to be read by a client; a client that lets more pile up is cut off. */
const maxBacklogBytes = 4_000_000;

const jsonHeaders = { 'Content-Type': 'application/json' };

const streamHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  // Proxies such as nginx hold events back otherwise.
  'X-Accel-Buffering': 'no',
};

type Headers = Readonly<Record<string, string>>;

export interface ReplyDeps {
  readonly log: Logger;
  /** Open event streams: they get a comment now and then, so that nothing on the way takes them for dead. */
  readonly streams: Set<HttpReply>;
}

/**
 * The reply to one HTTP request: one JSON document, or an event stream. Which of the two is decided by what has to be
 * sent first. Nothing that is written after its end, or after the client has gone, goes anywhere.
 */
export class HttpReply {
  /** What let in the client that it is for: a stream goes no further than that. */
  readonly credential: Credential | undefined;
  readonly #response: Reply;
  readonly #deps: ReplyDeps;
  readonly #leaving: Admitted['leaving'];
  #state: 'waiting' | 'opening' | 'streaming' | 'ended' = 'waiting';
  /** What is written while `leaving` decides on the headers. */
  #early: string[] | undefined;
  #earlyChars = 0;
  #endsEarly = false;

  constructor(response: Reply, deps: ReplyDeps, admitted?: Admitted) {
    this.#response = response;
    this.#deps = deps;
    this.#leaving = admitted?.leaving;
    this.credential = admitted?.credential;
  }

  /** Whether the event stream has begun: from here on the reply is no single document. */
  get streaming(): boolean {
    return this.#state === 'opening' || this.#state === 'streaming';
  }

  /** Whether the connection is gone. */
  get gone(): boolean {
    return this.#response.destroyed;
  }

  /** One JSON document, and the end. */
  json(status: number, body: string, headers?: Headers): void {
    this.#whole(status, headers ? { ...jsonHeaders, ...headers } : jsonHeaders, body);
  }

  /** No content, and the end. */
  empty(status: number): void {
    this.#whole(status, {}, '');
  }

  /** Begins the event stream. */
  stream(): void {
    if (this.#state !== 'waiting') return;
    this.#deps.streams.add(this);
    this.#response.once('close', () => this.#deps.streams.delete(this));
    if (this.#leaving === undefined) {
      this.#begin(streamHeaders);
    } else {
      this.#state = 'opening';
      this.#leaving(200, streamHeaders)
        .then((left) => this.#begin(withoutFraming(left)))
        .catch((error: unknown) => this.#broken(error));
    }
  }

  /** A frame of the event stream. */
  write(frame: string): void {
    if (this.#state === 'opening') {
      this.#early ??= [];
      this.#early.push(frame);
      this.#earlyChars += frame.length;
      if (this.#earlyChars > maxBacklogBytes) this.#cutOff();
      return;
    }
    if (this.#state !== 'streaming' || this.#response.destroyed) return;
    if (this.#response.writableLength > maxBacklogBytes) this.#cutOff();
    else this.#response.write(frame);
  }

  /** Ends the event stream; where none has begun, there is one without events. */
  end(): void {
    this.stream();
    if (this.#state === 'opening') this.#endsEarly = true;
    if (this.#state !== 'streaming') return;
    this.#state = 'ended';
    this.#response.end();
  }

  /** The reply of another process, as it comes; resolves when it is over. What is not read is not fetched either. */
  async pass({ status, headers, body }: HolderReply): Promise<void> {
    if (this.#state !== 'waiting' || this.#response.destroyed) return void body.destroy();
    this.#state = 'ended';
    const response = this.#response;
    try {
      const left = this.#leaving ? withoutFraming(await this.#leaving(status, headers)) : headers;
      response.writeHead(status, left);
    } catch (error) {
      body.destroy();
      return this.#broken(error);
    }
    response.flushHeaders();
    await copy(body, response);
  }

  #begin(headers: Headers): void {
    this.#state = 'streaming';
    if (this.#response.destroyed) return;
    this.#response.writeHead(200, headers);
    this.#response.flushHeaders();
    for (const frame of this.#early ?? []) this.write(frame);
    this.#early = undefined;
    this.#earlyChars = 0;
    if (this.#endsEarly) this.end();
  }

  #whole(status: number, headers: Headers, body: string): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'ended';
    if (this.#leaving === undefined) this.#sendWhole(status, headers, body);
    else {
      this.#leaving(status, headers)
        .then((left) => this.#sendWhole(status, withoutFraming(left), body))
        .catch((error: unknown) => this.#broken(error));
    }
  }

  /** Headers that plugins made and that are none: what they meant to keep back is not sent in spite of them. */
  #broken(error: unknown): void {
    this.#deps.log.error(
      { error: messageOf(error) },
      'a reply could not be sent with the headers of plugins',
    );
    this.#state = 'ended';
    if (this.#response.headersSent) this.#response.destroy();
    else sendJson(this.#response, 500, { error: 'internal error' });
  }

  #sendWhole(status: number, headers: Headers, body: string): void {
    if (this.#response.destroyed) return;
    const length = Buffer.byteLength(body);
    this.#response.writeHead(
      status,
      headers === jsonHeaders
        ? { 'Content-Type': 'application/json', 'Content-Length': length }
        : { ...headers, 'Content-Length': length },
    );
    this.#response.end(body);
  }

  #cutOff(): void {
    const error = ClientTooSlow({ bytes: this.#response.writableLength + this.#earlyChars });
    peerLog(this.#deps.log).warn(undefined, error);
    this.#response.destroy();
  }
}

/** Where one end is lost, so is the other: whoever waits for it comes to know. */
async function copy(body: Readable, response: Reply): Promise<void> {
  response.once('close', () => body.destroy());
  try {
    for await (const piece of body) {
      if (!response.write(piece as Buffer)) await drained(response);
    }
    response.end();
  } catch {
    response.destroy();
  }
}

function drained(response: Reply): Promise<void> {
  return new Promise((resolve) => {
    const on = () => {
      response.off('drain', on);
      response.off('close', on);
      resolve();
    };
    response.once('drain', on);
    response.once('close', on);
  });
}

/** Without what describes the message on its way: that is made where it is sent. */
function withoutFraming(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !framingHeaders.has(name.toLowerCase())),
  );
}
