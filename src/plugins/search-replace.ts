import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf, NoSuchGroup } from '../errors.js';
import { definePlugin, modify, proceed } from '../plugin/index.js';

/** One rule: a regular expression (RE2 syntax, linear time) and what replaces each match. */
const Word = z.object({ search: z.string().min(1), replace: z.string() }).transform((word, context) => {
  try {
    const pattern = RE2JS.compile(word.search);
    return { pattern, replacement: groupReferences(word.replace, pattern) };
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
      words.reduce(
        (current, { pattern, replacement }) => pattern.matcher(current).replaceAll(replacement),
        text,
      );
    const inText = (value: unknown): unknown => mapText(value, replaceText);
    return {
      hooks: {
        prompt_pre_fetch: (payload) =>
          payload.args ? modify({ ...payload, args: inText(payload.args) }) : proceed(),
        prompt_post_fetch: (payload) => {
          const messages = payload.result.messages?.map((message) => ({
            ...message,
            content: inText(message['content']),
          }));
          return messages ? modify({ ...payload, result: { ...payload.result, messages } }) : proceed();
        },
        tool_pre_invoke: (payload) =>
          payload.args ? modify({ ...payload, args: inText(payload.args) }) : proceed(),
        tool_post_invoke: (payload) => modify({ ...payload, result: inText(payload.result) }),
      },
    };
  },
});

/** Keys whose text is not for people: changing it would break the content that it describes. */
const technicalKeys = new Set(['type', 'mimeType', 'data', 'blob', 'uri', 'role']);

/** Every string in `value`, at any depth, as `change` returns it. */
function mapText(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapText(item, change));
  if (typeof value !== 'object' || value === null) return value;
  const content = isContentBlock(value);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      content && technicalKeys.has(key) ? item : mapText(item, change),
    ]),
  );
}

/** An MCP content block: its `type` says what the other fields are. */
function isContentBlock(value: object): boolean {
  const type = (value as { type?: unknown }).type;
  return typeof type === 'string' && ['text', 'image', 'audio', 'resource', 'resource_link'].includes(type);
}

/**
 * Python's `\1`, `\g<1>` and `\g<name>` as the library has them, `$1` and `$<name>`; everything else is literal.
 * A reference to a group that the pattern does not have is an error now, not at the first match.
 */
function groupReferences(replace: string, pattern: RE2JS): string {
  const numbers = Array.from({ length: pattern.groupCount() + 1 }, (_, i) => String(i));
  const known = new Set([...numbers, ...Object.keys(pattern.namedGroups())]);
  return replace.replace(/\\(\d)|\\g<(\w+)>|\\n|\\\\|\$/g, (match, digit?: string, name?: string) => {
    const group = digit ?? name;
    if (group === undefined) return { '\\n': '\n', $: '$$' }[match] ?? '\\';
    if (!known.has(group)) throw NoSuchGroup({ group });
    if (group === '0') return '$&';
    return /^\d/.test(group) ? `$${group}` : `$<${group}>`;
  });
}
