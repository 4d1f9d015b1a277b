export { openUpstream } from './authorized.js';
export type { UpstreamDeps } from './options.js';
export { openTokenMetrics } from './token-metrics.js';
