export { createGateway, type Gateway, type GatewayAddress } from './gateway.js';
export type { PartStatus } from './status.js';
export { unmatchedIn } from './unmatched.js';
