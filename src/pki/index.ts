/** Certificates on disk and in memory: making, keeping and checking them. */
export {
  type CaRequest,
  createCa,
  type Issued,
  issueLeaf,
  type LeafRequest,
  type Purpose,
  type Subject,
} from './certificate.js';
export { type CheckEntry, type CheckOptions, type CheckReport, checkCertificates } from './check.js';
export { ensureAll, ensureCa, ensureGateway, ensurePlugin } from './ensure.js';
export { defaultDir, makeCommand, type Target } from './folder.js';
export type { Finding, Verdict } from './judge.js';
export { type KeyType, keyTypes, parseKeyType } from './keys.js';
export { parsePluginName } from './names.js';
export type { EnsureResult } from './result.js';
export { parseSans, parseTrustDomain, type San } from './sans.js';
export type { EnsureOptions } from './settings.js';
export { defaultDays, opensslDate, parseDays, type Validity, validityOf } from './validity.js';
