import type { WorkerBus } from './bus.js';

/** From a worker to its primary, once it serves. */
export const readyMessage = 'sallyport:serving';
/** From a worker to its primary, and back once a turn of the primary's event loop is over. */
export const turnMessage = 'sallyport:turn';
/** From a worker to its primary; the reply is a `BusReply`. */
export const busMessage = 'sallyport:bus';

export interface BusReply {
  readonly sallyport: 'bus';
  readonly bus: WorkerBus;
}

export function isBusReply(message: unknown): message is BusReply {
  return (message as Partial<BusReply> | null)?.sallyport === 'bus';
}

/** From a worker to whoever listens in its primary, and back. */
export interface Told {
  readonly sallyport: 'told';
  readonly value: unknown;
}

export function isTold(message: unknown): message is Told {
  return (message as Partial<Told> | null)?.sallyport === 'told';
}
