import { isObject, type JsonObject } from '../../mcp/messages.js';
import { changedList, listChanged } from '../../mcp/methods.js';
import type { Upstream } from '../upstream.js';
import { isVisible } from './access.js';
import type { ClientState, Resource } from './clients.js';
import type { Context } from './context.js';
import { reachOf } from './hooks.js';
import { qualifiedUri } from './lists.js';
import { isWanted, type Level } from './translate.js';

const postHooks = ['tool_post_invoke', 'prompt_post_fetch', 'resource_post_fetch'] as const;
/** Not passed on here: handled elsewhere, or about a request, which a message outside any request cannot be. */
const special: ReadonlySet<string> = new Set([
  'notifications/progress',
  'notifications/cancelled',
  'notifications/resources/updated',
  ...Object.values(listChanged),
]);

/**
 * What an upstream says outside any request, to those whom it is for. Where a post-hook may hold results back, what
 * could tell of one is left out here as it is within a call.
 */
export function onUpstreamNotification(
  state: ClientState,
  upstream: Upstream,
  method: string,
  params: JsonObject | undefined,
  context: Context,
): void {
  const { client } = state;
  const session = state.sessions.get(upstream);
  const shared = session && context.sessions.shared(session);
  const list = changedList(method);
  if (list !== undefined) {
    context.kept.changed(upstream, context.sessions.key(state, upstream), list);
    if (context.server?.offers(list) !== false) state.announce([list]);
  } else if (method === 'notifications/resources/updated')
    notifyUpdated(state, upstream, method, params, context);
  // A stateless client gets log messages on the way of the request that asked for them, and nothing else.
  if (special.has(method) || client.era === 'modern') return;
  // Nobody can say which call it is about: it must not say what a post-hook of any may hold back.
  const guarded = postHooks.some(
    (hook) => reachOf(context.sets.current.plugins, hook, upstream.name) === 'change',
  );
  if (method === 'notifications/message') {
    const level = state.level ?? (shared?.level === undefined ? 'debug' : 'info');
    if (!guarded && isWanted(params?.['level'], level)) client.notify(method, params);
  } else if (!guarded) client.notify(method, params);
  else if (method === 'notifications/tasks/status') client.notify(method, taskFacts(params));
  else if (method === 'notifications/elicitation/complete')
    client.notify(method, { elicitationId: params?.['elicitationId'] });
}

function notifyUpdated(
  state: ClientState,
  upstream: Upstream,
  method: string,
  params: JsonObject | undefined,
  context: Context,
): void {
  const uri = params?.['uri'];
  if (typeof uri !== 'string') return;
  if (context.access !== undefined) {
    const route = context.routes.find((one) => one.upstream === upstream);
    if (route && !isVisible('resources', uri, route, { state, context })) return;
  }
  // By both the client may know it: by the plain one, and by that which says whose it is.
  for (const known of [uri, qualifiedUri(upstream.name, uri)]) {
    const about = known === uri ? params : { ...params, uri: known };
    const isIt = (one: Resource | undefined) => one?.upstream === upstream && one.uri === uri;
    if (isIt(state.subscriptions.get(known))) state.client.notify(method, about);
    for (const listen of state.listens) {
      if (isIt(listen.uris.get(known))) listen.notify(method, about);
    }
  }
}

/**
 * What of a notification about a request reaches the client. Where a post-hook may hold the result back (`guarded`),
 * nothing that an upstream could write the result into goes ahead of it: of progress the numbers, of log messages
 * nothing.
 */
export function notificationOf(
  method: string,
  params: JsonObject | undefined,
  level: Level | undefined,
  guarded: boolean,
): { readonly params: JsonObject | undefined } | undefined {
  if (method === 'notifications/message') {
    if (guarded || level === undefined || !isWanted(params?.['level'], level)) return undefined;
    return { params };
  }
  if (!guarded) return { params };
  if (method !== 'notifications/progress' || params === undefined) return undefined;
  return { params: only(params, ['progressToken', 'progress', 'total']) };
}

/** Of a task (2025-11-25, tasks) what says how it is, without the words about it: an upstream could write a result there. */
export function taskFacts(task: unknown): JsonObject {
  const facts = ['taskId', 'status', 'createdAt', 'lastUpdatedAt', 'ttl', 'pollInterval'];
  return only(isObject(task) ? task : {}, facts);
}

/** The task that an upstream made of a call, where that is all of the result (2025-11-25, tasks). */
export function taskIdOf({ task, content, structuredContent }: JsonObject): string | undefined {
  const id = isObject(task) ? task['taskId'] : undefined;
  return typeof id === 'string' && content === undefined && structuredContent === undefined ? id : undefined;
}

/** The same of the results of `tasks/get`, `tasks/cancel` and `tasks/list`. */
export function taskFactsOf(method: string, result: JsonObject): JsonObject {
  if (method !== 'tasks/list') return taskFacts(result);
  const { tasks } = result;
  return { tasks: Array.isArray(tasks) ? tasks.map(taskFacts) : [], ...only(result, ['nextCursor']) };
}

function only(from: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])));
}

/** URIs that a result names: links to resources, resources within it, and what was read. */
export function urisIn(result: JsonObject): string[] {
  const messages = Array.isArray(result['messages']) ? result['messages'] : [];
  const blocks = [
    ...(Array.isArray(result['content']) ? result['content'] : []),
    ...messages.map((message: unknown) => (isObject(message) ? message['content'] : undefined)),
  ];
  const holders = blocks.map((block: unknown) => {
    if (!isObject(block)) return undefined;
    return block['type'] === 'resource_link' ? block : block['resource'];
  });
  const read = Array.isArray(result['contents']) ? result['contents'] : [];
  return [...holders, ...read].flatMap((holder: unknown) => {
    const uri = isObject(holder) ? holder['uri'] : undefined;
    return typeof uri === 'string' ? [uri] : [];
  });
}
