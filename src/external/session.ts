import type { Client, Transport } from '@modelcontextprotocol/client';
import { type Cancellation, onAbort } from '../cancel.js';
import { findSallyError, ReplyInvalid } from '../errors.js';
import { packageVersion } from '../version.js';
import { toolNames } from '../wire/index.js';
import type { ToolReply } from './connection.js';
import type { SessionFacts, ToolResult } from './lane.js';
import { strayErrorOf, withOwnIds } from './own-ids.js';

interface SessionOptions {
  readonly peer: string;
  /** Makes the transport of a new session. */
  readonly transport: () => Promise<Transport>;
  /** `legacy` begins with `initialize`; `auto` asks first which revision the server speaks. */
  readonly era: 'auto' | 'legacy';
  /** A call without a reply is given up after this. */
  readonly timeoutMs: number;
  /** Called for a reply to no request of ours: whatever carries the session is out of step. */
  readonly onStray?: () => void;
  /** How tools are called once the session stands. */
  readonly lane: (facts: SessionFacts) => CallTool;
}

type CallTool = (tool: string, args: string, scope: Cancellation) => Promise<ToolResult>;

/** A session that was begun: it stands, or will, or never does. */
interface Begun {
  readonly standing: Promise<CallTool>;
  /** The same, once it stands. */
  callTool: CallTool | undefined;
  /** Ends it, whether it stands or not. */
  end(): Promise<void>;
}

/** How long a server may take to answer the first request of a session, in milliseconds. */
const handshakeMs = 20_000;

/** An MCP session with a plugin server: opened by the first call, and again by the next one after it was lost. */
export interface Session {
  /** Calls a tool. Rejects with whatever the transport gives. */
  call(tool: string, args: string, scope: Cancellation): Promise<ToolReply>;
  close(): Promise<void>;
}

/** A session that has not begun yet. */
export function openSession(options: SessionOptions): Session {
  const { peer } = options;
  let current: Begun | undefined;
  const drop = async (begun: Begun) => {
    if (current === begun) current = undefined;
    await begun.end();
  };
  return {
    async call(tool, args, scope) {
      current ??= begin(options, (begun) => {
        if (current === begun) current = undefined;
      });
      const begun = current;
      try {
        const callTool = begun.callTool ?? (await withScope(begun.standing, scope));
        const result = await callTool(tool, args, scope);
        return { texts: textItems(result, peer, tool), meta: result._meta ?? {} };
      } catch (error) {
        const thrown = strayErrorOf(error) ?? error;
        const answered = /^SALLY_(WIRE_REPLY|JSON)/.test(findSallyError(thrown)?.code ?? '');
        if (!scope.aborted && !answered) void drop(begun);
        throw thrown;
      }
    },
    async close() {
      if (current) await drop(current);
    },
  };
}

/** How this side introduces itself. */
const self = { name: 'sallyport', version: packageVersion() };

/** The SDK is loaded by the first call: it takes longer than everything else that a start does. */
function begin(options: SessionOptions, onClosed: (begun: Begun) => void): Begun {
  let client: Client | undefined;
  const connect = async (): Promise<CallTool> => {
    const { Client } = await import('@modelcontextprotocol/client');
    const own = new Client(self, { versionNegotiation: { mode: options.era } });
    client = own;
    own.onclose = () => onClosed(begun);
    const transport = withOwnIds(await options.transport(), options.peer, options.onStray);
    // In time for the caller's own limit, so that it hears what was missing.
    await own.connect(transport, { timeout: Math.min(handshakeMs, options.timeoutMs * 0.8) });
    // A pool takes a connection for free only a turn after its reply: the first call would open a second one.
    await new Promise((resolve) => setImmediate(resolve));
    const revision = own.getNegotiatedProtocolVersion() ?? '';
    const modern = own.getProtocolEra() === 'modern';
    return options.lane({ revision, modern, sessionId: transport.sessionId, client: self });
  };
  const standing = connect();
  // Whoever waits for it hears of a failure; nobody may be waiting.
  standing.then(
    (callTool) => {
      begun.callTool = callTool;
    },
    () => {},
  );
  const begun: Begun = {
    standing,
    callTool: undefined,
    end: async () => client?.close().catch(() => {}),
  };
  return begun;
}

function textItems(result: ToolResult, peer: string, tool: string): string[] {
  const { content = [] } = result;
  if (!Array.isArray(content)) throw ReplyInvalid({ peer, tool, reason: 'content: expected array' });
  const items = content.filter(
    (one): one is { type: 'text'; text: string } => one?.type === 'text' && typeof one.text === 'string',
  );
  // A server without plugins has nothing to list.
  if (items.length === 0 && tool !== toolNames.pluginConfigs) {
    throw ReplyInvalid({ peer, tool, reason: 'no text item' });
  }
  return items.map((item) => item.text);
}

/** Waits for `promise` or for the end of the call, whichever is first. */
function withScope<T>(promise: Promise<T>, scope: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const unheard = onAbort(scope, reject);
    promise.then(resolve, reject).finally(unheard);
  });
}
