import { modeTable } from '../../config/index.js';
import { connectionHeaders, headerName, headerValue } from '../../headers.js';
import type { HookName } from '../../hooks/index.js';
import { JsonNumber, sameNumber } from '../../json/index.js';
import type { PluginManager, PluginRequest } from '../../manager/index.js';
import { isObject, type JsonObject, type RpcError, type RpcResponse } from '../../mcp/messages.js';
import { kinds } from '../../mcp/methods.js';
import { traceFieldsOf } from '../../telemetry/index.js';
import { type Wanted, wantedBy } from '../approvals/question.js';
import type { ClientRequest } from '../client.js';
import type { Context } from './context.js';
import { pluginErrorResponse, resultErrorResponse, violationResponse } from './responses.js';

/** One payload that a post-hook is given, and where what it made of it goes. */
interface ResultPart {
  readonly payload: JsonObject;
  put(modified: JsonObject, result: JsonObject): JsonObject;
}

/** A request that hooks go around: what it is about, what plugins see of it, and what of it they may change. */
export interface Operation {
  readonly method: string;
  readonly kind: 'tools' | 'prompts' | 'resources';
  /** The field of the params that names its subject. */
  readonly key: 'name' | 'uri';
  /** The field of the pre-hook's payload that names it. */
  readonly subject: 'name' | 'prompt_id' | 'uri';
  readonly pre: HookName;
  readonly post: HookName;
  payload(params: JsonObject, name: string, headers: Readonly<Record<string, string>>): JsonObject;
  /** What the post-hook sees of a result, in order. */
  parts(result: JsonObject, name: string): readonly ResultPart[];
}

const textOr = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise);

/** The result is one part. `instead` makes a result of what a plugin has put in place of one. */
function whole(payload: JsonObject, instead: (text: string) => JsonObject): readonly ResultPart[] {
  const put = ({ result: made }: JsonObject, result: JsonObject) =>
    // Peers write the absent fields of MCP's types as null.
    isObject(made) ? (mergeChanges(result, made, true) as JsonObject) : instead(textOr(made, ''));
  return [{ payload, put }];
}

/** A content in place of another, also where a plugin has left a plain text of it, or nothing. */
function contentAfter(before: unknown, after: unknown): unknown {
  if (isObject(after)) return mergeChanges(before, after, true);
  const { blob, ...rest } = isObject(before) ? before : {};
  return { ...rest, text: textOr(after, '') };
}

const toolsCall: Operation = {
  method: 'tools/call',
  kind: 'tools',
  key: 'name',
  subject: 'name',
  pre: 'tool_pre_invoke',
  post: 'tool_post_invoke',
  payload: (params, name, headers) => ({ name, args: params['arguments'] ?? {}, headers }),
  parts: (result, name) => whole({ name, result }, (text) => ({ content: [{ type: 'text', text }] })),
};

const promptsGet: Operation = {
  method: 'prompts/get',
  kind: 'prompts',
  key: 'name',
  subject: 'prompt_id',
  pre: 'prompt_pre_fetch',
  post: 'prompt_post_fetch',
  payload: (params, name) => ({ prompt_id: name, args: params['arguments'] ?? {} }),
  parts: (result, name) =>
    whole({ prompt_id: name, result }, (text) => ({
      messages: [{ role: 'user', content: { type: 'text', text } }],
    })),
};

const resourcesRead: Operation = {
  method: 'resources/read',
  kind: 'resources',
  key: 'uri',
  subject: 'uri',
  pre: 'resource_pre_fetch',
  post: 'resource_post_fetch',
  payload: (_params, uri) => ({ uri, metadata: {} }),
  parts: ({ contents }, uri) =>
    (Array.isArray(contents) ? contents : []).map((content: unknown, i) => ({
      payload: { uri, content },
      put: (modified, current) => ({
        ...current,
        contents: (current['contents'] as unknown[]).map((item, j) =>
          j === i ? contentAfter(item, modified['content']) : item,
        ),
      }),
    })),
};

export const operations = { toolsCall, promptsGet, resourcesRead } as const;

type Plugins = Pick<PluginManager, 'plugins'>;

/**
 * What plugins can do to what a hook at an upstream is about. A plugin whose hooks are not known yet may listen. The
 * hot path: where there is none, nothing is made for plugins at all. `change` is said where one may block or change it:
 * then nothing of it may reach the client another way.
 */
export function reachOf({ plugins }: Plugins, hook: string, upstream: string): 'none' | 'see' | 'change' {
  let reach: 'none' | 'see' = 'none';
  for (const { hooks, mode, conditions } of plugins) {
    const effect = modeTable[mode];
    if (effect === null || (hooks !== undefined && !hooks.includes(hook))) continue;
    const here = conditions.some(({ server_ids: ids }) => !ids?.length || ids.includes(upstream));
    if (conditions.length > 0 && !here) continue;
    if (effect.modifies || effect.onViolation === 'block') return 'change';
    reach = 'see';
  }
  return reach;
}

/**
 * What the plugins made of a payload: null where they changed nothing, with what they want a person to be asked; or the response
 * that ends the request.
 */
type HookOutcome =
  | { readonly modified: unknown; readonly wanted?: readonly Wanted[] | undefined }
  | { readonly stop: RpcResponse };

/** A result as plugins left it, with what they want a person to be asked before the client gets it. */
type Screened = { readonly result: JsonObject; readonly wanted?: readonly Wanted[] | undefined };

/** The hooks of one client request at one upstream. */
export class RequestHooks {
  readonly #manager: PluginManager;
  readonly #upstream: string;
  readonly #opener: ClientRequest;
  /** Whether somebody is asked where a plugin wants that. */
  readonly #asks: boolean;
  /** The contexts of this request, where a hook has run: what belongs to it later uses the same. */
  plugins: PluginRequest | undefined;

  /** `plugins` are those of an earlier request that this one belongs to. */
  constructor(
    { sets, approvals }: Pick<Context, 'sets' | 'approvals'>,
    upstream: string,
    request: ClientRequest,
    plugins?: PluginRequest,
  ) {
    this.#manager = sets.current.plugins;
    this.#asks = approvals.current !== undefined;
    this.#upstream = upstream;
    this.#opener = request;
    this.plugins = plugins;
  }

  applies(hook: HookName): boolean {
    return reachOf(this.#manager, hook, this.#upstream) !== 'none';
  }

  /**
   * `now` is the request of the client that waits: another one than at first where the call outlasts its request. `result` is
   * whose result the payload has, after it has run.
   */
  async run(
    hook: HookName,
    payload: unknown,
    now: ClientRequest,
    result?: { readonly what: string; readonly name: string },
  ): Promise<HookOutcome> {
    if (this.plugins === undefined) {
      this.plugins = this.#opener.context();
      const { global } = this.plugins;
      const { user, tenant, record } = this.#opener.client.identity;
      global.server_id = this.#upstream;
      if (record !== undefined || user !== null) global.user = record ?? user;
      if (tenant !== null) global.tenant_id = tenant;
    }
    const { signal, observed } = now;
    const headers = traceFieldsOf(now.headers, now.params['_meta']);
    try {
      const outcome = await this.plugins.invokeForeign(hook, payload, {
        signal,
        observed,
        headers,
        asks: this.#asks,
      });
      if (outcome.continue_processing) {
        const { modified_payload: modified, asks } = outcome;
        return { modified, wanted: asks && wantedBy(asks) };
      }
      return { stop: violationResponse(outcome.violation, this.plugins.endedBy) };
    } catch (error) {
      const withheld = result && resultErrorResponse(error, result.what, result.name);
      return { stop: withheld ?? pluginErrorResponse(error, this.plugins.endedBy) };
    }
  }

  /** The post-hook on a result, part by part. A result that it stops reaches nobody. */
  async runPost(
    op: Operation,
    name: string,
    result: JsonObject,
    now: ClientRequest,
  ): Promise<Screened | { error: RpcError }> {
    if (!this.applies(op.post)) return { result };
    let current = result;
    let wanted: Wanted[] | undefined;
    const { what } = kinds[op.kind];
    for (const part of op.parts(result, name)) {
      const outcome = await this.run(op.post, part.payload, now, { what, name });
      if ('stop' in outcome) return outcome.stop as { error: RpcError };
      if (outcome.wanted) wanted = [...(wanted ?? []), ...outcome.wanted];
      if (isObject(outcome.modified)) current = part.put(outcome.modified, current);
    }
    return { result: current, wanted };
  }
}

/** Fields of MCP's types whose value is free: a null in them is a value like any other. */
const free: ReadonlySet<string> = new Set(['structuredContent', '_meta']);

/**
 * `changed` with every part that equals the original's in the original's place and order. A plugin returns a whole
 * payload, which other JSON libraries have written with their own order of keys: what it did not touch stays as it came.
 *
 * With `typed`, a null where the original has nothing is no change: peers write the absent fields of MCP's types so.
 */
export function mergeChanges(original: unknown, changed: unknown, typed = false): unknown {
  if (original instanceof JsonNumber) return sameNumber(original, changed) ? original : changed;
  if (Array.isArray(changed)) {
    const before: readonly unknown[] = Array.isArray(original) ? original : [];
    return changed.map((item, i) => mergeChanges(before[i], item, typed));
  }
  if (!isObject(changed)) return changed;
  const before = isObject(original) ? original : {};
  const fields: [string, unknown][] = [];
  for (const key of Object.keys(before)) {
    if (Object.hasOwn(changed, key))
      fields.push([key, mergeChanges(before[key], changed[key], typed && !free.has(key))]);
  }
  for (const [key, value] of Object.entries(changed)) {
    if (Object.hasOwn(before, key) || (typed && value === null)) continue;
    fields.push([key, mergeChanges(undefined, value, typed && !free.has(key))]);
  }
  // Not an assignment: `__proto__` is a key like any other in JSON.
  return Object.fromEntries(fields);
}

/** Headers that belong to the message or to MCP itself: no plugin sets them, nor those of the connection. */
const notForPlugins = /^(accept|accept-.*|content-.*|proxy-.*|mcp-.*|last-event-id)$/;

/**
 * What plugins added to or changed in the client's headers: that much goes to the upstream, and nothing else of them.
 * `refused` has the names of those that no plugin can set.
 */
export function extraHeaders(
  given: Readonly<Record<string, string>>,
  changed: unknown,
): { readonly headers: Record<string, string>; readonly refused: readonly string[] } {
  const headers: Record<string, string> = {};
  const refused: string[] = [];
  for (const [key, value] of Object.entries(isObject(changed) ? changed : {})) {
    const name = key.toLowerCase();
    if (given[name] === value) continue;
    if (
      typeof value === 'string' &&
      !connectionHeaders.has(name) &&
      !notForPlugins.test(name) &&
      headerName.test(name) &&
      headerValue.test(value)
    )
      headers[name] = value;
    else refused.push(name);
  }
  return { headers, refused };
}
