/** A way to a plugin server. HTTPS is one; others can stand beside it. */
export interface Connection {
  /** The other end, as a sentence names it. */
  readonly peer: string;
  /** Calls a tool and answers the texts of its reply's text items. Rejects with a SallyError. */
  call(tool: string, args: Record<string, unknown>, signal: AbortSignal): Promise<string[]>;
  close(): Promise<void>;
}
