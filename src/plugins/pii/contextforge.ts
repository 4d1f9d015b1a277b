import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { settings } from '../filter.js';
import type { Kind } from './detect.js';

/** Their keys for what is looked for, and our kinds. */
const detects = {
  detect_ssn: ['ssn'],
  detect_bsn: ['national_id'],
  detect_credit_card: ['card'],
  detect_email: ['email'],
  detect_phone: ['phone'],
  detect_ip_address: ['ip'],
  detect_date_of_birth: ['date_of_birth'],
  detect_passport: ['passport'],
  detect_driver_license: ['driver_license'],
  detect_bank_account: ['bank_account', 'iban'],
  detect_medical_record: ['medical_record'],
} as const satisfies Record<string, readonly Kind[]>;
type Detects = keyof typeof detects;

const flags = Object.fromEntries(
  Object.entries(detects).map(([key, ours]) => [
    key,
    z
      .boolean()
      .default(true)
      .describe(`Whether ${ours.map((kind) => `\`${kind}\``).join(' and ')} is looked for.`),
  ]),
) as Record<Detects, z.ZodDefault<z.ZodBoolean>>;

const strategies = {
  redact: 'mask',
  partial: 'mask',
  hash: 'hash',
  tokenize: 'token',
  remove: 'remove',
} as const;
const strategy = z.enum(['redact', 'partial', 'hash', 'tokenize', 'remove']);
const own = randomBytes(32).toString('hex');

/** The settings of ContextForge's PII filter, as ours. */
export const piiOfContextForge = settings({
  ...flags,
  default_mask_strategy: strategy
    .default('redact')
    .describe(
      '`redact` is `mask`, `partial` is `mask_style: partial`, `hash` is `hash` with a key of this start, `tokenize` is `token`.',
    ),
  redaction_text: z.string().default('[REDACTED]').describe('`mask_with`.'),
  block_on_detection: z.boolean().default(false).describe('`action: block`.'),
  whitelist_patterns: z
    .array(z.string().min(1))
    .default([])
    .describe('`allow_patterns`, in any case; what contains a match is no finding.'),
  custom_patterns: z
    .array(
      settings({
        pattern: z.string().min(1).describe('A regular expression (RE2).'),
        description: z.string().optional().describe('Nothing here looks at it.'),
        type: z.string().optional().describe('The kind of what it finds.'),
        mask_strategy: strategy.optional().describe('What becomes of it.'),
        enabled: z.boolean().default(true).describe('Whether it counts.'),
      }),
    )
    .default([])
    .describe('`patterns`.'),
  log_detections: z
    .boolean()
    .default(false)
    .describe('Nothing here: the log has the decision of each hook call.'),
  include_detection_details: z
    .boolean()
    .default(false)
    .describe('Nothing here: findings are always told, without their texts.'),
  max_text_bytes: z
    .int()
    .default(10_485_760)
    .describe('Nothing here: `plugin_settings.max_payload_bytes` bounds payloads.'),
  max_nested_depth: z.int().default(32).describe('Nothing here: messages have 64 levels at most.'),
  max_collection_items: z.int().default(4096).describe('Nothing here.'),
}).transform((theirs) => {
  const action = theirs.block_on_detection ? 'block' : strategies[theirs.default_mask_strategy];
  const custom = theirs.custom_patterns
    .filter(({ enabled }) => enabled)
    .map((each, i) => ({ ...each, name: nameOf(each.type ?? 'custom', i) }));
  return {
    detect: (Object.keys(detects) as Detects[]).flatMap((key) => (theirs[key] ? [...detects[key]] : [])),
    action,
    actions: Object.fromEntries(
      custom.flatMap(({ name, mask_strategy }) =>
        mask_strategy === undefined || theirs.block_on_detection ? [] : [[name, strategies[mask_strategy]]],
      ),
    ),
    mask_style: theirs.default_mask_strategy === 'partial' ? 'partial' : 'label',
    mask_with: theirs.redaction_text,
    key: own,
    allow_patterns: theirs.whitelist_patterns.map((pattern) => `(?is).*(?:${pattern}).*`),
    patterns: custom.map(({ name, pattern }) => ({ name, pattern })),
    keys: false,
  };
});

const nameOf = (type: string, i: number): string =>
  type
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 40) || `custom_${i + 1}`;
