export { type OpenedUpstream, openUpstream } from './open.js';
export type { UpstreamDeps, UpstreamLimits, UpstreamPace } from './options.js';
