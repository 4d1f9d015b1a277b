import type { HookName } from '../../hooks/index.js';
import { isObject, type JsonObject } from '../../mcp/messages.js';
import { graft } from './graft.js';

/** One payload that a post-hook is given, and where what it made of it goes. */
export interface ResultPart {
  readonly payload: JsonObject;
  put(modified: JsonObject, result: JsonObject): JsonObject;
}

/** A request that hooks go around: what it is about, what plugins see of it, and what of it they may change. */
export interface Operation {
  readonly method: string;
  readonly kind: 'tools' | 'prompts' | 'resources';
  /** The field of the params that names its subject. */
  readonly key: 'name' | 'uri';
  readonly pre: HookName;
  readonly post: HookName;
  payload(params: JsonObject, name: string, headers: Readonly<Record<string, string>>): JsonObject;
  /** The params and the upstream's name after the pre-hook, where it changed its payload. */
  revise(params: JsonObject, name: string, modified: JsonObject): { params: JsonObject; name: string };
  /** What the post-hook sees of a result, in order. */
  parts(result: JsonObject, name: string): readonly ResultPart[];
}

const textOr = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise);

/** Arguments as the plugins left them. None at all, where there were none and they added none: a field that was not there. */
function withArguments(params: JsonObject, args: unknown): JsonObject {
  const before = params['arguments'];
  const after = isObject(args) ? args : {};
  if (before === undefined && Object.keys(after).length === 0) return params;
  return { ...params, arguments: graft(before, after) };
}

/** The result is one part. `instead` makes a result of what a plugin has put in place of one. */
function whole(payload: JsonObject, instead: (text: string) => JsonObject): readonly ResultPart[] {
  const put = ({ result: made }: JsonObject, result: JsonObject) =>
    // Peers write the absent fields of MCP's types as null.
    isObject(made) ? (graft(result, made, true) as JsonObject) : instead(textOr(made, ''));
  return [{ payload, put }];
}

/** A content in place of another, also where a plugin has left a plain text of it, or nothing. */
function contentAfter(before: unknown, after: unknown): unknown {
  if (isObject(after)) return graft(before, after, true);
  const { blob, ...rest } = isObject(before) ? before : {};
  return { ...rest, text: textOr(after, '') };
}

export const operations: Readonly<Record<string, Operation>> = {
  'tools/call': {
    method: 'tools/call',
    kind: 'tools',
    key: 'name',
    pre: 'tool_pre_invoke',
    post: 'tool_post_invoke',
    payload: (params, name, headers) => ({ name, args: params['arguments'] ?? {}, headers }),
    revise: (params, name, modified) => ({
      params: withArguments(params, modified['args']),
      name: textOr(modified['name'], name),
    }),
    parts: (result, name) => whole({ name, result }, (text) => ({ content: [{ type: 'text', text }] })),
  },
  'prompts/get': {
    method: 'prompts/get',
    kind: 'prompts',
    key: 'name',
    pre: 'prompt_pre_fetch',
    post: 'prompt_post_fetch',
    payload: (params, name) => ({ prompt_id: name, args: params['arguments'] ?? {} }),
    revise: (params, name, modified) => ({
      params: withArguments(params, modified['args']),
      name: textOr(modified['prompt_id'], name),
    }),
    parts: (result, name) =>
      whole({ prompt_id: name, result }, (text) => ({
        messages: [{ role: 'user', content: { type: 'text', text } }],
      })),
  },
  'resources/read': {
    method: 'resources/read',
    kind: 'resources',
    key: 'uri',
    pre: 'resource_pre_fetch',
    post: 'resource_post_fetch',
    payload: (_params, uri) => ({ uri, metadata: {} }),
    revise: (params, uri, modified) => ({ params, name: textOr(modified['uri'], uri) }),
    parts: (result, uri) => {
      const { contents } = result;
      return (Array.isArray(contents) ? contents : []).map((content: unknown, i) => ({
        payload: { uri, content },
        put: (modified, current) => ({
          ...current,
          contents: (current['contents'] as unknown[]).map((item, j) =>
            j === i ? contentAfter(item, modified['content']) : item,
          ),
        }),
      }));
    },
  },
};
