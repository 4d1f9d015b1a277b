export { type CredentialDeps, type Credentials, openCredentials, type Reloaded } from './credentials.js';
export { finishAfterReply } from './finish.js';
export { type ClientCertificate, createTlsFront } from './front.js';
export { pluginRule } from './identity.js';
export { loadCredentials } from './load.js';
export { openTlsMetrics, type TlsMetrics } from './metrics.js';
export { type CredentialStore, createCredentialStore } from './store.js';
export { anyPeer, type PeerRule } from './trust.js';
