/**
 * Sockets and trust: the credentials of one side, the listener and the connector that use them, and who may be at the
 * other end. Begin with `load.ts` (what is read and checked) and `trust.ts` (whether a peer passes).
 */
export { oneLineName } from '../pki/pem.js';
export { longestChain, weakShown } from './chain.js';
export { checkFile, type FileReport } from './check-file.js';
export {
  type CredentialDeps,
  type CredentialStore,
  type Credentials,
  createCredentialStore,
  openCredentials,
  type Reloaded,
} from './credentials.js';
export { type CredentialFiles, certificateFile, filesOf, openToOthers, pathsOf } from './files.js';
export { type ClientCertificate, createTlsFront } from './front.js';
export {
  type CertificateName,
  certificateNames,
  judgeHostname,
  matchingName,
  pluginRule,
} from './identity.js';
export { type CredentialSet, loadCredentials, tlsPolicy } from './load.js';
export { expiryWarnings, openTlsMetrics } from './metrics.js';
export type { TlsRole } from './own.js';
export { connectFailure, remarkOnce } from './reasons.js';
export { anyPeer, chainOf, judgePeer, type PeerRule, peerDates } from './trust.js';
