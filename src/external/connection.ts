import type { Cancellation } from '../cancel.js';
import type { Logger } from '../log.js';
import type { CredentialStore, TlsMetrics } from '../tls/index.js';

/** What a tool answered. */
export interface ToolReply {
  /** The texts of the text items. */
  readonly texts: readonly string[];
  /** What the server says beside the result: `_meta` of MCP. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/** A way to a plugin server: HTTP with or without TLS, a Unix domain socket, or a child process. */
export interface Connection {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** Calls a tool; its arguments are an object written as JSON. Rejects with a SallyError. */
  call(tool: string, args: string, scope: Cancellation): Promise<ToolReply>;
  close(): Promise<void>;
}

/** What every kind of connection is made with. */
export interface ConnectionDeps {
  readonly log: Logger;
  /** A call without a reply is given up after this, in milliseconds. */
  readonly timeoutMs: number;
  /** Where certificates are held, for TLS. */
  readonly credentials: CredentialStore;
  readonly metrics?: TlsMetrics | undefined;
  /** The plugin that is to be at the other end. */
  readonly plugin: string;
}
