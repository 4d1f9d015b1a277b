import cluster from 'node:cluster';
import { removeWorkerBus, type WorkerBus } from './bus.js';
import { busMessage, isBusReply, isTold, readyMessage, type Told, turnMessage } from './messages.js';

/** Whether this process is one of several that a primary runs. */
export const isWorker = (): boolean => cluster.isWorker;

/** Whether this process says what all of them would say alike: one alone, or the worker that was started first. */
export const isSpokesman = (): boolean => cluster.worker === undefined || cluster.worker.id === 1;

/** Tells the primary that this worker serves; `stop` is called where the primary is gone. */
export function reportServing(stop: () => void): void {
  const { worker } = cluster;
  if (worker === undefined) return;
  worker.once('disconnect', () => {
    // Otherwise Node ends a worker without a primary right after this event, in the middle of its calls.
    worker.exitedAfterDisconnect = true;
    stop();
  });
  process.send?.(readyMessage);
}

/**
 * Resolves after a turn of the event loop that accepts connections: the primary's, in the case of a worker. What it has
 * handed out before was handed on by then, because both go over one channel.
 */
export function acceptingTurn(): Promise<void> {
  if (!cluster.isWorker || !process.connected) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const end = () => {
      process.off('message', onMessage);
      process.off('disconnect', end);
      resolve();
    };
    const onMessage = (message: unknown) => {
      if (message === turnMessage) end();
    };
    process.on('message', onMessage);
    process.on('disconnect', end);
    process.send?.(turnMessage, undefined, undefined, (error) => error && end());
  });
}

/** What this worker shares with the others; undefined for a process that is no worker. */
export function joinWorkerBus(): Promise<WorkerBus | undefined> {
  const { worker } = cluster;
  if (worker === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    // Node ends a worker whose primary is gone: the wait for its reply has no other end.
    const onMessage = (message: unknown) => {
      if (!isBusReply(message)) return;
      process.off('message', onMessage);
      const { bus } = message;
      // The primary removes the folder, unless it was killed.
      process.once('exit', () => {
        if (!process.connected) removeWorkerBus(bus);
      });
      resolve(bus);
    };
    process.on('message', onMessage);
    process.send?.(busMessage);
  });
}

/** Has `listener` called with what the primary tells this worker. */
export function hearPrimary(listener: (value: unknown) => void): void {
  process.on('message', (message: unknown) => {
    if (isTold(message)) listener(message.value);
  });
}

/** Tells the primary something, as JSON: see `WorkersOptions.listener`. What a primary that is gone would have heard is lost. */
export function tellPrimary(value: unknown): void {
  const told: Told = { sallyport: 'told', value };
  if (process.connected) process.send?.(told, undefined, undefined, () => {});
}
