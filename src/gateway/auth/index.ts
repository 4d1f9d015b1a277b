export { authRequestOf, createAuthentication, introduce, openAuthenticator } from './authentication.js';
export { type Authenticator, metadataPath } from './authenticator.js';
export { CallerTokens } from './caller-tokens.js';
export { guarded } from './http-hooks.js';
export { changeTokens, makeToken, readTokens, type TokenRecord } from './tokens.js';
