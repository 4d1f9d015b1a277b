export { arrivalOf, plainHeaders, withoutCredentials } from './arrival.js';
export {
  type Authenticator,
  Credential,
  createStanding,
  metadataPath,
  type Standing,
} from './authenticator.js';
export type { Admitted, Door, HandedOn, Readmit, Refused } from './door.js';
export { createDoor, createReadmission, introduce, openAuthenticator } from './door.js';
export { guarded } from './http-hooks.js';
export { changeTokens, makeToken, readTokens, type TokenRecord } from './tokens.js';
