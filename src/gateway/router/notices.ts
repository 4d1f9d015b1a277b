import { isObject, type JsonObject } from '../../mcp/messages.js';
import { metaKeys, metaOf } from '../../mcp/meta.js';
import type { ClientRequest } from '../client.js';
import { isLevel, isWanted, type Level } from './levels.js';

/** From which severity on a client gets log messages during a request; undefined for none. */
export function wantedLevel(
  { client, params }: ClientRequest,
  setLevel: Level | undefined,
): Level | undefined {
  if (client.era === 'legacy') return setLevel ?? 'debug';
  const level = metaOf(params)[metaKeys.logLevel];
  return isLevel(level) ? level : undefined;
}

/**
 * What of a notification about a request reaches the client. Where a post-hook may hold the result back, nothing that an
 * upstream could write the result into goes ahead of it: of progress the numbers, of log messages nothing.
 */
export function noticeFor(
  method: string,
  params: JsonObject | undefined,
  { level, guarded }: { readonly level: Level | undefined; readonly guarded: boolean },
): { readonly params: JsonObject | undefined } | undefined {
  if (method === 'notifications/message') {
    if (guarded || level === undefined || !isWanted(params?.['level'], level)) return undefined;
    return { params };
  }
  if (!guarded) return { params };
  if (method !== 'notifications/progress' || params === undefined) return undefined;
  const { progressToken, progress, total } = params;
  const numbers = Object.entries({ progressToken, progress, total }).filter(
    ([, value]) => value !== undefined,
  );
  return { params: Object.fromEntries(numbers) };
}

/** URIs that a result names: links to resources, and resources within it. */
export function urisIn(result: JsonObject): string[] {
  const messages = Array.isArray(result['messages']) ? result['messages'] : [];
  const blocks = [
    ...(Array.isArray(result['content']) ? result['content'] : []),
    ...messages.map((message: unknown) => (isObject(message) ? message['content'] : undefined)),
  ];
  return blocks.flatMap((block: unknown) => {
    if (!isObject(block)) return [];
    const holder = block['type'] === 'resource_link' ? block : block['resource'];
    const uri = isObject(holder) ? holder['uri'] : undefined;
    return typeof uri === 'string' ? [uri] : [];
  });
}
