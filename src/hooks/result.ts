import { z } from 'zod';
import { reader } from './read.js';

const object = z.record(z.string(), z.unknown());

/** Why a plugin blocks: `description` and `code` reach the MCP client, `reason` is the short form. */
export const Violation = z.looseObject({
  reason: z.string(),
  description: z.string(),
  code: z.string(),
  details: object.nullish(),
  mcp_error_code: z.int().nullish(),
  http_status_code: z.int().nullish(),
  http_headers: z.record(z.string(), z.string()).nullish(),
  plugin_name: z.string().nullish(),
});
export type Violation = z.output<typeof Violation>;

/** What a hook answers. `modified_payload` null or absent: the payload stays as it was. */
export const HookResult = z.looseObject({
  continue_processing: z.boolean().default(true),
  modified_payload: z.unknown().optional(),
  violation: Violation.nullish(),
  metadata: object.nullish(),
});
export type HookResult = z.output<typeof HookResult>;
/** Reads what a hook answers. */
export const readHookResult = reader(HookResult, HookResult, filledResult);

/** A result that says whether the request goes on, also where that was left out. */
export function filledResult(result: z.input<typeof HookResult>): HookResult {
  const { continue_processing = true } = result;
  return { ...result, continue_processing };
}

/** A result with all four of its fields, as the peers write it: what every caller gets, however it was called. */
export function wholeResult(result: HookResult): HookResult {
  const { continue_processing, modified_payload = null, violation, metadata, ...more } = result;
  return {
    continue_processing,
    modified_payload,
    // Python peers require `details` to be an object.
    violation: violation ? { ...violation, details: violation.details ?? {} } : null,
    metadata: metadata ?? {},
    ...more,
  };
}

/** A plugin's failure as the wire carries it. */
export const PluginErrorModel = z.looseObject({
  message: z.string(),
  plugin_name: z.string().nullish(),
  code: z.string().nullish(),
  details: object.nullish(),
  mcp_error_code: z.int().nullish(),
});
export type PluginErrorModel = z.output<typeof PluginErrorModel>;
