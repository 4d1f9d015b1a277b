export { createGateway, type Gateway, type GatewayAddress } from './gateway.js';
export type { PartStatus } from './status.js';
export { lookAtUpstreams } from './unmatched.js';
