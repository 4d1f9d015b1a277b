import { z } from 'zod';
import { settings } from '../filter.js';
import { pattern } from '../pattern.js';
import { allowKeys } from '../text/allowed.js';
import { actionKeys, actionSchema, hashNeedsKey } from '../text/index.js';
import { kinds } from './detect.js';

const label = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'lower-case letters, digits and _');

export const piiSettings = settings({
  detect: z
    .array(z.enum(kinds))
    .default([...kinds])
    .describe('What is looked for.'),
  ...actionKeys,
  actions: z
    .record(z.string(), actionSchema)
    .default({})
    .describe('What becomes of one kind, where that is not `action`: `{email: hash, card: block}`.'),
  mask_style: z
    .enum(['label', 'partial'])
    .default('label')
    .describe(
      '`label` masks by `mask_with`; `partial` leaves the first letter of an address and the last four digits of a number.',
    ),
  ...allowKeys,
  names: z
    .array(z.string().min(2))
    .default([])
    .describe('Names that are personal data too, found as whole words, in any case. Their kind is `name`.'),
  patterns: z
    .array(
      settings({
        name: label.describe('The kind of what it finds.'),
        pattern: pattern.describe('A regular expression (RE2).'),
      }),
    )
    .default([])
    .describe('What else is personal data.'),
  phone_regions: z
    .array(z.string().regex(/^[A-Z]{2}$/, 'a country in two capitals, such as DE'))
    .default([])
    .describe(
      'Countries whose phone numbers are found as they are written there, without `+`: `[DE, GB]`. Needs the package `libphonenumber-js`. Numbers with `+` and those of North America are found without it.',
    ),
  keys: z.boolean().default(true).describe('Whether names of fields are looked at too, and masked.'),
  block_from: z.int().min(1).default(1).describe('How many findings whose action is `block` stop a call.'),
}).superRefine((config, context) => {
  if ([config.action, ...Object.values(config.actions)].includes('hash') && config.key === undefined)
    context.addIssue({ code: 'custom', path: ['key'], message: hashNeedsKey });
  const known = [...kinds, 'name', ...config.patterns.map(({ name }) => name)];
  for (const kind of Object.keys(config.actions))
    if (!known.includes(kind))
      context.addIssue({
        code: 'custom',
        path: ['actions', kind],
        message: `there is no such kind; there is ${known.join(', ')}`,
      });
});
export type PiiSettings = z.output<typeof piiSettings>;
