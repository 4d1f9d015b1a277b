import { type Keys, key, optional, required } from './schema.js';

const expression = { kind: 'text', filled: true, written: true } as const;
const text = { kind: 'text' } as const;
const texts = { kind: 'texts' } as const;
const dict = { kind: 'dict' } as const;
const boolean = { kind: 'boolean' } as const;

export const ruleKeys = {
  deny: optional(expression, 'in CEL: what is refused where it holds, whatever else is said'),
  ask: optional(expression, 'in CEL: what a person has to approve where it holds'),
  allow: optional(expression, 'in CEL: what is allowed where it holds'),
  reason: optional(text, 'what a client is told that is refused by this rule'),
  trust_annotations: key(
    boolean,
    'whether this rule goes by what a tool says of itself (tool.annotations) though nobody has locked it',
    { default: false },
  ),
} as const satisfies Keys;

export const ruleTestKeys = {
  expect: required(
    { kind: 'choice', values: ['allow', 'deny', 'ask'] },
    'what is to be decided; sallyport doctor says so where it is not',
  ),
  tool: optional(text, 'the tool that is called, as clients know it or as its upstream has it'),
  prompt: optional(text, 'in place of tool: the prompt that is wanted'),
  resource: optional(text, 'in place of tool: the URI that is read'),
  args: optional(dict, 'the arguments; absent: none'),
  listed: key(boolean, 'whether it is about the list, where nobody knows the arguments', { default: false }),
  upstream: optional(text, 'where it is; absent: the only upstream, or the one whose prefix the name has'),
  server: optional(text, 'the virtual server that the client came to'),
  method: optional(text, 'the method; absent: tools/call, prompts/get or resources/read'),
  user: optional(text, 'who asks; absent: nobody was asked who it is'),
  groups: optional(texts, 'groups of the user'),
  tenant: optional(text, 'whose user that is'),
  auth_method: optional(text, 'how that was found out: bearer, jwt, mtls, plugin; absent: as auth says'),
  claims: optional(dict, 'the claims of the token'),
  client: optional(text, 'the name that the client gives itself'),
  annotations: optional(dict, 'what the tool says of itself'),
  locked: key(boolean, 'whether the annotations are those of a locked tool', { default: false }),
} as const satisfies Keys;
