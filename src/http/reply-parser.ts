import { ReplyMalformed, ReplyTooLarge } from '../errors.js';

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

interface ParserOptions {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** Sees the head; answers how many bytes the body may have. */
  readonly onHead: (head: ReplyHead) => number;
  readonly onBody: (bytes: Buffer) => void;
}

/** A head is one packet of a kilobyte; Node gives up at as many, and so do most clients. */
const maxHeadBytes = 16_384;
/** A chunk's size with its extensions, which few servers send and nobody reads. */
const maxSizeLine = 1_024;
const maxInterim = 4;

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const headerLine = new RegExp(`^${token}:[\\t\\x20-\\x7e\\x80-\\xff]*$`);
/** A tab that ends what says where the body ends: servers and proxies part ways on whether it is a blank. */
const doubtfulEnd = /^(?:content-length|transfer-encoding):.*\t *$/i;
/** As many digits as a number holds exactly; extensions as RFC 9112 section 7.1.1 has them, without the spaces that nobody should send. */
const sizeLine = new RegExp(
  `^([0-9a-fA-F]{1,13})(?:;${token}(?:=(?:${token}|"[\\t\\x20!#-\\x5b\\x5d-\\x7e]*"))?)*$`,
);

type Body =
  | { readonly kind: 'length'; left: number }
  | { readonly kind: 'chunked'; state: 'size' | 'data' | 'data-end' | 'trailer'; left: number; line: string }
  | { readonly kind: 'until-close' }
  | { readonly kind: 'none' };

/**
 * Reads one HTTP/1.1 reply (RFC 9112) out of the bytes of a connection. What any server may send is read (chunk
 * extensions and trailers, which are let pass); what could be read in two ways (folded headers, two lengths, bare line
 * feeds) is an error.
 */
export class ReplyParser {
  head: ReplyHead | undefined;
  /** Whether the reply is whole. */
  done = false;
  /** Whether bytes came after it, which nobody asked for. */
  excess = false;
  readonly #options: ParserOptions;
  #pending: Buffer | undefined;
  #body: Body = { kind: 'none' };
  #limit = 0;
  #bytes = 0;
  #trailerBytes = 0;
  #interim = 0;

  constructor(options: ParserOptions) {
    this.#options = options;
  }

  /** Takes the next bytes. Throws a SallyError for what is not a reply; the connection is then of no use. */
  feed(chunk: Buffer): void {
    let rest: Buffer | undefined = chunk;
    while (rest !== undefined && rest.length > 0 && !this.done) {
      rest = this.head === undefined ? this.#feedHead(rest) : this.#feedBody(rest);
    }
    if (this.done && rest !== undefined && rest.length > 0) this.excess = true;
  }

  /** The connection has ended. Answers whether that ends the reply. */
  end(): boolean {
    if (this.head !== undefined && this.#body.kind === 'until-close') this.done = true;
    return this.done;
  }

  #feedHead(chunk: Buffer): Buffer | undefined {
    const bytes: Buffer = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (end === -1 ? bytes.length > maxHeadBytes : end > maxHeadBytes)
      throw this.#bad('its head is too long');
    if (end === -1) {
      this.#pending = bytes;
      return undefined;
    }
    this.#pending = undefined;
    this.#readHead(bytes.toString('latin1', 0, end));
    return bytes.subarray(end + 4);
  }

  #readHead(text: string): void {
    const [first = '', ...lines] = text.split('\r\n');
    const started = statusLine.exec(first);
    if (started === null) throw this.#bad('no status line of HTTP/1.1');
    const status = Number(started[2]);
    const fields = new Map<string, string>();
    for (const line of lines) {
      if (!headerLine.test(line) || doubtfulEnd.test(line)) throw this.#bad('a header that is none');
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = withoutBlanks(line, colon + 1);
      const before = fields.get(name);
      // Two lengths make a list, which is none.
      fields.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    if (status < 200) {
      this.#interim += 1;
      if (status === 101 || this.#interim > maxInterim) throw this.#bad(`status ${status}`);
      return;
    }
    this.#body = this.#bodyOf(status, fields);
    const persistent = started[1] === '1' && this.#body.kind !== 'until-close';
    this.head = {
      status,
      contentType: (fields.get('content-type') ?? '').toLowerCase(),
      headers: fields,
      keepAliveMs: persistent ? keepAlive(fields) : 0,
    };
    this.#limit = this.#options.onHead(this.head);
    if (this.#body.kind === 'length') this.#expect(this.#body.left);
    this.done = this.#body.kind === 'none' || (this.#body.kind === 'length' && this.#body.left === 0);
  }

  #bodyOf(status: number, fields: ReadonlyMap<string, string>): Body {
    const length = fields.get('content-length');
    const coding = fields.get('transfer-encoding');
    // RFC 9112 section 6.1: a message with both may be an attempt at smuggling.
    if (length !== undefined && coding !== undefined) throw this.#bad('two kinds of length');
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw this.#bad('a transfer coding');
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw this.#bad('a length that is none');
    if (status === 204 || status === 304) return { kind: 'none' };
    if (coding !== undefined) return { kind: 'chunked', state: 'size', left: 0, line: '' };
    if (length === undefined) return { kind: 'until-close' };
    return { kind: 'length', left: Number(length) };
  }

  #feedBody(chunk: Buffer): Buffer | undefined {
    const body = this.#body;
    if (body.kind === 'chunked') return this.#feedChunked(body, chunk);
    if (body.kind === 'until-close') {
      this.#take(chunk);
      return undefined;
    }
    if (body.kind === 'none') return chunk;
    const part = chunk.length > body.left ? chunk.subarray(0, body.left) : chunk;
    body.left -= part.length;
    this.#take(part);
    if (body.left > 0) return undefined;
    this.done = true;
    return chunk.subarray(part.length);
  }

  #feedChunked(body: Body & { kind: 'chunked' }, chunk: Buffer): Buffer | undefined {
    if (body.state === 'data') {
      const part = chunk.length > body.left ? chunk.subarray(0, body.left) : chunk;
      body.left -= part.length;
      this.#take(part);
      if (body.left === 0) body.state = 'data-end';
      return chunk.subarray(part.length);
    }
    // Byte by byte, for a line of a few: the size, or the end of a chunk, or of all of them.
    let at = 0;
    while (at < chunk.length && !body.line.endsWith('\r\n')) {
      if (body.line.length >= maxSizeLine) throw this.#bad('a line between chunks that is too long');
      body.line += String.fromCharCode(chunk[at] as number);
      at += 1;
    }
    if (body.line.endsWith('\r\n')) {
      const line = body.line.slice(0, -2);
      body.line = '';
      this.#endOfLine(body, line);
    }
    return chunk.subarray(at);
  }

  #endOfLine(body: Body & { kind: 'chunked' }, line: string): void {
    if (body.state === 'size') {
      const size = sizeLine.exec(line);
      if (size === null) throw this.#bad('a chunk without a size');
      body.left = Number.parseInt(size[1] as string, 16);
      body.state = body.left === 0 ? 'trailer' : 'data';
      this.#expect(body.left);
    } else if (body.state === 'trailer') {
      if (line === '') this.done = true;
      else this.#skipTrailer(line);
    } else if (line !== '') {
      throw this.#bad('a chunk that is longer than its size');
    } else {
      body.state = 'size';
    }
  }

  /** RFC 9110 section 6.5.1: what comes after the body may be let pass, but says nothing of its length. */
  #skipTrailer(line: string): void {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    if (!headerLine.test(line) || name === 'content-length' || name === 'transfer-encoding') {
      throw this.#bad('a trailer that is none');
    }
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > maxHeadBytes) throw this.#bad('its trailers are too long');
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#expect(bytes.length);
    this.#bytes += bytes.length;
    this.#options.onBody(bytes);
  }

  /** So many bytes more have to be within the limit. */
  #expect(more: number): void {
    if (this.#bytes + more <= this.#limit) return;
    throw ReplyTooLarge({ peer: this.#options.peer, limit: this.#limit });
  }

  #bad(reason: string) {
    return ReplyMalformed({ peer: this.#options.peer, reason });
  }
}

/** What is of `line` from a place on, without the spaces and tabs around it: a no-break space is part of a value. */
function withoutBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start += 1;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

const isBlank = (code: number) => code === 0x20 || code === 0x09;

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
