import cluster from 'node:cluster';

/** What a worker tells its primary once it serves. */
export const readyMessage = 'sallyport:serving';

/** Whether this process is one of several that a primary runs. */
export const isWorker = (): boolean => cluster.isWorker;

/** Tells the primary that this worker serves; `stop` is called where the primary is gone. */
export function reportServing(stop: () => void): void {
  if (!cluster.isWorker) return;
  process.once('disconnect', stop);
  process.send?.(readyMessage);
}
