import { createParser } from 'eventsource-parser';
import type { Cancellation } from '../cancel.js';
import {
  findSallyError,
  HttpStatusUnexpected,
  messageOf,
  ReplyIdUnexpected,
  ReplyInvalid,
  ReplyTooLarge,
} from '../errors.js';
import {
  headerLines,
  type PooledReply,
  type ReplyStream,
  type SocketPool,
  writeRequest,
} from '../http/index.js';
import { parseJson } from '../json/index.js';
import { headerNames, postHeaders } from '../mcp/headers.js';
import { envelopeOf } from '../mcp/meta.js';
import { randomRequestId, replyKind, strayText } from '../mcp/requests.js';
import { maxReplyBytes } from './fetch.js';

/** What the handshake of a session settled: every request after it says the same of itself. */
export interface SessionFacts {
  readonly revision: string;
  /** Whether it is 2026-07-28 or later: each request then carries an envelope, and there are no sessions. */
  readonly modern: boolean;
  readonly sessionId: string | undefined;
  readonly client: { readonly name: string; readonly version: string };
}

interface LaneOptions {
  readonly url: URL;
  readonly peer: string;
  readonly pool: SocketPool;
}

/** One MCP content item, as far as it is looked at here. */
interface Content {
  readonly type: string;
}
export interface ToolResult {
  readonly content?: readonly Content[];
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
}

export interface Reply {
  readonly result?: ToolResult;
  readonly error?: { readonly message?: unknown };
}

/**
 * The lane: once a session stands, `tools/call` makes up all the traffic, and goes from the arguments straight to the
 * bytes. What the SDK's client does beside that (validation against output schemas, progress, caching) no call of ours
 * uses. Rejects with what the pool rejects with, or with a SallyError for a reply that cannot be used.
 */
export function openLane({ url, peer, pool }: LaneOptions, facts: SessionFacts) {
  const writers = new Map<string, RequestWriter>();
  let last = 0;
  return async (tool: string, args: string, scope: Cancellation): Promise<ToolResult> => {
    last += 1;
    const id = callId(last);
    let write = writers.get(tool);
    if (write === undefined) {
      write = requestWriter(url, peer, facts, tool);
      writers.set(tool, write);
    }
    const got = await pool.send(write(id, args), scope);
    const { status } = got.head;
    if (got.kind === 'whole' && status !== 200) {
      throw HttpStatusUnexpected({ peer, path: url.pathname, status, text: pageText(got.text) });
    }
    return resultOf(await readReply(got, id, peer, tool), peer, tool);
  };
}

/** The result of a reply. Throws a SallyError where it has none. */
export function resultOf({ result, error }: Reply, peer: string, tool: string): ToolResult {
  if (result) return result;
  const reason = error ? messageOf(error) : 'neither a result nor an error';
  throw ReplyInvalid({ peer, tool, reason });
}

type RequestWriter = (id: string, args: string) => string | Buffer;

/** Writes the requests of one tool: all but the id and the arguments is the same each time. */
function requestWriter(url: URL, peer: string, facts: SessionFacts, tool: string): RequestWriter {
  const envelope = facts.modern && envelopeOf(facts.revision, facts.client, {});
  const headers = {
    ...postHeaders,
    [headerNames.protocolVersion]: facts.revision,
    ...(facts.sessionId !== undefined && { [headerNames.sessionId]: facts.sessionId }),
    ...(facts.modern && { [headerNames.method]: 'tools/call', [headerNames.name]: tool }),
  };
  const lines = headerLines(headers, (name) =>
    ReplyInvalid({ peer, tool, reason: `it gave the header ${name} a value that cannot be sent back` }),
  );
  const { host } = url;
  const path = url.pathname + url.search;
  const name = JSON.stringify(tool);
  const end = envelope ? `,"_meta":${JSON.stringify(envelope)}}}` : '}}';
  return (id, args) => {
    const body = `{"jsonrpc":"2.0","id":"${id}","method":"tools/call","params":{"name":${name},"arguments":${args}${end}`;
    return writeRequest({ method: 'POST', host, path, lines, body });
  };
}

/** The ids of one session: the number keeps them apart, and the rest keeps them from being guessed. */
export function callId(count: number): string {
  return `call-${count}-${randomRequestId().toString(36)}`;
}

function parse(text: string, peer: string, tool: string): unknown {
  try {
    return parseJson(text, { what: `a reply of ${peer}` });
  } catch (error) {
    throw findSallyError(error) ?? ReplyInvalid({ peer, tool, reason: messageOf(error) }, error);
  }
}

/** The message where it is the reply to request `id`, undefined where it is none of any request. Throws for a stray one. */
function replyOf(message: unknown, id: string, peer: string, tool: string): Reply | undefined {
  const kind = replyKind(message, id);
  if (kind === 'stray') throw ReplyIdUnexpected({ peer, tool, seen: strayText(message), id });
  return kind === 'message' ? undefined : (message as Reply);
}

/** The reply to request `id`. Empty where there is none. */
async function readReply(got: PooledReply, id: string, peer: string, tool: string): Promise<Reply> {
  try {
    if (got.kind === 'stream') return await replyIn(got.stream, id, peer, tool);
    return replyOf(parse(got.text, peer, tool), id, peer, tool) ?? {};
  } catch (error) {
    if (ReplyIdUnexpected.is(error)) got.connection.retire();
    throw error;
  }
}

/** The reply to request `id` in a stream of events; notifications before it are let pass. Empty where it is not there. */
async function replyIn(stream: ReplyStream, id: string, peer: string, tool: string): Promise<Reply> {
  let reply: Reply | undefined;
  let length = 0;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '') return;
      const found = replyOf(parse(data, peer, tool), id, peer, tool);
      if (found && reply) throw ReplyIdUnexpected({ peer, tool, seen: 'two replies', id });
      reply ??= found;
    },
  });
  await stream.read((text) => {
    length += text.length;
    if (length > maxReplyBytes) throw ReplyTooLarge({ peer, limit: maxReplyBytes });
    parser.feed(text);
    if (reply) stream.leave();
  });
  return reply ?? {};
}

/** What an error page says: its `error` field where it is JSON, else the text itself. */
export function pageText(text: string): string {
  try {
    const page = parseJson(text) as { error?: unknown };
    if (typeof page.error === 'string') return page.error;
  } catch {
    // Not JSON: shown as it is.
  }
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
