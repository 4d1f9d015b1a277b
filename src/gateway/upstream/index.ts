export { openUpstream } from './open.js';
export type { UpstreamDeps } from './options.js';
