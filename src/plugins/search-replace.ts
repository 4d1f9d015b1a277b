import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf, NoSuchGroup } from '../errors.js';
import { definePlugin, modify, proceed } from '../plugin/index.js';

/** What replaces a match: literal text and groups, in turn. */
type Replacement = readonly (string | { readonly group: string | number })[];

/** One rule: a regular expression (RE2 syntax, linear time) and what replaces each match. */
const Word = z.object({ search: z.string().min(1), replace: z.string() }).transform((word, context) => {
  try {
    const pattern = RE2JS.compile(word.search);
    return { pattern, replacement: parseReplacement(word.replace, pattern) };
  } catch (error) {
    const [path, message] = NoSuchGroup.is(error)
      ? ['replace', error.message]
      : ['search', `not a regular expression that runs in linear time (RE2): ${messageOf(error)}`];
    context.addIssue({ code: 'custom', path: [path], message });
    return z.NEVER;
  }
});

/**
 * Replaces words in prompt arguments, rendered prompt messages, tool arguments and tool results. The rules of
 * `words` are applied in their order, each to what the one before left; `\1` and `\g<name>` in `replace` stand for
 * groups. Text is looked for at any depth of arguments and results; keys are left alone.
 */
export const searchReplace = definePlugin({
  config: z.strictObject({ words: z.array(Word) }),
  setup({ words }) {
    const replaceText = (text: string): string =>
      words.reduce((current, { pattern, replacement }) => replaceAll(current, pattern, replacement), text);
    const inText = (value: unknown): unknown => mapText(value, replaceText);
    const inContent = (value: unknown): unknown => mapContent(value, inText);
    return {
      hooks: {
        prompt_pre_fetch: (payload) =>
          payload.args ? modify({ ...payload, args: inText(payload.args) }) : proceed(),
        prompt_post_fetch: (payload) => {
          const messages = payload.result.messages?.map((message) => ({
            ...message,
            content: inContent(message['content']),
          }));
          return messages ? modify({ ...payload, result: { ...payload.result, messages } }) : proceed();
        },
        tool_pre_invoke: (payload) =>
          payload.args ? modify({ ...payload, args: inText(payload.args) }) : proceed(),
        tool_post_invoke: (payload) => modify({ ...payload, result: inResult(payload.result, inText) }),
      },
    };
  },
});

type Change = (value: unknown) => unknown;
type Dict = Record<string, unknown>;

const isDict = (value: unknown): value is Dict =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every string in `value`, at any depth, as `change` returns it. */
function mapText(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapText(item, change));
  return isDict(value) ? mapFields(value, (field) => mapText(field, change)) : value;
}

/** A tool result: its content blocks as such, everything else as text. */
function inResult(result: unknown, inText: Change): unknown {
  if (!isDict(result) || !Array.isArray(result['content'])) return mapContent(result, inText);
  const { content, ...rest } = result;
  return { content: mapContent(content, inText), ...(inText(rest) as Dict) };
}

/** The fields of an MCP content block that describe data: changed, they would break it. All others are text. */
const described: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['text', ['type']],
  ['image', ['type', 'data', 'mimeType']],
  ['audio', ['type', 'data', 'mimeType']],
  ['resource', ['type', 'uri', 'mimeType', 'blob']],
  ['resource_link', ['type', 'uri', 'mimeType']],
]);

/** A content block or a list of them; what is neither is text at any depth. */
function mapContent(value: unknown, inText: Change): unknown {
  if (Array.isArray(value)) return value.map((item) => mapContent(item, inText));
  const kept = isDict(value) ? described.get(value['type']) : undefined;
  if (!isDict(value) || kept === undefined) return inText(value);
  const change = (field: unknown, name: string): unknown => {
    if (kept.includes(name)) return field;
    return name === 'resource' && isDict(field) ? mapFields(field, change) : inText(field);
  };
  return mapFields(value, change);
}

function mapFields(value: Dict, change: (field: unknown, name: string) => unknown): Dict {
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, change(field, name)]));
}

function replaceAll(text: string, pattern: RE2JS, replacement: Replacement): string {
  const matcher = pattern.matcher(text);
  let result = '';
  let at = 0;
  while (matcher.find()) {
    const parts = replacement.map((part) =>
      typeof part === 'string' ? part : (matcher.group(part.group) ?? ''),
    );
    result += text.slice(at, matcher.start()) + parts.join('');
    at = matcher.end();
  }
  return at === 0 && result === '' ? text : result + text.slice(at);
}

/**
 * Reads Python's `\1`, `\g<1>`, `\g<name>`, `\n` and `\\`; everything else is literal. A reference to a group that
 * the pattern does not have is an error now, not at the first match.
 */
function parseReplacement(replace: string, pattern: RE2JS): Replacement {
  const named = Object.keys(pattern.namedGroups());
  const parts: (string | { group: string | number })[] = [];
  let at = 0;
  for (const match of replace.matchAll(/\\(\d{1,2})|\\g<(\w+)>|\\n|\\\\/g)) {
    parts.push(replace.slice(at, match.index));
    at = match.index + match[0].length;
    const group = match[1] ?? match[2];
    if (group === undefined) parts.push(match[0] === '\\n' ? '\n' : '\\');
    else if (/^\d+$/.test(group) && Number(group) <= pattern.groupCount())
      parts.push({ group: Number(group) });
    else if (named.includes(group)) parts.push({ group });
    else throw NoSuchGroup({ group });
  }
  return [...parts, replace.slice(at)];
}
