import type { SallyError } from '../errors.js';
import type { JsonNumber } from '../json/index.js';

/** JSON as it came off the wire: what nobody here knows goes through unharmed. */
export type JsonObject = Record<string, unknown>;

/** A number that JavaScript would write in another way goes back as it came. */
export type RequestId = string | number | JsonNumber;

/** Marks an error that says that there is no room: a symbol, for nothing that comes off a wire can have it. */
export const noRoom: unique symbol = Symbol('no room');

/** Marks the error that says that something has failed here: how much of it the client is told is decided where it goes out. */
export const failure: unique symbol = Symbol('failure');

export interface Failure {
  readonly error: SallyError;
  /** The plugin that failed, where it was one. */
  readonly plugin?: string | undefined;
}

/** An error as JSON-RPC 2.0 section 5.1 has it. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
  readonly [noRoom]?: true;
  readonly [failure]?: Failure;
}

/** What came of a request. A peer's error is an answer like any other: it is passed on, not thrown. */
export type Answer = { readonly result: JsonObject } | { readonly error: RpcError };

/** Both of MCP's lifecycles: with `initialize` and sessions (to 2025-11-25), and without (from 2026-07-28). */
export type Era = 'legacy' | 'modern';
