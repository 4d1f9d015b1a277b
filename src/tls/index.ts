export { createConnector, ownName } from './connector.js';
export { type Credentials, openCredentials } from './credentials.js';
export { type ClientCertificate, createTlsFront } from './front.js';
export { type CredentialFiles, type CredentialSet, loadCredentials, type TlsRole } from './load.js';
export { type PeerFacts, peerFacts } from './peer.js';
export { handshakeTimeoutMs, tlsPolicy } from './policy.js';
