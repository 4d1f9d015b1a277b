export type { WorkerBus } from './bus.js';
export { sharedMetrics } from './metrics.js';
export { runWorkers } from './primary.js';
export { acceptingTurn, isSpokesman, isWorker, joinWorkerBus, reportServing } from './worker.js';
