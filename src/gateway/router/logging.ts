import type { Cancellation } from '../../cancel.js';
import type { Logger } from '../../log.js';
import type { JsonObject } from '../../mcp/messages.js';
import { metaKeys, withMeta } from '../../mcp/meta.js';
import type { UpstreamSession } from '../upstream.js';
import { isLevel } from './levels.js';
import type { Share } from './share.js';

/**
 * Has a session's upstream log for this client from `level` on. In the older era a session has one level: the most
 * verbose that any of its clients wants, and each is given its own part.
 */
export async function tellLevel(
  session: UpstreamSession,
  share: Share,
  client: string,
  level: unknown,
  { signal, log }: { readonly signal: Cancellation; readonly log: Logger },
): Promise<void> {
  if (session.era === 'modern' || session.capabilities['logging'] === undefined) return;
  const wanted = share.level(client, level);
  if (wanted === undefined) return;
  share.tell(wanted);
  const answer = await session.request('logging/setLevel', { level: wanted }, { signal });
  if ('error' in answer) log.debug({ error: answer.error }, 'an upstream did not take the log level');
}

/** Params for a modern upstream, with the level from which on it shall log during this request. */
export function withLevel(params: JsonObject, session: UpstreamSession, level: unknown): JsonObject {
  const asks = session.era === 'modern' && isLevel(level) && session.capabilities['logging'] !== undefined;
  return asks ? withMeta(params, metaKeys.logLevel, level) : params;
}
