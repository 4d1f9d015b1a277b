import type { Commons } from './commons.js';

/** What a worker tells its primary once it serves. */
export const readyMessage = 'sallyport:serving';
/** What a worker asks its primary, and is told once a turn of the primary's event loop is over. */
export const turnMessage = 'sallyport:turn';
/** What a worker asks its primary for; the answer is a `CommonsAnswer`. */
export const commonsMessage = 'sallyport:commons';

export interface CommonsAnswer {
  readonly sallyport: 'commons';
  readonly commons: Commons;
}

export function isCommonsAnswer(message: unknown): message is CommonsAnswer {
  return (message as Partial<CommonsAnswer> | null)?.sallyport === 'commons';
}
