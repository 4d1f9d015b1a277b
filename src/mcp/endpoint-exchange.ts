import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { ClientTooSlow, messageOf, type SallyError } from '../errors.js';
import { framingHeaders } from '../headers.js';
import { type Reply, type RequestHead, retryAfter, sendJson } from '../http/index.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';
import type { Observer, RequestEnd, RequestObservation } from '../telemetry/index.js';
import { sseComment } from './events.js';
import { headerNames, takesStreams } from './headers.js';
import { codes, errorResponse, type Refusal, type RequestId, refusal, responseJson } from './messages.js';
import { type Admitted, anyone, type Credential } from './router.js';

/** What waits to be read by a client; a client that lets more pile up is cut off. */
const maxBacklogBytes = 4_000_000;

const streamHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  // Proxies such as nginx hold events back otherwise.
  'X-Accel-Buffering': 'no',
};

type Headers = Readonly<Record<string, string>>;

export interface ExchangeDeps {
  readonly log: Logger;
  /** Open event streams: they get a comment now and then, so that nothing on the way takes them for dead. */
  readonly streams: Set<Exchange>;
  readonly observer?: Observer | undefined;
  /** Revisions with `initialize` that are served, the newest first. */
  readonly legacyRevisions: readonly string[];
  /** Why no more requests are taken, once that is so. */
  stopping: SallyError | undefined;
}

/**
 * One HTTP request and the reply to it: a JSON document or an event stream, whichever has to be sent first. What is written
 * after the end of the reply, or after the client has gone, is dropped.
 */
export class Exchange {
  /** Of the request, as they came. */
  readonly headers: IncomingHttpHeaders;
  readonly response: Reply;
  /** Watches the request; undefined once its end was reported. */
  observed: RequestObservation | undefined;
  /** As whom the client was let in; `anyone` until it was. */
  admitted: Admitted;
  /** The method of its message, by HTTP where that is not read. */
  method: string;
  /** The address that the request came from, once its client was authenticated. */
  remote: string | undefined;
  /** The id of the request in it. JSON-RPC 2.0 section 5: where it is not known, it is null. */
  id: RequestId | null;
  /** The virtual server that it came to; undefined at `/mcp`. */
  server: string | undefined;
  /** Whether the event stream has begun, and has not ended: the reply is no single document any more. */
  streaming: boolean;
  /** Whether the event stream has begun for the sake of the connection alone: what comes on it may as well have been a document. */
  held: boolean;
  readonly #socket: Pick<Socket, 'remoteAddress'>;
  readonly #deps: ExchangeDeps;
  #state: 'waiting' | 'opening' | 'streaming' | 'ended';
  /** What is written while plugins decide on the headers of the stream. */
  #early: { readonly frames: string[]; chars: number; ended: boolean } | undefined;

  constructor(
    request: {
      readonly method?: string | undefined;
      readonly headers: IncomingHttpHeaders;
      readonly socket: Pick<Socket, 'remoteAddress'>;
      readonly forwarded?: RequestHead['forwarded'];
    },
    response: Reply,
    deps: ExchangeDeps,
    admitted: Admitted = anyone,
  ) {
    this.headers = request.headers;
    this.response = response;
    this.admitted = admitted;
    this.method = request.method ?? '';
    this.id = null;
    this.remote = undefined;
    this.server = undefined;
    // Whoever is warned of is the client, and not the proxy that all come through.
    this.#socket = request.forwarded ? { remoteAddress: request.forwarded.remote } : request.socket;
    const { method, headers } = request;
    const address = this.#socket.remoteAddress;
    this.observed = deps.observer?.request?.({ method, headers, address, http: true });
    this.#deps = deps;
    this.streaming = false;
    this.held = false;
    this.#state = 'waiting';
    this.#early = undefined;
  }

  /** What let in the client: a stream goes no further than that. */
  get credential(): Credential | undefined {
    return this.admitted.credential;
  }

  /** Whether its client reads a reply that is an event stream, where it may as well be JSON. */
  get takesStreams(): boolean {
    return takesStreams(this.headers.accept);
  }

  /** The whole reply, a JSON document or no content. With 503 goes when the client is to try again. */
  send(status: number, json = '', headers?: Headers): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'ended';
    const all: Record<string, string | number> = {};
    if (json !== '') all['Content-Type'] = 'application/json';
    if (headers) Object.assign(all, headers);
    else if (status === 503) all['Retry-After'] = retryAfter;
    const { replyHeaders } = this.admitted;
    if (replyHeaders !== undefined) {
      replyHeaders(status, all as Headers)
        .then((changed) => this.#sendWhole(status, json, withoutFraming(changed)))
        .catch((error: unknown) => this.#failed(error));
    } else if (!this.response.destroyed) {
      all['Content-Length'] = Buffer.byteLength(json);
      this.response.writeHead(status, all);
      this.response.end(json);
    }
  }

  #sendWhole(status: number, json: string, headers: Headers): void {
    if (this.response.destroyed) return;
    this.response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(json) });
    this.response.end(json);
  }

  /** Begins the event stream though there is nothing to send yet: nobody on the way takes the connection for dead. */
  keepAlive(): void {
    if (this.#state !== 'waiting') return;
    this.stream();
    this.write(sseComment);
    this.held = true;
  }

  /** Begins the event stream. */
  stream(): void {
    this.held = false;
    if (this.#state !== 'waiting') return;
    this.streaming = true;
    const { streams } = this.#deps;
    streams.add(this);
    this.response.once('close', () => streams.delete(this));
    const { replyHeaders } = this.admitted;
    if (replyHeaders === undefined) {
      this.#begin(streamHeaders);
    } else {
      this.#state = 'opening';
      this.#early = { frames: [], chars: 0, ended: false };
      replyHeaders(200, streamHeaders)
        .then((changed) => this.#begin(withoutFraming(changed)))
        .catch((error: unknown) => this.#failed(error));
    }
  }

  /** A frame of the event stream. */
  write(frame: string): void {
    if (this.#state === 'opening' && this.#early) {
      this.#early.frames.push(frame);
      this.#early.chars += frame.length;
      if (this.#early.chars > maxBacklogBytes) this.#cutOff();
    } else if (this.#state === 'streaming' && !this.response.destroyed) {
      if (this.response.writableLength > maxBacklogBytes) this.#cutOff();
      else this.response.write(frame);
    }
  }

  /** Ends the event stream; where none has begun, there is one without events. */
  end(): void {
    this.stream();
    if (this.#early) this.#early.ended = true;
    if (this.#state !== 'streaming') return;
    this.streaming = false;
    this.#state = 'ended';
    this.response.end();
  }

  /** Takes the reply into the hands of the caller, unless it was begun or the client has gone: then false. */
  detach(): boolean {
    if (this.#state !== 'waiting' || this.response.destroyed) return false;
    this.#state = 'ended';
    return true;
  }

  /** The headers of a reply that was detached, as plugins want them; undefined where it could not be sent with those. */
  async writeHead(status: number, headers: Headers): Promise<boolean> {
    try {
      const { replyHeaders } = this.admitted;
      const changed = replyHeaders ? withoutFraming(await replyHeaders(status, headers)) : headers;
      this.response.writeHead(status, changed);
      this.response.flushHeaders();
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Replies with a JSON-RPC error. */
  refuse({ status, error }: Refusal, headers?: Headers): void {
    this.send(status, responseJson(this.id, { error }), headers);
    if (this.observed === undefined) return;
    const { admitted, method } = this;
    const identity = admitted === anyone ? {} : { identity: admitted.identity };
    const { code } = Object(error.data) as { readonly code?: string };
    reportEnd(this, { kind: 'other', method, status, ...identity, error: error.code, reason: code });
  }

  /** Replies with an error of the registry, at its own HTTP status and with `Retry-After`. */
  refuseWith(error: SallyError): void {
    peerLog(this.#deps.log).warn(this.#socket.remoteAddress, error);
    const retry = { 'Retry-After': error.httpStatus === 429 ? '1' : retryAfter };
    this.refuse({ status: error.httpStatus, ...errorResponse(error) }, retry);
  }

  /** A session that is not here may have ended with this server, or with a worker of it. */
  refuseSession(): void {
    const { stopping } = this.#deps;
    // At the next server its client learns what became of it.
    if (stopping) this.refuseWith(stopping);
    // The code by which the SDKs know that they have to initialize again.
    else this.refuse(refusal(404, 'Session not found', codes.sessionNotFound));
  }

  /** Refuses a request for the revision that its header names, and returns whether it did. */
  refuseRevision(): boolean {
    const revision = this.headers[headerNames.protocolVersion];
    const { legacyRevisions } = this.#deps;
    if (revision === undefined || legacyRevisions.includes(String(revision))) return false;
    const supported = legacyRevisions.join(', ');
    const message = `Bad Request: Unsupported protocol version: ${revision} (supported versions: ${supported})`;
    this.refuse(refusal(400, message));
    return true;
  }

  #begin(headers: Headers): void {
    const early = this.#early;
    this.#early = undefined;
    this.#state = 'streaming';
    if (this.response.destroyed) return;
    this.response.writeHead(200, headers);
    this.response.flushHeaders();
    for (const frame of early?.frames ?? []) this.write(frame);
    if (early?.ended) this.end();
  }

  /** Headers that plugins made and that are none: what they meant to keep back is not sent in spite of them. */
  #failed(error: unknown): void {
    this.#deps.log.error(
      { error: messageOf(error) },
      'a reply could not be sent with the headers of plugins',
    );
    this.streaming = false;
    this.#state = 'ended';
    if (this.response.headersSent) this.response.destroy();
    else sendJson(this.response, 500, { error: 'internal error' });
  }

  #cutOff(): void {
    const error = ClientTooSlow({ bytes: this.response.writableLength + (this.#early?.chars ?? 0) });
    peerLog(this.#deps.log).warn(undefined, error);
    this.response.destroy();
  }
}

/** Reports how a request ended, unless that was done before. */
export function reportEnd(request: Pick<Exchange, 'observed'>, end: RequestEnd): void {
  request.observed?.end(end);
  request.observed = undefined;
}

/** Without what describes the message on its way: that is made where it is sent. */
function withoutFraming(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !framingHeaders.has(name.toLowerCase())),
  );
}
