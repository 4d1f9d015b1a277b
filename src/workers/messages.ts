import type { WorkerBus } from './bus.js';

/** What a worker tells its primary once it serves. */
export const readyMessage = 'sallyport:serving';
/** What a worker asks its primary, and is told once a turn of the primary's event loop is over. */
export const turnMessage = 'sallyport:turn';
/** What a worker asks its primary for; the reply is a `BusReply`. */
export const busMessage = 'sallyport:bus';

export interface BusReply {
  readonly sallyport: 'bus';
  readonly bus: WorkerBus;
}

export function isBusReply(message: unknown): message is BusReply {
  return (message as Partial<BusReply> | null)?.sallyport === 'bus';
}
