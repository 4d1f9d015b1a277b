/**
 * OAuth 2.1 as a client of authorization servers, for access tokens that upstreams want: discovery, token requests, and one
 * token for many calls. Begin with `client.ts` (what is asked of whom) and `reach.ts` (whom nobody may make the gateway ask).
 */

export { bearerChallenge, scopesOf } from './challenge.js';
export { checkOauthFiles } from './check-files.js';
export { type Asker, OauthClient } from './client.js';
export { type ClientIdentity, clientMetadata } from './registration.js';
export { type Token, TokenHolder, timesOf } from './token.js';
export { changeVault, isVault, readVault, TokenVault } from './vault.js';
