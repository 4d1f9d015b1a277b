import type { IncomingMessage } from 'node:http';
import { findSallyError, type SallyError } from '../errors.js';
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
    const rest = this.whole().subarray(bytes);
    this.length = rest.length;
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#loose = 0;
  }
}

const empty = Buffer.alloc(0);
