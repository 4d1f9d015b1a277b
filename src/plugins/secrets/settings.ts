import { z } from 'zod';
import { settings } from '../filter.js';
import { allowKeys } from '../text/allowed.js';
import { actionKeys, actionSchema, hashNeedsKey } from '../text/index.js';
import { rules } from './rules.js';

/** What is found by what is around it, and what only looks random. */
const contextual = ['aws_secret_access_key', 'url_password', 'authorization', 'assignment'] as const;
const looksRandom = ['hex_32', 'base64_24', 'random'] as const;

export const secretKinds: readonly string[] = [
  ...rules.map(({ kind }) => kind),
  ...contextual,
  ...looksRandom,
];
const usual = secretKinds.filter((kind) => !(looksRandom as readonly string[]).includes(kind));

const kind = z.string().refine((text) => secretKinds.includes(text), {
  error: `no such kind; there is ${secretKinds.join(', ')}`,
});

export const secretsSettings = settings({
  detect: z
    .array(kind)
    .optional()
    .describe(
      `What is looked for. Without it everything but ${looksRandom.map((name) => `\`${name}\``).join(', ')}.`,
    ),
  ...actionKeys,
  actions: z
    .record(kind, actionSchema)
    .default({})
    .describe('What becomes of one kind, where that is not `action`: `{private_key: block}`.'),
  ...allowKeys,
  min_entropy: z
    .number()
    .min(1)
    .max(8)
    .default(4.2)
    .describe('How random a text has to be for the kind `random`: the bits of each of its characters.'),
  only_fields: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'The only fields that are looked at: `config.env`, with all below; indexes of lists are left out.',
    ),
  not_fields: z.array(z.string().min(1)).default([]).describe('Fields that are not looked at.'),
  block_from: z.int().min(1).default(1).describe('How many findings whose action is `block` stop a call.'),
})
  .superRefine((config, context) => {
    if ([config.action, ...Object.values(config.actions)].includes('hash') && config.key === undefined)
      context.addIssue({ code: 'custom', path: ['key'], message: hashNeedsKey });
  })
  .transform((config) => ({ ...config, detect: config.detect ?? usual }));
export type SecretsSettings = z.output<typeof secretsSettings>;
