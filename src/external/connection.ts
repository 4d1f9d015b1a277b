import type { Logger } from '../log.js';
import type { CredentialStore, TlsMetrics } from '../tls/index.js';

/** A way to a plugin server: HTTP with or without TLS, a Unix domain socket, or a child process. */
export interface Connection {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** Calls a tool and answers the texts of its reply's text items. Rejects with a SallyError. */
  call(tool: string, args: Record<string, unknown>, signal: AbortSignal): Promise<string[]>;
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
