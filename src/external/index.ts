export { startExternalPlugin } from './plugin.js';
