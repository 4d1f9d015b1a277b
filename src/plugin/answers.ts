import type { HookResult, Violation } from '../hooks/index.js';

/** Lets the request go on as it is. `metadata` is handed to the caller beside the result. */
export function proceed(metadata: Record<string, unknown> = {}): HookResult {
  return { continue_processing: true, modified_payload: null, metadata };
}

/** Lets the request go on with `payload` in place of the one that the hook was given. */
export function modify(payload: unknown, metadata: Record<string, unknown> = {}): HookResult {
  return { continue_processing: true, modified_payload: payload, metadata };
}

/** Stops the request. `reason` is short; `description` is what the MCP client reads; `code` is for machines. */
export function block(
  violation: Pick<Violation, 'reason' | 'code'> & Partial<Violation>,
  metadata: Record<string, unknown> = {},
): HookResult {
  const { description = violation.reason, details = {}, ...rest } = violation;
  return {
    continue_processing: false,
    modified_payload: null,
    violation: { ...rest, description, details },
    metadata,
  };
}
