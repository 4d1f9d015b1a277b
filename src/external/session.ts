import type { Client, Transport } from '@modelcontextprotocol/client';
import { findSallyError, ReplyInvalid } from '../errors.js';
import { toolNames } from '../wire/index.js';
import type { SessionFacts, ToolResult } from './lane.js';

interface SessionOptions {
  readonly peer: string;
  /** Makes the transport of a new session. */
  readonly transport: () => Promise<Transport>;
  /** `legacy` begins with `initialize`; `auto` asks first which revision the server speaks. */
  readonly era: 'auto' | 'legacy';
  /** A call without a reply is given up after this. */
  readonly timeoutMs: number;
  /** How tools are called once the session stands, where that is not left to the SDK. */
  readonly lane?: (facts: SessionFacts) => CallTool;
}

type CallTool = (tool: string, args: Record<string, unknown>, signal: AbortSignal) => Promise<ToolResult>;

interface Standing {
  readonly client: Client;
  readonly callTool: CallTool;
}

/** An MCP session with a plugin server: opened by the first call, and again by the next one after it was lost. */
export interface Session {
  /** Calls a tool and answers the texts of its reply. Rejects with whatever the transport gives. */
  call(tool: string, args: Record<string, unknown>, signal: AbortSignal): Promise<string[]>;
  close(): Promise<void>;
}

/** A session that has not begun yet. */
export function openSession(options: SessionOptions): Session {
  const { peer } = options;
  let current: Promise<Standing> | undefined;
  const drop = (opening: Promise<Standing>) => {
    if (current === opening) current = undefined;
    return opening.then(({ client }) => client.close()).catch(() => {});
  };
  return {
    async call(tool, args, signal) {
      current ??= begin(options, (opening) => {
        if (current === opening) current = undefined;
      });
      const opening = current;
      try {
        const { callTool } = await withSignal(opening, signal);
        return textItems(await callTool(tool, args, signal), peer, tool);
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

/** How this side introduces itself. */
const self = { name: 'sallyport', version: '0.1.0' };

/** The SDK is loaded by the first call: it takes longer than everything else that a start does. */
function begin(options: SessionOptions, onClosed: (opening: Promise<Standing>) => void): Promise<Standing> {
  const opening = (async () => {
    const { Client } = await import('@modelcontextprotocol/client');
    const client = new Client(self, { versionNegotiation: { mode: options.era } });
    client.onclose = () => onClosed(opening);
    const transport = await options.transport();
    await client.connect(transport);
    // A pool takes a connection for free only a turn after its reply: the first call would open a second one.
    await new Promise((resolve) => setImmediate(resolve));
    const revision = client.getNegotiatedProtocolVersion();
    const modern = client.getProtocolEra() === 'modern';
    if (options.lane && revision !== undefined) {
      const { sessionId } = transport;
      return { client, callTool: options.lane({ revision, modern, sessionId, client: self }) };
    }
    const timeout = options.timeoutMs + 1_000;
    const callTool: CallTool = (name, args, signal) =>
      client.callTool({ name, arguments: args }, { signal, timeout });
    return { client, callTool };
  })();
  return opening;
}

function textItems(result: ToolResult, peer: string, tool: string): string[] {
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
