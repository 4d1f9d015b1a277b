import { createInterface } from 'node:readline';
import { createParser } from 'eventsource-parser';
import { lastLine, startProgram, stopProgram } from '../../interop/lib/processes.mjs';

/**
 * The two transports of MCP, as thin as they can be: a pipe has `send(message)` and `close()`, and hands every message
 * of the other side over as the text that came.
 */

/** A message as JSON: a `bigint` is a number with all its digits. */
function written(message) {
  const text = JSON.stringify(message, (_key, one) => (typeof one === 'bigint' ? `bigint:${one}` : one));
  return text.replaceAll(/"bigint:(\d+)"/g, '$1');
}

/** A server that is started here and spoken to over standard input and output. */
export function openChild({ command, args, env, cwd }, take) {
  const program = startProgram(command, args, { env, cwd, group: true });
  const lines = createInterface({ input: program.child.stdout });
  lines.on('line', (line) => {
    if (line.trim() !== '') take(line);
  });
  let ended;
  program.child.once('exit', (status, signal) => {
    ended = new Error(`the server ended (${signal ?? status}): ${lastLine(program.tail())}`);
    take(ended);
  });
  return {
    async send(message) {
      if (ended) throw ended;
      program.child.stdin.write(`${written(message)}\n`);
    },
    opened() {},
    tail: program.tail,
    close: () => stopProgram(program),
  };
}

/** Streamable HTTP, with sessions where the server has them. */
export function openHttp(url, take) {
  const control = new AbortController();
  let session;
  let revision;
  const headers = (more) => ({
    ...(session && { 'mcp-session-id': session }),
    ...(revision && { 'mcp-protocol-version': revision }),
    ...more,
  });
  const read = async (reply, id) => {
    if (!reply.headers.get('content-type')?.startsWith('text/event-stream')) {
      const text = await reply.text();
      // A refusal may have another id than the request, or be no message at all.
      if (!reply.ok && id !== undefined) take(asError(text, reply.status), id);
      else if (text.trim() !== '') take(text);
      return;
    }
    const parser = createParser({ onEvent: ({ data }) => data && take(data) });
    const decoder = new TextDecoder();
    for await (const piece of reply.body) parser.feed(decoder.decode(piece, { stream: true }));
  };
  const broken = (error) => {
    if (!control.signal.aborted) take(error);
  };
  return {
    async send(message, more = {}) {
      const reply = await fetch(url, {
        method: 'POST',
        signal: control.signal,
        headers: headers({
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...more,
        }),
        body: written(message),
      });
      session ??= reply.headers.get('mcp-session-id') ?? undefined;
      read(reply, message.id).catch(broken);
    },
    /** The session stands: from now on the server may speak by itself. */
    async opened(negotiated) {
      revision = negotiated;
      const reply = await fetch(url, {
        headers: headers({ accept: 'text/event-stream' }),
        signal: control.signal,
      });
      if (reply.ok) read(reply).catch(broken);
      else await reply.body?.cancel();
    },
    tail: () => '',
    async close() {
      if (session) await fetch(url, { method: 'DELETE', headers: headers() }).catch(() => {});
      control.abort();
    },
  };
}

function asError(text, status) {
  const message = text.trimStart().startsWith('{') && JSON.parse(text);
  return message?.error ? text : JSON.stringify({ error: { code: status, message: text.slice(0, 200) } });
}
