import type { IncomingMessage } from 'node:http';
import { findSallyError, type SallyError } from '../errors.js';
import { framingHeaders, headerName, headerValue } from '../headers.js';
import { maxDepth, parseExactJson } from '../json/index.js';
import type { Reply } from './reply.js';

/** What became of a request's body: its JSON, or the status that refuses it, with the reason where it is JSON that is not taken. */
export type ReadBody = { readonly json: unknown } | RefusedBody;
export type RefusedBody = { readonly status: 400 | 413; readonly error?: SallyError | undefined };

/** Reads a body of at most `limit` bytes, nested at most `depth` levels, as JSON. A larger one is not read to its end. */
export async function readJson(
  request: IncomingMessage,
  response: Pick<Reply, 'writeContinue'>,
  limit: number,
  depth: number = maxDepth,
): Promise<ReadBody> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return { status: 413 };
  // RFC 9110 section 10.1.1; what else may be expected Node has refused, and HTTP/1.0 has no such thing.
  if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue?.();
  const bytes = await readBytes(request, limit);
  if (bytes === undefined) return { status: 413 };
  return bodyOf(bytes.toString('utf8'), depth);
}

/** What a body that is there as a whole says. */
export function bodyOf(text: string, depth: number = maxDepth): ReadBody {
  try {
    return { json: parseExactJson(text, { what: 'the body', depth }) };
  } catch (error) {
    return { status: 400, error: findSallyError(error) };
  }
}

/** Listeners, not an iterator, whose set-up costs more than reading a body of one piece. */
function readBytes(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const pieces = new Pieces();
    const onData = (chunk: Buffer) => {
      if (pieces.length + chunk.length <= limit) pieces.add(chunk);
      else {
        // The rest goes through nobody's hands until the reply ends the connection.
        request.off('data', onData);
        request.resume();
        resolve(undefined);
      }
    };
    request.on('data', onData);
    request.once('end', () => resolve(pieces.whole()));
    request.once('error', reject);
  });
}

/** So many pieces as they came become one: each takes up some hundred bytes, also where it is a single byte. */
const maxLoose = 256;

/** Bytes that come in pieces, however small, and are wanted as one. */
export class Pieces {
  /** How many bytes there are. */
  length = 0;
  #chunks: Buffer[] = [];
  /** How many of the last ones are as they came. */
  #loose = 0;

  /** How many pieces are held: far fewer than came. */
  get held(): number {
    return this.#chunks.length;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
    this.#loose += 1;
    if (this.#loose < maxLoose) return;
    this.#chunks.push(Buffer.concat(this.#chunks.splice(-maxLoose)));
    this.#loose = 0;
  }

  /** All of them as one piece. */
  whole(): Buffer {
    if (this.#chunks.length > 1) {
      this.#chunks = [Buffer.concat(this.#chunks)];
      this.#loose = 0;
    }
    return this.#chunks[0] ?? empty;
  }

  /** Lets go of the first bytes. */
  drop(bytes: number): void {
    this.#chunks = bytes < this.length ? [this.whole().subarray(bytes)] : [];
    this.length = Math.max(0, this.length - bytes);
    this.#loose = 0;
  }
}

const empty = Buffer.alloc(0);

const lengthField = /\r\ncontent-length:[ \t]*/i;
const plainLength = /^\d{1,8}$/;

/**
 * The last head of a connection, cut at the value of its Content-Length. A peer that stays sends heads that are alike to
 * the byte but for that (and for the Date, once a second): such a head is compared in place of being read.
 */
export class LastHead<T> {
  /** What was read of it. */
  head: T | undefined;
  #before = '';
  #after = '';

  /** The length that `text` has, where it is like the last head in all else. */
  lengthIn(text: string): number | undefined {
    if (this.head === undefined || !text.startsWith(this.#before) || !text.endsWith(this.#after))
      return undefined;
    const digits = text.slice(this.#before.length, text.length - this.#after.length);
    return plainLength.test(digits) ? Number(digits) : undefined;
  }

  /** Keeps what was read of `text`, where it has a length. */
  keep(text: string, head: T | undefined): void {
    const found = head && lengthField.exec(text);
    this.head = found ? head : undefined;
    if (!found) return;
    const at = found.index + found[0].length;
    const end = text.indexOf('\r\n', at);
    this.#before = text.slice(0, at);
    this.#after = end === -1 ? '' : text.slice(end);
  }
}

/** The lines of a request's head that say these headers. Throws what `refusal` makes of one that cannot be sent. */
export function headerLines(
  headers: Readonly<Record<string, string>>,
  refusal: (name: string) => SallyError,
): string {
  let lines = '';
  for (const name in headers) {
    const value = headers[name] as string;
    if (!headerName.test(name) || framingHeaders.has(name.toLowerCase()) || !headerValue.test(value)) {
      throw refusal(name);
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly host: string;
  /** As a URL has it: everything but ASCII is escaped. */
  readonly path: string;
  /** What `headerLines` returned. */
  readonly lines: string;
  readonly body: string | undefined;
}

/** A whole request, as its bytes or the text that is them in UTF-8. */
export function writeRequest({ method, host, path, lines, body }: Request): string | Buffer {
  const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${lines}${length}\r\n`;
  // RFC 9110 section 5.5: what is not ASCII in a header is a byte a character.
  if (/[\x80-\xff]/.test(lines)) return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')]);
  return body === undefined ? head : head + body;
}
