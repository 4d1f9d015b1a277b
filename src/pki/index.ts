/** Certificates on disk and in memory: making, keeping, renewing, replacing, revoking and checking them. */
export {
  type CaRequest,
  createCa,
  type Issued,
  issueLeaf,
  type KeyType,
  keyTypes,
  type LeafRequest,
  type Purpose,
  parseKeyType,
  type Subject,
} from './certificate.js';
export { type ChangeOptions, type NeedsRenewal, needsRenewal } from './change.js';
export { type CheckEntry, type CheckOptions, type CheckReport, checkCertificates } from './check.js';
export { type Revocation, type RevocationReason, revocationReasons } from './crl.js';
export { ensureAll, ensureCa, ensureGateway, ensurePlugin } from './ensure.js';
export {
  certsCommandLine,
  defaultDir,
  type EnsureOptions,
  type EnsureResult,
  makeCommand,
  type Target,
} from './folder.js';
export { parsePluginName, parseSans, parseTrustDomain, type San } from './names.js';
export {
  type RenewOptions,
  type RenewResult,
  renewCertificates,
} from './renew.js';
export {
  type CrlOptions,
  type CrlResult,
  type CrlSummary,
  parseReason,
  type RevokeOptions,
  type RevokeResult,
  readCrls,
  refreshCrl,
  revokeCertificate,
} from './revoke.js';
export { type RotationResult, rotateCa } from './rotate.js';
export { advanceRotation } from './rotate-by-itself.js';
export {
  type RotationCa,
  type RotationFolder,
  type RotationPhase,
  type RotationStatus,
  type RotationStep,
  rotationStatus,
  rotationSteps,
} from './rotate-state.js';
export { type SignOptions, signRequest } from './sign-request.js';
export {
  type DuePolicy,
  defaultDays,
  defaultDue,
  dueAt,
  type KeeperDeps,
  keep,
  nextLook,
  opensslDate,
  parseDays,
  parseExpiresIn,
  type Validity,
  validityOf,
} from './validity.js';
export { type Finding, isMild, type Verdict, worstFirst } from './verdicts.js';
