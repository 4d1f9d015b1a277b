import { randomBytes } from 'node:crypto';
import { randomId } from '../../mcp/requests.js';

const tagBytes = 6;
const tagged = /^([A-Za-z0-9_-]{8})[A-Za-z0-9_-]{32}$/;

/** What the ids that one worker hands out begin with. A worker that is started anew is another one. */
export const makeTag = (): string => randomBytes(tagBytes).toString('base64url');

export const taggedId = (tag: string): string => tag + randomId();

/**
 * The worker that handed an id out. It is a client's word: there may be no such worker, and it holds nothing but
 * characters of base64url.
 */
export function tagOf(id: unknown): string | undefined {
  return typeof id === 'string' ? tagged.exec(id)?.[1] : undefined;
}
