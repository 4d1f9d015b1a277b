import { ruleKeys } from './rules-keys.js';
import { type Keys, optional, required } from './schema.js';

const text = { kind: 'text' } as const;
const filled = { kind: 'text', filled: true } as const;

const shownKeys = {
  title: optional(text, 'the title that it has here, in place of its own'),
  description: optional(text, 'what is said of it here, in place of its own description'),
} as const satisfies Keys;

const namedKeys = {
  as: optional(filled, 'the name that it has here'),
  ...shownKeys,
  defaults: optional(
    { kind: 'dict' },
    'arguments that a call has where it does not say otherwise, by name; the schema that is shown says so',
  ),
  fixed: optional(
    { kind: 'dict' },
    'arguments that every call has, by name, whatever its client says; the schema that is shown has none of them',
  ),
} as const satisfies Keys;

export const offeredToolKeys = {
  name: required(
    filled,
    'its name as clients see it at /mcp; a name with * is all that match, and stands alone',
  ),
  ...namedKeys,
} as const satisfies Keys;

export const offeredResourceKeys = {
  uri: required(filled, 'its URI, or URI template; one with * is all that match, and stands alone'),
  ...shownKeys,
} as const satisfies Keys;

const named = { kind: 'maps', keys: offeredToolKeys, short: 'name' } as const;

/** The keys of a virtual server. */
export const virtualServerKeys = {
  title: optional(filled, 'what it is called in clients; absent: its name'),
  instructions: optional(text, 'what it says of itself to clients; absent: nothing'),
  tools: optional(named, 'the tools that it offers, by their names at /mcp; absent: none'),
  prompts: optional(named, 'the prompts that it offers, likewise'),
  resources: optional(
    { kind: 'maps', keys: offeredResourceKeys, short: 'uri' },
    'the resources and resource templates that it offers, by their URIs; absent: none',
  ),
  rules: optional(
    { kind: 'maps', keys: ruleKeys },
    'rules for those who come to it, beside those of the gateway: the stricter verdict counts',
  ),
  rules_default: optional(
    { kind: 'choice', values: ['allow', 'deny'] },
    'what is decided where none of its rules holds; absent: deny where there is an allow among them, else allow',
  ),
} as const satisfies Keys;
