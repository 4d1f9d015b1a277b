import type { Client, Transport } from '@modelcontextprotocol/client';
import { findSallyError, ReplyInvalid } from '../errors.js';
import { toolNames } from '../wire/index.js';

interface SessionOptions {
  readonly peer: string;
  /** Makes the transport of a new session. */
  readonly transport: () => Promise<Transport>;
  /** `legacy` begins with `initialize`; `auto` asks first which revision the server speaks. */
  readonly era: 'auto' | 'legacy';
  /** A call without a reply is given up after this. */
  readonly timeoutMs: number;
}

/** An MCP session with a plugin server: opened by the first call, and again by the next one after it was lost. */
export interface Session {
  /** Calls a tool and answers the texts of its reply. Rejects with whatever the transport gives. */
  call(tool: string, args: Record<string, unknown>, signal: AbortSignal): Promise<string[]>;
  close(): Promise<void>;
}

/** A session that has not begun yet. */
export function openSession(options: SessionOptions): Session {
  const { peer, timeoutMs } = options;
  let current: Promise<Client> | undefined;
  const drop = (opening: Promise<Client>) => {
    if (current === opening) current = undefined;
    return opening.then((client) => client.close()).catch(() => {});
  };
  return {
    async call(tool, args, signal) {
      current ??= begin(options, (opening) => {
        if (current === opening) current = undefined;
      });
      const opening = current;
      try {
        const client = await withSignal(opening, signal);
        const result = await client.callTool(
          { name: tool, arguments: args },
          { signal, timeout: timeoutMs + 1_000 },
        );
        return textItems(result, peer, tool);
      } catch (thrown) {
        const answered = findSallyError(thrown)?.code.startsWith('SALLY_WIRE_REPLY');
        if (!signal.aborted && !answered) void drop(opening);
        throw thrown;
      }
    },
    async close() {
      if (current) await drop(current);
    },
  };
}

/** The SDK is loaded by the first call: it takes longer than everything else that a start does. */
function begin(options: SessionOptions, onClosed: (opening: Promise<Client>) => void): Promise<Client> {
  const opening = (async () => {
    const { Client } = await import('@modelcontextprotocol/client');
    const client = new Client(
      { name: 'sallyport', version: '0.1.0' },
      { versionNegotiation: { mode: options.era } },
    );
    client.onclose = () => onClosed(opening);
    await client.connect(await options.transport());
    // A pool takes a connection for free only a turn after its reply: the first call would open a second one.
    await new Promise((resolve) => setImmediate(resolve));
    return client;
  })();
  return opening;
}

function textItems(result: { content?: readonly { type: string }[] }, peer: string, tool: string): string[] {
  const items = (result.content ?? []).filter(
    (one): one is { type: 'text'; text: string } => one.type === 'text',
  );
  // A server without plugins has nothing to list.
  if (items.length === 0 && tool !== toolNames.pluginConfigs) {
    throw ReplyInvalid({ peer, tool, reason: 'no text item' });
  }
  return items.map((item) => item.text);
}

/** Waits for `promise` or for the signal, whichever is first. */
function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
