/**
 * What both programs stand on: one port with the way in to it, and the plain health port beside it. Reading begins with
 * `createListener`.
 */
export { clientCertificateOf, createListener, type ListenerAddress } from './listener.js';
export { openListenerMetrics } from './metrics.js';
export { createPages, onlyGet, pathOf } from './pages.js';
export { createStrangers } from './strangers.js';
export { openTraces } from './traces.js';
