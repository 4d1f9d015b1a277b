import { z } from 'zod';
import { settings } from '../filter.js';
import { allowKeys } from '../text/allowed.js';
import { actionKeys, hashNeedsKey } from '../text/index.js';

export const encodings = ['base64', 'base64url', 'hex', 'percent_encoding', 'escaped_hex'] as const;
export type Encoding = (typeof encodings)[number];

/** The keys that decide what counts, which are those of ContextForge too. */
export const scoreKeys = {
  min_encoded_length: z
    .int()
    .min(8)
    .max(8192)
    .default(24)
    .describe('How many characters an encoded part has at least.'),
  min_decoded_length: z.int().min(4).max(32_768).default(12).describe('How many bytes are in it at least.'),
  min_entropy: z
    .number()
    .min(0)
    .max(8)
    .default(3.3)
    .describe('How random it has to look for its point, in bits of each of its characters.'),
  min_printable_ratio: z
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('How much of what is in it has to be printable for its point.'),
  min_suspicion_score: z.int().min(1).max(10).default(3).describe('From how many points on it is a finding.'),
  max_decode_depth: z
    .int()
    .min(1)
    .max(5)
    .default(2)
    .describe('How often what is decoded is decoded once more.'),
  extra_sensitive_keywords: z
    .array(z.string().min(1))
    .default([])
    .describe('More words that what is decoded gets points for.'),
  extra_egress_hints: z
    .array(z.string().min(1))
    .default([])
    .describe('More words that get a point where they are near an encoded part.'),
} as const;

export const exfiltrationSettings = settings({
  encodings: z
    .array(z.enum(encodings))
    .default([...encodings])
    .describe('What is looked for. Data URLs are what their content is.'),
  ...actionKeys,
  action: actionKeys.action
    .unwrap()
    .default('block')
    .describe(actionKeys.action.description ?? ''),
  ...allowKeys,
  ...scoreKeys,
  block_from: z.int().min(1).default(1).describe('How many findings stop a call, where `action` is `block`.'),
}).superRefine((config, context) => {
  if (config.action === 'hash' && config.key === undefined)
    context.addIssue({ code: 'custom', path: ['key'], message: hashNeedsKey });
});
export type ExfiltrationSettings = z.output<typeof exfiltrationSettings>;
