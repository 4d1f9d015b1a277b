import { setMaxListeners } from 'node:events';
import { createParser } from 'eventsource-parser';
import { CancelSource } from '../cancel.js';
import { findSallyError, InternalError, ReplyTooLarge } from '../errors.js';
import { headerLines, type ReplyStream, type SocketPool, writeRequest } from '../http/index.js';
import { parseJson } from '../json/index.js';

/** Replies above this are cut off: a payload of the contract has at most a million bytes. */
export const maxReplyBytes = 8_000_000;

/**
 * `fetch` over a pool's requests, as the MCP client wants it: no redirects, no cookies, no decompression. Rejects with
 * whatever the pool rejects with.
 */
export function fetchOver(pool: Pick<SocketPool, 'send'>, peer: string) {
  return async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input);
    // The client gives all requests of a session one signal: more than ten at once are no leak.
    if (init.signal) setMaxListeners(Number.POSITIVE_INFINITY, init.signal);
    const lines = headerLines(Object.fromEntries(new Headers(init.headers)), (name) =>
      InternalError({ detail: `a request to ${peer} would have an invalid header ${JSON.stringify(name)}` }),
    );
    const message = writeRequest({
      method: (init.method ?? 'GET') as 'GET' | 'POST' | 'DELETE',
      host: url.host,
      path: url.pathname + url.search,
      lines,
      body: typeof init.body === 'string' ? init.body : undefined,
    });
    const reply = await pool.send(message, init.signal ?? new CancelSource());
    const { status, headers } = reply.head;
    const empty = status === 202 || status === 204 || status === 304;
    const what = `a reply of ${peer}`;
    if (reply.kind === 'whole' && reply.head.contentType.startsWith('application/json'))
      check(reply.text, what);
    const body = empty ? null : reply.kind === 'whole' ? reply.text : chunksOf(reply.stream, peer);
    return new Response(body, { status, headers: [...headers] });
  };
}

/** Throws for JSON that is not taken here: the client parses whatever it is given. */
function check(text: string, what: string): void {
  try {
    parseJson(text, { what });
  } catch (error) {
    const refusal = findSallyError(error);
    if (refusal) throw refusal;
  }
}

/** The chunks of a stream, up to the limit of a reply, at the pace of their reader. */
function chunksOf(stream: ReplyStream, peer: string): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let length = 0;
  const events = createParser({ onEvent: ({ data }) => check(data, `an event of ${peer}`) });
  let wanted = () => {};
  return new ReadableStream({
    start(controller) {
      const take = (text: string) => {
        length += text.length;
        if (length > maxReplyBytes) throw ReplyTooLarge({ peer, limit: maxReplyBytes });
        events.feed(text);
        controller.enqueue(encoder.encode(text));
        if ((controller.desiredSize ?? 0) > 0) return undefined;
        return new Promise<void>((resolve) => {
          wanted = resolve;
        });
      };
      stream.read(take).then(
        () => controller.close(),
        (error: unknown) => controller.error(error),
      );
    },
    pull: () => wanted(),
    cancel: () => stream.destroy(),
  });
}
