import { createParser } from 'eventsource-parser';
import type { Dispatcher } from 'undici';
import { HttpStatusUnexpected, messageOf, ReplyInvalid } from '../errors.js';
import { boundedText, chunksOf, type SendRequest } from './fetch.js';

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
  readonly send: SendRequest;
}

/** One MCP content item, as far as it is looked at here. */
interface Content {
  readonly type: string;
}
export interface ToolResult {
  readonly content?: readonly Content[];
}

interface Reply {
  readonly id?: unknown;
  readonly result?: ToolResult;
  readonly error?: { readonly message?: unknown };
}

const meta = 'io.modelcontextprotocol/';

/**
 * The lane: once a session stands, `tools/call` makes up all the traffic, and goes from the arguments straight to the
 * bytes. What the SDK's client does beside that (validation against output schemas, progress, caching) no call of ours
 * uses. Rejects with what the pool rejects with, or with a SallyError for a reply that cannot be used.
 */
export function openLane({ url, peer, send }: LaneOptions, facts: SessionFacts) {
  const path = url.pathname + url.search;
  const envelope = facts.modern && {
    [`${meta}protocolVersion`]: facts.revision,
    [`${meta}clientInfo`]: facts.client,
    [`${meta}clientCapabilities`]: {},
  };
  const fixed = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': facts.revision,
    ...(facts.sessionId !== undefined && { 'mcp-session-id': facts.sessionId }),
  };
  let last = 0;
  return async (tool: string, args: Record<string, unknown>, signal: AbortSignal): Promise<ToolResult> => {
    last += 1;
    // The SDK counts from 0 in numbers on the same session: texts never meet them.
    const id = `call-${last}`;
    const params = { name: tool, arguments: args, ...(envelope && { _meta: envelope }) };
    const { statusCode, headers, body } = await send({
      path,
      method: 'POST',
      headers: facts.modern ? { ...fixed, 'mcp-method': 'tools/call', 'mcp-name': tool } : fixed,
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
      signal,
    });
    const streamed = statusCode === 200 && String(headers['content-type']).startsWith('text/event-stream');
    const reply = streamed ? await fromStream(body, id, peer) : await boundedText(body, peer);
    if (statusCode !== 200 && typeof reply === 'string') {
      throw HttpStatusUnexpected({ peer, path: url.pathname, status: statusCode, text: pageText(reply) });
    }
    const { result, error } = typeof reply === 'string' ? parse(reply, peer, tool) : reply;
    if (result) return result;
    throw ReplyInvalid({
      peer,
      tool,
      reason: error ? String(error.message) : 'neither a result nor an error',
    });
  };
}

function parse(text: string, peer: string, tool: string): Reply {
  try {
    return (JSON.parse(text) ?? {}) as Reply;
  } catch (error) {
    throw ReplyInvalid({ peer, tool, reason: messageOf(error) }, error);
  }
}

/** The reply to request `id` out of a stream of events; notifications before it are let pass. */
async function fromStream(body: Dispatcher.ResponseData['body'], id: string, peer: string): Promise<Reply> {
  let reply: Reply | undefined;
  const parser = createParser({
    onEvent: ({ data }) => {
      const message = data === '' ? undefined : parse(data, peer, 'tools/call');
      if (message?.id === id) reply = message;
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(body, peer)) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (reply) break;
  }
  return reply ?? {};
}

/** What an error page says: its `error` field where it is JSON, else the text itself. */
export function pageText(text: string): string {
  try {
    const page = JSON.parse(text) as { error?: unknown };
    if (typeof page.error === 'string') return page.error;
  } catch {
    // Not JSON: shown as it is.
  }
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
