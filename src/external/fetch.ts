import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { ReplyTooLarge } from '../errors.js';

/** Sends a request to the plugin server, on whichever connection is free. */
export type SendRequest = (
  options: Omit<Dispatcher.RequestOptions, 'origin'>,
) => Promise<Dispatcher.ResponseData>;

/** Replies above this are cut off: a payload of the contract has at most a million bytes. */
export const maxReplyBytes = 8_000_000;

/**
 * `fetch` over a pool's requests, as the MCP client wants it: no redirects, no cookies, no decompression, and
 * several times the calls per second. Rejects with whatever the pool rejects with.
 */
export function fetchOver(send: SendRequest, peer: string) {
  return async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input);
    // The client gives all requests of a session one signal: more than ten at once are no leak.
    if (init.signal) setMaxListeners(0, init.signal);
    const { statusCode, headers, body } = await send({
      path: url.pathname + url.search,
      method: (init.method ?? 'GET') as 'GET' | 'POST' | 'DELETE',
      headers: Object.fromEntries(new Headers(init.headers)),
      body: (init.body ?? null) as string | null,
      signal: init.signal ?? null,
    });
    const flat = new Headers();
    for (const [name, value] of Object.entries(headers)) {
      for (const one of [value ?? []].flat()) flat.append(name, one);
    }
    const streamed = flat.get('content-type')?.startsWith('text/event-stream');
    const empty = statusCode === 202 || statusCode === 204 || statusCode === 304;
    if (empty) await body.dump();
    const content = empty ? null : streamed ? chunksOf(body, peer) : await boundedText(body, peer);
    return new Response(content as ConstructorParameters<typeof Response>[0], {
      status: statusCode,
      headers: flat,
    });
  };
}

/** The chunks of a body, up to the limit of a reply. */
async function* chunksOf(body: Readable, peer: string): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxReplyBytes) {
      body.destroy();
      throw ReplyTooLarge({ peer, limit: maxReplyBytes });
    }
    yield chunk;
  }
}

/** A body as text, up to the limit of a reply. */
function boundedText(body: Readable, peer: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxReplyBytes) body.destroy(ReplyTooLarge({ peer, limit: maxReplyBytes }));
      else chunks.push(chunk);
    });
    body.once('end', () =>
      resolve((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString('utf8') ?? ''),
    );
    body.once('error', reject);
  });
}
