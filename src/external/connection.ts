import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { McpSettings } from '../config/index.js';
import {
  CallCancelled,
  ConnectionLost,
  ConnectionTimeout,
  findSallyError,
  HttpStatusUnexpected,
  messageOf,
  ReplyInvalid,
} from '../errors.js';
import type { Logger } from '../log.js';
import { httpTransport } from '../mcp/client/http.js';
import type { ClientContext, ClientSession, PeerErrors } from '../mcp/client/session.js';
import { stdioTransport } from '../mcp/client/stdio.js';
import type { RpcResponse } from '../mcp/messages.js';
import type { Observer } from '../telemetry/index.js';
import { type CredentialStore, type Credentials, filesOf, pluginRule } from '../tls/index.js';
import { packageVersion } from '../version.js';
import { backoff, unlessAborted, withDeadline } from '../wait.js';
import { mayBeEmpty, type ToolConnection, type ToolReply } from '../wire/index.js';
import { httpErrors, stdioErrors } from './errors.js';

/** A connection to a plugin server: HTTP with or without TLS, a Unix domain socket, or a child process. */
export interface Connection extends ToolConnection {
  /** Calls `listener` when the credentials that it is opened with are others: who was let in may be so no more. */
  onCredentials(listener: () => void): void;
  close(): Promise<void>;
}

/** What every kind of connection is made with. */
export interface ConnectionDeps {
  readonly log: Logger;
  /** The largest payload of a hook. Default: that of the contract. */
  readonly maxPayloadBytes?: number;
  /** A call without a reply is given up after this, in milliseconds. */
  readonly timeoutMs: number;
  /** Where certificates are held, for TLS. */
  readonly credentials: CredentialStore;
  readonly observer?: Observer | undefined;
  /** The plugin that is to be at the other end. */
  readonly plugin: string;
}

type StdioSettings = Extract<McpSettings, { transport: 'stdio' }>;
type HttpSettings = Exclude<McpSettings, StdioSettings>;

/** How sessions with one server come and go. */
interface SessionSource {
  open(signal: AbortSignal): Promise<ClientSession>;
  /** Waits until another attempt is due. */
  due(): Promise<void>;
  /** A call was answered. Absent: that changes nothing. */
  answered?(): void;
  /** Whether a call may be made once more, over a new session. */
  again(error: unknown): boolean;
  /** Absent where it has no credentials. */
  readonly credentials?: Credentials | undefined;
  /** One that failed is used no more. */
  drop(session: ClientSession): void;
  close(): Promise<void>;
}

/** Replies above this are cut off, for each byte that a payload may have: text within text grows. */
const replyBytes = 8;
/** Connections to one plugin server at a time; further calls wait for a free one. */
const maxConnections = 64;
/** How long a server may take to open a session, in milliseconds. */
const handshakeMs = 20_000;
/** How long a server that has replied may close connections before that is taken for a refusal, in milliseconds. */
const refusedAfterMs = 2_000;
/** How long a child that died is left alone before it is started again, in milliseconds: doubled each time. */
const childPace = { retryFirst: 100, retryMost: 10_000 } as const;

/** Opens the connection that `settings` describe. Nothing is sent yet; rejects where its credentials are not valid, and for nothing else. */
export async function openConnection(settings: McpSettings, deps: ConnectionDeps): Promise<Connection> {
  const { timeoutMs } = deps;
  const peer = `the plugin server ${nameOf(settings)}`;
  const sessions =
    settings.transport === 'stdio'
      ? childSessions(settings, contextOf(peer, deps, stdioErrors(peer)))
      : await httpSessions(settings, contextOf(peer, deps, httpErrors(peer, settings.url)), deps);
  /** The session of now: opened by the first call, and again by the next one after it was lost. */
  let current: Opened | undefined;
  const closing = new AbortController();

  const open = (): Opened => {
    // In time for the caller's own limit, so that it hears what was missing.
    const ms = Math.min(handshakeMs, timeoutMs * 0.8);
    const late = () => ConnectionTimeout({ peer, seconds: timeoutMs / 1000 });
    const standing = sessions.due().then(async () => {
      const session = await withDeadline(ms, late, closing.signal, (signal) => sessions.open(signal));
      session.onEnd = () => forget(opened);
      // A pool takes a connection for free only a turn after its reply: the first call would open a second one.
      await new Promise((resolve) => setImmediate(resolve));
      opened.session = session;
      return session;
    });
    // Whoever waits for it hears of a failure; nobody may be waiting.
    standing.catch(() => forget(opened));
    const opened: Opened = { standing };
    return opened;
  };
  const forget = (opened: Opened) => {
    if (current === opened) current = undefined;
  };

  return {
    peer,
    async call(tool, args, signal, headers) {
      for (let again = false; ; again = true) {
        let session: ClientSession | undefined;
        let opened: Opened | undefined;
        try {
          closing.signal.throwIfAborted();
          current ??= open();
          opened = current;
          session = opened.session ?? (await unlessAborted(opened.standing, signal));
          const reply = replyOf(await session.callTool(tool, args, { signal, headers }), peer, tool);
          sessions.answered?.();
          return reply;
        } catch (error) {
          const answered = /^SALLY_(WIRE_REPLY|JSON)/.test(findSallyError(error)?.code ?? '');
          if (opened && session && !signal.aborted && !answered) {
            forget(opened);
            sessions.drop(session);
          }
          if (!again && !signal.aborted && sessions.again(error)) continue;
          // What a session says of its end is about the server; here nobody but this side ended it.
          const ended = closing.signal.aborted ? closing.signal.reason : error;
          const known = findSallyError(ended) ?? findSallyError(signal.reason);
          if (known) throw known;
          throw signal.aborted
            ? CallCancelled({ plugin: peer, hook: tool })
            : ReplyInvalid({ peer, tool, reason: messageOf(error) }, error);
        }
      }
    },
    onCredentials: (listener) => void sessions.credentials?.onChange(listener),
    async close() {
      closing.abort(ConnectionLost({ peer, detail: 'it was closed' }));
      sessions.credentials?.close();
      await sessions.close();
    },
  };
}

/** A session that was begun: it stands, or will, or never does. */
interface Opened {
  readonly standing: Promise<ClientSession>;
  /** The same, once it stands. */
  session?: ClientSession;
}

function nameOf(settings: McpSettings): string {
  if (settings.transport === 'uds') return settings.socketPath;
  if (settings.transport === 'http') return settings.url.origin;
  return [settings.command, ...settings.args].map((word) => basename(word)).join(' ');
}

function contextOf(
  peer: string,
  { log, timeoutMs, maxPayloadBytes = 1_000_000 }: ConnectionDeps,
  errors: PeerErrors,
): ClientContext {
  return {
    client: { name: 'sallyport', version: packageVersion() },
    about: { peer },
    who: 'the plugin server',
    message: `a reply of ${peer}`,
    log,
    errors,
    times: { silent: { ms: timeoutMs } },
    limits: { messageBytes: replyBytes * maxPayloadBytes, unreadBytes: Number.POSITIVE_INFINITY },
    pace: {
      ...childPace,
      handshake: handshakeMs,
      probe: handshakeMs,
      ask: timeoutMs,
      grace: 2_000,
    },
    callsOnly: true,
  };
}

/** Over HTTPS, HTTP or HTTP over a Unix domain socket, of either era. */
async function httpSessions(
  settings: HttpSettings,
  context: ClientContext,
  { credentials, observer, plugin, timeoutMs }: ConnectionDeps,
): Promise<SessionSource> {
  const tls = settings.transport === 'http' ? settings.tls : undefined;
  const longestMs = timeoutMs + 2_000;
  const target = {
    url: settings.url,
    socketPath: settings.transport === 'uds' ? settings.socketPath : undefined,
    proxy: settings.transport === 'http' ? settings.proxy : undefined,
    peer: `the plugin server ${nameOf(settings)}`,
    tls,
    server: tls && { identity: pluginRule(plugin, tls.identity), pins: tls.pins },
    credentials,
    observer,
    maxConnections,
    longestMs,
    retiredMs: longestMs,
    maxRedirects: 0,
    sse: 'never' as const,
    refusedAfterMs,
  };
  const transport = httpTransport(target, context, () => false);
  await transport.prepare();
  return {
    credentials: tls && (await credentials.open(filesOf(tls), 'client')),
    open: (signal) => transport.contact(undefined, signal),
    due: async () => {},
    // A server that was restarted does not know the session, one that stops has not looked at the call: once more, anew.
    again(error) {
      if (!HttpStatusUnexpected.is(error)) return false;
      const { status, text } = error.context;
      const lost = status === 404 || status === 503 || (status === 400 && /session/i.test(text));
      if (lost) transport.doubt();
      return lost;
    },
    // Other calls may be under way over it: nothing of it is to be closed.
    drop() {},
    close: () => transport.close(),
  };
}

/**
 * A child process is started by the first call, and again by a later one after it died, not at once but with a growing
 * pause; a call that succeeds ends the pause. Its end of the pipe closes with this process, so none is left behind.
 */
function childSessions(settings: StdioSettings, context: ClientContext): SessionSource {
  const transport = stdioTransport(settings, context);
  let starts = 0;
  let startedAt = 0;
  return {
    open: (signal) => transport.open({}, signal),
    async due() {
      const wait = startedAt + (starts > 0 ? backoff(starts, childPace) : 0) - Date.now();
      // It is the call that keeps the process, not the pause.
      if (wait > 0) await sleep(wait, undefined, { ref: false });
      starts += 1;
      startedAt = Date.now();
    },
    answered() {
      starts = 0;
    },
    again: () => false,
    drop: (session) => void session.close(),
    close: () => transport.close(),
  };
}

/** The result of a call. Throws a SallyError where it has none of the contract. */
function replyOf(response: RpcResponse, peer: string, tool: string): ToolReply {
  if ('error' in response) throw ReplyInvalid({ peer, tool, reason: messageOf(response.error) });
  const { content = [], _meta: meta } = response.result;
  if (!Array.isArray(content)) throw ReplyInvalid({ peer, tool, reason: 'content: expected array' });
  const texts: string[] = [];
  for (const item of content) {
    if (item?.type === 'text' && typeof item.text === 'string') texts.push(item.text);
  }
  if (texts.length === 0 && !mayBeEmpty(tool)) {
    throw ReplyInvalid({ peer, tool, reason: 'no text item' });
  }
  return { texts, meta: (meta ?? {}) as ToolReply['meta'] };
}
