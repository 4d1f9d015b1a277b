export { runWorkers } from './primary.js';
export { isWorker, reportServing } from './worker.js';
