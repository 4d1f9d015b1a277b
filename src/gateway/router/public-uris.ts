import type { Cancellation } from '../../cancel.js';
import { isObject, type JsonObject, type RpcError } from '../../mcp/messages.js';
import type { Upstream } from '../upstream.js';
import { isVisible } from './access.js';
import type { ForClient } from './context.js';
import { qualifiedUri, saysWhose } from './lists.js';
import { urisIn } from './notifications.js';
import { namesAt } from './read-lists.js';

/**
 * A result with its URIs as clients can read them again: one that another upstream lists too says whose it is, and so does
 * each of a result that was asked for by such a URI (`qualified`). The others stay as they are, and are remembered: where
 * nobody lists them, they are those of the upstream that named them.
 */
export async function withPublicUris(
  result: JsonObject,
  upstream: Upstream,
  client: ForClient,
  signal: Cancellation,
  qualified = false,
): Promise<JsonObject> {
  const uris = new Set(urisIn(result));
  if (uris.size === 0) return result;
  const others = qualified ? [] : await namesOfOthers(upstream, client, signal);
  const renamed = new Map<string, string>();
  for (const uri of uris) {
    if (qualified || saysWhose(uri) || others.some((names) => names.has(uri)))
      renamed.set(uri, qualifiedUri(upstream.name, uri));
    else client.state.seen.set(uri, upstream);
  }
  return renamed.size === 0 ? result : renameUris(result, renamed);
}

/** The URIs that the other upstreams list which are there. One that does not say in time is taken to have none. */
async function namesOfOthers(
  upstream: Upstream,
  client: ForClient,
  signal: Cancellation,
): Promise<readonly ReadonlySet<string>[]> {
  const others = client.context.routes.filter(
    ({ upstream: { name, state, facts } }) =>
      name !== upstream.name && state.kind === 'up' && facts?.capabilities['resources'] !== undefined,
  );
  const none: ReadonlySet<string> = new Set();
  return Promise.all(
    others.map(async (route) => {
      const names = await namesAt(
        route.upstream,
        'resources',
        client,
        signal,
        Number.POSITIVE_INFINITY,
      ).catch(() => none);
      if (client.context.access === undefined) return names;
      return new Set([...names].filter((name) => isVisible('resources', name, route, client)));
    }),
  );
}

/** A result with these URIs in place of those that it names: in links to resources, in resources within it, and in what was read. */
function renameUris(result: JsonObject, renamed: ReadonlyMap<string, string>): JsonObject {
  const holder = (value: unknown): unknown => {
    const uri = isObject(value) ? renamed.get(String(value['uri'])) : undefined;
    return uri === undefined ? value : { ...(value as JsonObject), uri };
  };
  const block = (value: unknown): unknown => {
    if (!isObject(value)) return value;
    if (value['type'] === 'resource_link') return holder(value);
    return isObject(value['resource']) ? { ...value, resource: holder(value['resource']) } : value;
  };
  const message = (value: unknown): unknown =>
    isObject(value) ? { ...value, content: block(value['content']) } : value;
  const named: JsonObject = { ...result };
  const each = { content: block, messages: message, contents: holder } as const;
  for (const [key, rename] of Object.entries(each)) {
    const values = result[key];
    if (Array.isArray(values)) named[key] = values.map(rename);
  }
  return named;
}

/** An error about a URI of the upstream, as one about the URI that the client has asked for. */
export function errorAbout(
  response: { readonly error: RpcError },
  uri: string,
  asked: unknown,
): { readonly error: RpcError } {
  const { error } = response;
  if (!isObject(error.data) || error.data['uri'] !== uri) return response;
  return { error: { ...error, data: { ...error.data, uri: asked } } };
}
