import { z } from 'zod';
import { settings } from '../filter.js';

const flags = {
  aws_access_key_id: [true, ['aws_access_key_id']],
  aws_secret_access_key: [true, ['aws_secret_access_key']],
  google_api_key: [true, ['google_api_key']],
  github_token: [true, ['github_token']],
  stripe_secret_key: [true, ['stripe_secret_key']],
  slack_token: [true, ['slack_token']],
  private_key_block: [true, ['private_key']],
  generic_api_key_assignment: [false, ['assignment']],
  jwt_like: [false, ['jwt']],
  hex_secret_32: [false, ['hex_32']],
  base64_24: [false, ['base64_24']],
} as const satisfies Record<string, readonly [boolean, readonly string[]]>;
type Flag = keyof typeof flags;

const enabled = Object.fromEntries(
  Object.entries(flags).map(([name, [on, kinds]]) => [
    name,
    z
      .boolean()
      .default(on)
      .describe(`Whether \`${kinds.join(', ')}\` is looked for.`),
  ]),
) as Record<Flag, z.ZodDefault<z.ZodBoolean>>;

const paths = z.array(z.string().regex(/^[^.]+(?:\.[^.]+)*$/, 'names of fields with a dot between'));

/** The settings of ContextForge's secrets detection, as ours. */
export const secretsOfContextForge = settings({
  enabled: settings(enabled).prefault({}).describe('What is looked for.'),
  redact: z
    .boolean()
    .default(false)
    .describe('`action: mask`; without it findings are told in the metadata, and stay.'),
  redaction_text: z.string().default('***REDACTED***').describe('`mask_with`.'),
  block_on_detection: z.boolean().default(true).describe('`action: block`.'),
  min_findings_to_block: z.int().min(1).default(1).describe('`block_from`.'),
  field_allowlist: paths.default([]).describe('`only_fields`.'),
  field_denylist: paths.default([]).describe('`not_fields`.'),
}).transform((theirs) => ({
  detect: (Object.keys(flags) as Flag[]).flatMap((flag) => (theirs.enabled[flag] ? [...flags[flag][1]] : [])),
  action: theirs.block_on_detection ? 'block' : theirs.redact ? 'mask' : 'report',
  mask_with: theirs.redaction_text,
  block_from: theirs.min_findings_to_block,
  only_fields: theirs.field_allowlist,
  not_fields: theirs.field_denylist,
}));
