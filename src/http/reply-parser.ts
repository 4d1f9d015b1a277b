import { ReplyMalformed, ReplyTooLarge } from '../errors.js';
import { token } from '../headers.js';
import { LastHead, Pieces } from './message.js';
import type { ReplyStream } from './reply-stream.js';

/** What a reply says before its body. */
export interface ReplyHead {
  readonly status: number;
  /** In lower case. */
  readonly contentType: string;
  /** By their names in lower case; one that came more than once as a list (RFC 9110 section 5.3). */
  readonly headers: ReadonlyMap<string, string>;
  /**
   * For how long the connection may be used once more, in milliseconds: 0 for not at all, undefined where the server
   * says nothing of it.
   */
  readonly keepAliveMs: number | undefined;
}

/** A head is one packet of a kilobyte; Node gives up at as many, and so do most clients. */
const maxHeadBytes = 16_384;
/** A chunk's size with its extensions, which few servers send and nobody reads. */
const maxSizeLine = 1_024;
const maxInterim = 4;

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const headerLine = new RegExp(`^${token}:[\\t\\x20-\\x7e\\x80-\\xff]*$`);
/** A tab that ends what says where the body ends: servers and proxies part ways on whether it is a blank. */
const doubtfulEnd = /^(?:content-length|transfer-encoding):.*\t *$/i;
/** As many digits as a number holds exactly; extensions as RFC 9112 section 7.1.1 has them, without the spaces that nobody should send. */
const sizeLine = new RegExp(
  `^([0-9a-fA-F]{1,13})(?:;${token}(?:=(?:${token}|"[\\t\\x20!#-\\x5b\\x5d-\\x7e]*"))?)*$`,
);

/**
 * Reads the HTTP/1.1 replies (RFC 9112) out of the bytes of a connection, one after the other. What any server may send is
 * read (chunk extensions and trailers, which are let pass); what could be read in two ways (folded headers, two lengths,
 * bare line feeds) is an error.
 */
export class ReplyParser {
  head: ReplyHead | undefined;
  /** Whether the reply is whole. */
  done = false;
  /** Whether bytes came after it, which nobody asked for. */
  excess = false;
  /** The body, where it is no stream. */
  readonly body = new Pieces();
  readonly #peer: string;
  readonly #maxBytes: number;
  readonly #onHead: (head: ReplyHead) => ReplyStream | undefined;
  readonly #lastHead = new LastHead<ReplyHead>();
  #stream: ReplyStream | undefined;
  /** What has come of the head. */
  #pending: Buffer | undefined;
  /** What is still to come of the body, or of the chunk: without end where the end of the connection is its own. */
  #left = 0;
  #chunked = false;
  /** What the next line between chunks is, and what has come of it. */
  #expects: 'size' | 'end' | 'trailer' = 'size';
  #line = '';
  #bytes = 0;
  #trailerBytes = 0;
  #interim = 0;

  /**
   * `peer` is the other end, as a sentence names it. `onHead` sees the head, and returns the stream that takes the body
   * as it comes; without one the body has at most `maxBytes`.
   */
  constructor(peer: string, maxBytes: number, onHead: (head: ReplyHead) => ReplyStream | undefined) {
    this.#peer = peer;
    this.#maxBytes = maxBytes;
    this.#onHead = onHead;
  }

  /** The next reply is waited for. */
  next(): void {
    this.head = undefined;
    this.done = false;
    this.body.drop(this.body.length);
    this.#stream = undefined;
    this.#left = 0;
    this.#bytes = 0;
    this.#trailerBytes = 0;
    this.#interim = 0;
    this.#expects = 'size';
  }

  /** Takes the next bytes. Throws a SallyError for what is not a reply; the connection is then of no use. */
  feed(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.done) {
      if (this.head === undefined) rest = this.#feedHead(rest);
      else if (this.#left > 0) rest = this.#feedData(rest);
      else rest = this.#feedLine(rest);
    }
    this.excess = rest.length > 0;
  }

  /** The connection has ended. Returns whether that ends the reply. */
  end(): boolean {
    this.done ||= this.#left === Number.POSITIVE_INFINITY;
    return this.done;
  }

  #feedHead(chunk: Buffer): Buffer {
    const bytes: Buffer = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if ((end === -1 ? bytes.length : end) > maxHeadBytes) throw this.#bad('its head is too long');
    this.#pending = end === -1 ? bytes : undefined;
    if (end === -1) return nothing;
    const text = bytes.toString('latin1', 0, end);
    const length = this.#lastHead.lengthIn(text);
    let head: ReplyHead | undefined;
    if (length === undefined) {
      head = this.#parseHead(text);
      // Others may say a length and have no body (RFC 9112 section 6.3).
      this.#lastHead.keep(text, head?.status === 200 ? head : undefined);
    } else {
      head = this.#lastHead.head as ReplyHead;
      this.#chunked = false;
      this.#left = length;
      this.done = length === 0;
    }
    if (head) {
      this.head = head;
      this.#stream = this.#onHead(head);
      if (!this.#chunked && this.#left < Number.POSITIVE_INFINITY) this.#expect(this.#left);
    }
    return bytes.subarray(end + 4);
  }

  /** Undefined of one that says that another comes. */
  #parseHead(text: string): ReplyHead | undefined {
    const [first = '', ...lines] = text.split('\r\n');
    const started = statusLine.exec(first);
    if (started === null) throw this.#bad('no status line of HTTP/1.1');
    const status = Number(started[2]);
    const headers = new Map<string, string>();
    for (const line of lines) {
      if (!headerLine.test(line) || doubtfulEnd.test(line)) throw this.#bad('a header that is none');
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = withoutBlanks(line, colon + 1);
      const before = headers.get(name);
      // Two lengths make a list, which is none.
      headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    if (status < 200) {
      this.#interim += 1;
      if (status === 101 || this.#interim > maxInterim) throw this.#bad(`status ${status}`);
      return undefined;
    }
    this.#frame(status, headers);
    const persistent = started[1] === '1' && this.#left < Number.POSITIVE_INFINITY;
    const contentType = (headers.get('content-type') ?? '').toLowerCase();
    return { status, contentType, headers, keepAliveMs: persistent ? keepAlive(headers) : 0 };
  }

  /** Where the body ends (RFC 9112 section 6.3). */
  #frame(status: number, headers: ReadonlyMap<string, string>): void {
    const length = headers.get('content-length');
    const coding = headers.get('transfer-encoding');
    // RFC 9112 section 6.1: a message with both may be an attempt at smuggling.
    if (length !== undefined && coding !== undefined) throw this.#bad('two kinds of length');
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw this.#bad('a transfer coding');
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw this.#bad('a length that is none');
    const empty = status === 204 || status === 304;
    this.#chunked = coding !== undefined && !empty;
    if (!this.#chunked && !empty)
      this.#left = length === undefined ? Number.POSITIVE_INFINITY : Number(length);
    this.done = !this.#chunked && this.#left === 0;
  }

  #feedData(chunk: Buffer): Buffer {
    const part = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk;
    if (this.#left === Number.POSITIVE_INFINITY) this.#expect(part.length);
    this.#left -= part.length;
    this.#bytes += part.length;
    this.done = this.#left === 0 && !this.#chunked;
    if (this.#stream) this.#stream.push(part);
    else this.body.add(part);
    return part === chunk ? nothing : chunk.subarray(part.length);
  }

  /** A line of a few bytes: the size, or the end of a chunk, or of all of them. */
  #feedLine(chunk: Buffer): Buffer {
    const end = chunk.indexOf('\n') + 1;
    this.#line += chunk.toString('latin1', 0, end || chunk.length);
    if (this.#line.length > maxSizeLine) throw this.#bad('a line between chunks that is too long');
    if (end === 0) return nothing;
    const line = this.#line.slice(0, -2);
    if (!this.#line.endsWith('\r\n')) throw this.#bad('a line between chunks without its end');
    this.#line = '';
    if (this.#expects === 'size') this.#readSize(line);
    else if (this.#expects === 'trailer') this.#skipTrailer(line);
    else if (line === '') this.#expects = 'size';
    else throw this.#bad('a chunk that is longer than its size');
    return chunk.subarray(end);
  }

  #readSize(line: string): void {
    const size = sizeLine.exec(line);
    if (size === null) throw this.#bad('a chunk without a size');
    this.#left = Number.parseInt(size[1] as string, 16);
    this.#expects = this.#left === 0 ? 'trailer' : 'end';
    this.#expect(this.#left);
  }

  /** RFC 9110 section 6.5.1: what comes after the body may be let pass, but says nothing of its length. */
  #skipTrailer(line: string): void {
    this.done = line === '';
    if (this.done) return;
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    if (!headerLine.test(line) || name === 'content-length' || name === 'transfer-encoding') {
      throw this.#bad('a trailer that is none');
    }
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > maxHeadBytes) throw this.#bad('its trailers are too long');
  }

  /** So many bytes more have to be within the limit. */
  #expect(more: number): void {
    if (this.#stream !== undefined || this.#bytes + more <= this.#maxBytes) return;
    throw ReplyTooLarge({ peer: this.#peer, limit: this.#maxBytes });
  }

  #bad(reason: string) {
    return ReplyMalformed({ peer: this.#peer, reason });
  }
}

const nothing = Buffer.alloc(0);

/** What is of `line` from a place on, without the spaces and tabs around it: a no-break space is part of a value. */
function withoutBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (line[start] === ' ' || line[start] === '\t') start += 1;
  while (end > start && (line[end - 1] === ' ' || line[end - 1] === '\t')) end -= 1;
  return line.slice(start, end);
}

/** A connection is closed on this side before a server does, which would meet a request on its way. */
const keepAliveMostMs = 30_000;
const keepAliveMarginMs = 1_000;

/** RFC 9112 section 9.3, and the `Keep-Alive` that no RFC has settled: what of it cannot be read says nothing. */
function keepAlive(fields: ReadonlyMap<string, string>): number | undefined {
  const options = (fields.get('connection') ?? '').toLowerCase().split(/[,\s]+/);
  if (options.includes('close') || options.includes('upgrade')) return 0;
  let ms: number | undefined;
  for (const said of (fields.get('keep-alive') ?? '').split(/[,;]/)) {
    const [, name, count] = parameter.exec(said) ?? [];
    if (count === undefined) continue;
    // `max` is how many more requests it takes.
    if (name?.toLowerCase() === 'max') ms = count === '0' ? 0 : ms;
    else ms = Math.min(ms ?? keepAliveMostMs, Math.max(0, Number(count) * 1_000 - keepAliveMarginMs));
  }
  return ms;
}

const parameter = /^[\t ]*(timeout|max)[\t ]*=[\t ]*"?(\d{1,12})"?[\t ]*$/i;
