export type { WorkerBus } from './bus.js';
export { sharedMetrics } from './metrics.js';
export { runWorkers, type WorkersListener } from './primary.js';
export {
  acceptingTurn,
  hearPrimary,
  isSpokesman,
  isWorker,
  joinWorkerBus,
  reportServing,
  tellPrimary,
} from './worker.js';
