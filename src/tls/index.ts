export { type Credentials, openCredentials } from './credentials.js';
export { type ClientCertificate, createTlsFront } from './front.js';
export { loadCredentials } from './load.js';
