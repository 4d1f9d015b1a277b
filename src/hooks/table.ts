import { z } from 'zod';
import { nearest } from '../nearest.js';
import { type Reading, reader } from './reader.js';

/**
 * Payload schemas, one for each payload of the contract. Fields that the contract does not name are
 * kept: peers of other versions send more than is known here. Optional fields may be absent or null,
 * because Python clients drop nulls and Python servers send them.
 */
const text = z.string();
const object = z.record(z.string(), z.unknown());
const headers = z.record(z.string(), z.string());

const PromptPrePayload = z.looseObject({ prompt_id: text, args: headers.nullish() });
const PromptPostPayload = z.looseObject({
  prompt_id: text,
  result: z.looseObject({ messages: z.array(z.looseObject({})).nullish(), description: text.nullish() }),
});
const ToolPrePayload = z.looseObject({
  name: text,
  args: object.nullish(),
  headers: headers.nullish(),
});
const ToolPostPayload = z.looseObject({ name: text, result: z.unknown().optional() });
const ResourcePrePayload = z.looseObject({ uri: text, metadata: object.nullish() });
const ResourcePostPayload = z.looseObject({ uri: text, content: z.unknown().optional() });
const AgentPrePayload = z.looseObject({
  agent_id: text,
  messages: z.array(z.unknown()).nullish(),
  tools: z.array(z.unknown()).nullish(),
  headers: headers.nullish(),
  model: text.nullish(),
  system_prompt: text.nullish(),
  parameters: object.nullish(),
});
const AgentPostPayload = z.looseObject({
  agent_id: text,
  messages: z.array(z.unknown()).nullish(),
  tool_calls: z.array(z.unknown()).nullish(),
});
const HttpPreRequestPayload = z.looseObject({
  path: text,
  method: text,
  client_host: text.nullish(),
  client_port: z.number().nullish(),
  headers: headers.nullish(),
});
const HttpPostRequestPayload = HttpPreRequestPayload.extend({
  response_headers: headers.nullish(),
  status_code: z.number().nullish(),
});
const HttpAuthResolveUserPayload = z.looseObject({
  credentials: object.nullish(),
  headers: headers.nullish(),
  client_host: text.nullish(),
  client_port: z.number().nullish(),
});
const HttpAuthCheckPermissionPayload = z.looseObject({
  user_email: text,
  permission: text,
  resource_type: text.nullish(),
  team_id: text.nullish(),
  is_admin: z.boolean().nullish(),
  auth_method: text.nullish(),
  client_host: text.nullish(),
  user_agent: text.nullish(),
});

/** What `http_pre_request` and `http_post_request` may change: the headers, as a bare map. */
const HeaderMap = headers;
/** What `http_auth_resolve_user` answers: the user, as a free-form object. */
const UserRecord = object;
/** What `http_auth_check_permission` answers. */
const PermissionDecision = z.looseObject({ granted: z.boolean(), reason: text.nullish() });

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
  /** Where the content of a result is in the payload: what a plugin may want to do without. */
  readonly content?: { readonly within: string; readonly fields: readonly string[] };
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
  prompt_pre_fetch: { ...same(PromptPrePayload), match: prompt },
  prompt_post_fetch: {
    ...same(PromptPostPayload),
    match: prompt,
    content: { within: 'result', fields: ['messages'] },
  },
  tool_pre_invoke: { ...same(ToolPrePayload), match: tool },
  tool_post_invoke: {
    ...same(ToolPostPayload),
    match: tool,
    content: { within: 'result', fields: ['content', 'structuredContent'] },
  },
  resource_pre_fetch: { ...same(ResourcePrePayload), match: resource },
  resource_post_fetch: {
    ...same(ResourcePostPayload),
    match: resource,
    content: { within: 'content', fields: ['text', 'blob'] },
  },
  agent_pre_invoke: { ...same(AgentPrePayload), match: agent },
  agent_post_invoke: { ...same(AgentPostPayload), match: agent },
  http_pre_request: {
    payload: HttpPreRequestPayload,
    modified: HeaderMap,
    changes: 'headers',
  },
  http_post_request: {
    payload: HttpPostRequestPayload,
    modified: HeaderMap,
    changes: 'response_headers',
  },
  http_auth_resolve_user: {
    payload: HttpAuthResolveUserPayload,
    modified: UserRecord,
    changes: 'answer',
  },
  http_auth_check_permission: {
    payload: HttpAuthCheckPermissionPayload,
    modified: PermissionDecision,
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
  const { continue_processing, modified_payload = null, violation, metadata } = result;
  const whole = {
    continue_processing,
    modified_payload,
    // Python peers require `details` to be an object.
    violation: violation ? { ...violation, details: violation.details ?? {} } : null,
    metadata: metadata ?? {},
  };
  for (const key in result) if (!Object.hasOwn(whole, key)) return { ...whole, ...result, ...whole };
  return whole;
}

/** Every hook of the contract, in the table's order. */
export const hookNames = Object.keys(hookTable) as readonly HookName[];

const separator = '__';

/** How clients of a gateway with several servers know what `server` calls `name`. */
export const prefixedName = (server: string, name: string): string => server + separator + name;

/** What `name` may be at a server, if it is how clients know it: no name of a server is known here. */
export function unprefixedNames(name: string): string[] {
  const names: string[] = [];
  for (let at = name.indexOf(separator, 1); at !== -1; at = name.indexOf(separator, at + 1))
    if (at + separator.length < name.length) names.push(name.slice(at + separator.length));
  return names;
}

/** The hook of the contract that was probably meant by a name which it does not have: misspelt, or its words in another order. */
export function hookMeant(name: string): string | undefined {
  if (hookRow(name) !== undefined) return undefined;
  return hookNames.find((hook) => wordsOf(hook) === wordsOf(name)) ?? nearest(name, hookNames);
}

const wordsOf = (name: string) =>
  name
    .toLowerCase()
    .split(/[^a-z]+/)
    .sort()
    .join('_');

/** The payload that the next plugin is given, after one has answered `hook` with `modified`. */
export function nextPayload(hook: string, payload: unknown, modified: unknown): unknown {
  const changes = hookRow(hook)?.changes ?? 'payload';
  if (changes === 'payload') return modified;
  if (changes === 'answer') return payload;
  return { ...(payload as object), [changes]: modified };
}
