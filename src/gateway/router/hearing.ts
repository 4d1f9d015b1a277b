import type { JsonObject } from '../../mcp/messages.js';
import { changedList } from '../../mcp/methods.js';
import type { Upstream, UpstreamSession } from '../upstream.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { isWanted } from './levels.js';
import { mayHoldBack } from './screening.js';
import type { Share } from './share.js';
import { taskFacts } from './task-facts.js';

const postHooks = ['tool_post_invoke', 'prompt_post_fetch', 'resource_post_fetch'] as const;
/** They belong to the hop, or to a request that is not there. */
const hops: ReadonlySet<string> = new Set(['notifications/progress', 'notifications/cancelled']);

/** What an upstream says outside any request, to those whom it is for. */
export function hearUpstream(
  state: ClientState,
  upstream: Upstream,
  method: string,
  params: JsonObject | undefined,
  context: Context,
): void {
  const session = state.sessions.get(upstream);
  const list = changedList(method);
  if (list !== undefined) {
    if (session !== undefined) context.index.forget(session, list);
    context.changes.announce(state, [list]);
  } else if (method === 'notifications/resources/updated') {
    tellUpdated(state, upstream, method, params);
  } else if (method === 'notifications/message') {
    tellMessage(state, upstream, session, params, context);
  } else if (!hops.has(method) && state.client.era === 'legacy') {
    tellOther(state, upstream, method, params, context);
  }
}

function tellUpdated(
  state: ClientState,
  upstream: Upstream,
  method: string,
  params: JsonObject | undefined,
): void {
  const uri = params?.['uri'];
  if (typeof uri !== 'string') return;
  if (state.subscriptions.get(uri) === upstream) state.client.notify(method, params);
  for (const listen of state.listens) {
    if (listen.uris.get(uri) === upstream) listen.notify(method, params);
  }
}

/** Where a post-hook may hold results back, what could tell of one is left out here as it is within a call. */
function tellOther(
  { client }: ClientState,
  { name }: Upstream,
  method: string,
  params: JsonObject | undefined,
  context: Context,
): void {
  if (!postHooks.some((hook) => mayHoldBack(context.plugins(), hook, name))) client.notify(method, params);
  else if (method === 'notifications/tasks/status') client.notify(method, taskFacts(params));
  else if (method === 'notifications/elicitation/complete')
    client.notify(method, { elicitationId: params?.['elicitationId'] });
}

/** A stateless client gets log messages on the way of the request that asked for them, and no others. */
function tellMessage(
  state: ClientState,
  upstream: Upstream,
  session: UpstreamSession | undefined,
  params: JsonObject | undefined,
  context: Context,
): void {
  if (state.client.era === 'modern') return;
  // Nobody can say which call it is about: it must not say what a post-hook of any may hold back.
  if (postHooks.some((hook) => mayHoldBack(context.plugins(), hook, upstream.name))) return;
  const shared: Share | undefined = session && context.share(session);
  const level = state.level ?? (shared?.told === undefined ? 'debug' : 'info');
  if (isWanted(params?.['level'], level)) state.client.notify('notifications/message', params);
}
