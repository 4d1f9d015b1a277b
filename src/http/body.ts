import type { IncomingMessage } from 'node:http';

/** What became of a request's body: its JSON, or the status that refuses it. */
export type ReadBody = { readonly json: unknown } | { readonly status: 400 | 413 };

/** Reads a body of at most `limit` bytes as JSON. A larger one is not read to its end. */
export async function readJson(request: IncomingMessage, limit: number): Promise<ReadBody> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return { status: 413 };
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) return { status: 413 };
    chunks.push(chunk);
  }
  try {
    return {
      json: JSON.parse((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString('utf8') ?? ''),
    };
  } catch {
    return { status: 400 };
  }
}
