export { type ExternalDeps, startExternalPlugin } from './plugin.js';
