export { openUpstream } from './authorized.js';
export type { UpstreamDeps } from './options.js';
export { isOwnEntry } from './sign-in.js';
export { openTokenMetrics } from './token-metrics.js';
