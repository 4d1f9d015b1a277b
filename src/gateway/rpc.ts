/** JSON as it came off the wire: what nobody here knows goes through unharmed. */
export type JsonObject = Record<string, unknown>;

export type RequestId = string | number;

/** An error as JSON-RPC 2.0 section 5.1 has it. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What came of a request. A peer's error is an answer like any other: it is passed on, not thrown. */
export type Answer = { readonly result: JsonObject } | { readonly error: RpcError };

/** Both of MCP's lifecycles: with `initialize` and sessions (to 2025-11-25), and without (from 2026-07-28). */
export type Era = 'legacy' | 'modern';
