/** Certificates on disk and in memory: making, keeping, renewing, replacing, revoking and checking them. */
export {
  type CaRequest,
  createCa,
  type Issued,
  issueLeaf,
  type LeafRequest,
  type Purpose,
  type Subject,
} from './certificate.js';
export type { ChangeOptions } from './change.js';
export { type CheckEntry, type CheckOptions, type CheckReport, checkCertificates } from './check.js';
export { type Revocation, type RevocationReason, revocationReasons } from './crl.js';
export { type CrlOptions, type CrlResult, type CrlSummary, readCrls, refreshCrl } from './crl-files.js';
export { type DuePolicy, defaultDue, dueAt, parseExpiresIn } from './due.js';
export { ensureAll, ensureCa, ensureGateway, ensurePlugin } from './ensure.js';
export { certsCommandLine, defaultDir, makeCommand, type Target } from './folder.js';
export type { Finding, Verdict } from './judge.js';
export { type KeeperDeps, keep, nextLook } from './keeper.js';
export { type KeyType, keyTypes, parseKeyType } from './keys.js';
export { parsePluginName } from './names.js';
export { type NeedsRenewal, needsRenewal } from './needs-renewal.js';
export { type RenewOptions, type RenewResult, renewCertificates } from './renew.js';
export type { EnsureResult } from './result.js';
export { parseReason, type RevokeOptions, type RevokeResult, revokeCertificate } from './revoke.js';
export { type RotationResult, type RotationStep, rotateCa, rotationSteps } from './rotate.js';
export {
  type RotationCa,
  type RotationFolder,
  type RotationPhase,
  type RotationStatus,
  rotationStatus,
} from './rotate-state.js';
export { parseSans, parseTrustDomain, type San } from './sans.js';
export type { EnsureOptions } from './settings.js';
export { type SignOptions, signRequest } from './sign-request.js';
export { defaultDays, opensslDate, parseDays, type Validity, validityOf } from './validity.js';
