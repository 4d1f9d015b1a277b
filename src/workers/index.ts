export type { Commons } from './commons.js';
export { sharedMetrics } from './metrics.js';
export { runWorkers } from './primary.js';
export { acceptingTurn, isSpokesman, isWorker, joinCommons, reportServing } from './worker.js';
