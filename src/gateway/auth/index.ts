export { arrivalOf, plainHeaders, withoutCredentials } from './arrival.js';
export type { Authenticator } from './authenticator.js';
export { Credential, createStanding, type Standing } from './credential.js';
export type { Admitted, Door, HandedOn, Readmit, Refused } from './door.js';
export { metadataPath } from './metadata-path.js';
export { createDoor, createReadmission, introduce, openAuthenticator } from './open-door.js';
export { checkPermission } from './permissions.js';
export { makeToken, type TokenRecord } from './tokens.js';
export { changeTokens, readTokens } from './tokens-file.js';
