import { z } from 'zod';
import { settings } from '../filter.js';
import { encodings, scoreKeys } from './settings.js';

const enabled = Object.fromEntries(
  encodings.map((name) => [name, z.boolean().default(true).describe(`Whether \`${name}\` is looked for.`)]),
) as Record<(typeof encodings)[number], z.ZodDefault<z.ZodBoolean>>;

const nothing = 'Nothing here';

/** The settings of ContextForge's detector, as ours. */
export const exfiltrationOfContextForge = settings({
  enabled: settings(enabled).prefault({}).describe('What is looked for.'),
  ...scoreKeys,
  redact: z
    .boolean()
    .default(false)
    .describe('`action: mask`; without it findings are told in the metadata, and stay.'),
  redaction_text: z.string().default('***ENCODED_REDACTED***').describe('`mask_with`.'),
  block_on_detection: z.boolean().default(true).describe('`action: block`.'),
  min_findings_to_block: z.int().min(1).max(1000).default(1).describe('`block_from`.'),
  allowlist_patterns: z
    .array(z.string().min(1))
    .default([])
    .describe('`allow_patterns`; what contains a match is no finding.'),
  include_detection_details: z
    .boolean()
    .default(true)
    .describe(`${nothing}: findings are always told, without their texts.`),
  max_scan_string_length: z.int().default(200_000).describe(`${nothing}: texts of any length are looked at.`),
  max_findings_per_value: z.int().default(50).describe(`${nothing}: all are counted, a hundred places told.`),
  max_recursion_depth: z.int().default(32).describe(`${nothing}: messages have 64 levels at most.`),
  log_detections: z
    .boolean()
    .default(true)
    .describe(`${nothing}: the log has the decision of each hook call.`),
  parse_json_strings: z.boolean().default(true).describe(`${nothing}: texts that are JSON are read as such.`),
  per_encoding_score: z.record(z.string(), z.number()).default({}).describe(nothing),
}).transform((theirs) => ({
  encodings: encodings.filter((name) => theirs.enabled[name]),
  action: theirs.block_on_detection ? 'block' : theirs.redact ? 'mask' : 'report',
  mask_with: theirs.redaction_text,
  block_from: theirs.min_findings_to_block,
  allow_patterns: theirs.allowlist_patterns.map((pattern) => `(?s).*(?:${pattern}).*`),
  ...(Object.fromEntries(
    Object.keys(scoreKeys).map((key) => [key, theirs[key as keyof typeof scoreKeys]]),
  ) as object),
}));
