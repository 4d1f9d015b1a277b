import type { z } from 'zod';
import * as payloads from './payloads.js';
import { type Reading, reader } from './read.js';

/** The condition of a plugin entry that is compared with a field of the payload. */
export type PayloadCondition = 'tools' | 'prompts' | 'resources' | 'agents';

interface HookRow {
  /** What the plugin is given. */
  readonly payload: z.ZodType;
  /** What `modified_payload` may be. */
  readonly modified: z.ZodType;
  /**
   * What it means for the next plugin: a new payload, new headers in the payload, or an answer to the caller
   * beside a payload that stays.
   */
  readonly changes: 'payload' | 'headers' | 'response_headers' | 'answer';
  /** Which condition this hook answers to, and the payload field it is compared with. */
  readonly match?: { readonly condition: PayloadCondition; readonly field: string };
}

const tool = { condition: 'tools', field: 'name' } as const;
const prompt = { condition: 'prompts', field: 'prompt_id' } as const;
const resource = { condition: 'resources', field: 'uri' } as const;
const agent = { condition: 'agents', field: 'agent_id' } as const;

const same = <P extends z.ZodType>(payload: P) => ({
  payload,
  modified: payload,
  changes: 'payload' as const,
});

/**
 * The one place that knows the hooks. A hook that is not in it is carried through as it is: its payload
 * is not checked, and conditions on tools, prompts, resources and agents do not restrict it.
 */
export const hookTable = {
  prompt_pre_fetch: { ...same(payloads.PromptPrePayload), match: prompt },
  prompt_post_fetch: { ...same(payloads.PromptPostPayload), match: prompt },
  tool_pre_invoke: { ...same(payloads.ToolPrePayload), match: tool },
  tool_post_invoke: { ...same(payloads.ToolPostPayload), match: tool },
  resource_pre_fetch: { ...same(payloads.ResourcePrePayload), match: resource },
  resource_post_fetch: { ...same(payloads.ResourcePostPayload), match: resource },
  agent_pre_invoke: { ...same(payloads.AgentPrePayload), match: agent },
  agent_post_invoke: { ...same(payloads.AgentPostPayload), match: agent },
  http_pre_request: {
    payload: payloads.HttpPreRequestPayload,
    modified: payloads.HeaderMap,
    changes: 'headers',
  },
  http_post_request: {
    payload: payloads.HttpPostRequestPayload,
    modified: payloads.HeaderMap,
    changes: 'response_headers',
  },
  http_auth_resolve_user: {
    payload: payloads.HttpAuthResolveUserPayload,
    modified: payloads.UserRecord,
    changes: 'answer',
  },
  http_auth_check_permission: {
    payload: payloads.HttpAuthCheckPermissionPayload,
    modified: payloads.PermissionDecision,
    changes: 'answer',
  },
} as const satisfies Record<string, HookRow>;

/** A hook of the contract. */
export type HookName = keyof typeof hookTable;
/** The payload that a hook is given. */
export type PayloadOf<H extends HookName> = z.output<(typeof hookTable)[H]['payload']>;
/** What a hook may answer as `modified_payload`. */
export type ModifiedOf<H extends HookName> = z.output<(typeof hookTable)[H]['modified']>;

/** The row of a hook, or undefined for one that the contract does not name. */
export function hookRow(hook: string): HookRow | undefined {
  return Object.hasOwn(hookTable, hook) ? hookTable[hook as HookName] : undefined;
}

const readers = new Map(
  Object.entries(hookTable).map(([hook, { payload, modified }]) => [
    hook,
    { payload: reader<z.ZodType>(payload), modified: reader<z.ZodType>(modified) },
  ]),
);

/** Reads a payload as its hook has it; that of a hook which the contract does not name is taken as it is. */
export function readPayload(hook: string, value: unknown): Reading<unknown> {
  return readers.get(hook)?.payload(value) ?? { ok: true, data: value };
}

/** Reads what a plugin answered as `modified_payload`. */
export function readModified(hook: string, value: unknown): Reading<unknown> {
  return readers.get(hook)?.modified(value) ?? { ok: true, data: value };
}

/** Every hook of the contract, in the table's order. */
export const hookNames = Object.keys(hookTable) as readonly HookName[];

/** The payload that the next plugin is given, after one has answered `hook` with `modified`. */
export function nextPayload(hook: string, payload: unknown, modified: unknown): unknown {
  const changes = hookRow(hook)?.changes ?? 'payload';
  if (changes === 'payload') return modified;
  if (changes === 'answer') return payload;
  return { ...(payload as object), [changes]: modified };
}
