export { arrivalOf } from './arrival.js';
export { type Authenticator, metadataPath } from './authenticator.js';
export { createDoor, introduce, openAuthenticator } from './door.js';
export { guarded } from './http-hooks.js';
export { changeTokens, makeToken, readTokens, type TokenRecord } from './tokens.js';
