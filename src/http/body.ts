import type { IncomingMessage } from 'node:http';
import { Pieces } from './pieces.js';

/** What became of a request's body: its JSON, or the status that refuses it. */
export type ReadBody = { readonly json: unknown } | { readonly status: 400 | 413 };

/** Reads a body of at most `limit` bytes as JSON. A larger one is not read to its end. */
export async function readJson(request: IncomingMessage, limit: number): Promise<ReadBody> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return { status: 413 };
  const bytes = await readBytes(request, limit);
  if (bytes === undefined) return { status: 413 };
  try {
    return { json: JSON.parse(bytes.toString('utf8')) };
  } catch {
    return { status: 400 };
  }
}

/** Listeners, not an iterator, whose set-up costs more than reading a body of one piece. */
function readBytes(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const pieces = new Pieces();
    request.on('data', (chunk: Buffer) => {
      if (pieces.length + chunk.length <= limit) pieces.add(chunk);
      else {
        request.pause();
        resolve(undefined);
      }
    });
    request.once('end', () => resolve(pieces.whole()));
    request.once('error', reject);
  });
}
