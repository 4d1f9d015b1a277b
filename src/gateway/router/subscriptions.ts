import { signalOf } from '../../cancel.js';
import { MethodUnknown, ParamsInvalid, TooManySubscriptions } from '../../errors.js';
import { isObject, type JsonObject, metaKeys, type RpcResponse } from '../../mcp/messages.js';
import { type ChangingList, changingLists } from '../../mcp/methods.js';
import { signalWithin, unlessAborted } from '../../wait.js';
import type { Upstream, UpstreamSession } from '../upstream.js';
import { permit } from './access.js';
import type { ClientState, OpenListen, Resource } from './clients.js';
import type { ForClient, Routed } from './context.js';
import { findTargets } from './find.js';
import { listWaitMs } from './list-waits.js';
import type { Target } from './lists.js';
import { errorResponse, notFoundCode } from './responses.js';
import { isResourceNotFound } from './translate.js';

const maxUris = 1_000;
const flags = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
} as const satisfies Record<ChangingList, string>;

/** All URIs of an upstream that a client wants to hear of, in whichever era's way. */
function urisOf(state: ClientState, upstream: Upstream): Set<string> {
  const all = [state.subscriptions, ...[...state.listens].map(({ uris }) => uris)];
  const resources = all.flatMap((some) => [...some.values()]);
  return new Set(resources.filter((one) => one.upstream === upstream).map(({ uri }) => uri));
}

/** Has a modern upstream say what changes of the resources that the client wants to hear of. */
function watch({ state, context }: ForClient, upstream: Upstream, session: UpstreamSession): Promise<void> {
  const onNotification = (method: string, params: JsonObject | undefined) =>
    context.onNotification(state, upstream, method, params);
  return context.sessions.shared(session).watch(state.key, { uris: urisOf(state, upstream), onNotification });
}

async function subscribeAt(
  client: ForClient,
  upstream: Upstream,
  uri: string,
  signal: AbortSignal,
): Promise<RpcResponse> {
  const { state, context, request } = client;
  const session = await context.sessions.of(state, upstream, { signal, identity: request?.identity });
  if (session.era === 'modern') {
    const { resources } = session.capabilities;
    const able = isObject(resources) && resources['subscribe'] === true;
    if (!able) return errorResponse(MethodUnknown({ method: 'resources/subscribe' }));
    await unlessAborted(watch(client, upstream, session), signal);
    return { result: {} };
  }
  const response = await session.request('resources/subscribe', { uri }, { signal, from: request });
  if ('result' in response) context.sessions.shared(session).subscribed(state.key, uri);
  return response;
}

async function unsubscribeAt(
  client: ForClient,
  upstream: Upstream,
  uri: string,
  signal: AbortSignal,
): Promise<RpcResponse> {
  const { state, context, request } = client;
  if (urisOf(state, upstream).has(uri)) return { result: {} };
  const session = await context.sessions.of(state, upstream, { signal, identity: request?.identity });
  if (session.era === 'modern') {
    await unlessAborted(watch(client, upstream, session), signal);
    return { result: {} };
  }
  if (!context.sessions.shared(session).unsubscribed(state.key, uri)) return { result: {} };
  return session.request('resources/unsubscribe', { uri }, { signal, from: request });
}

function resourceAt(target: Target | undefined): Resource | undefined {
  return target && { upstream: target.route.upstream, uri: target.name };
}

/** `resources/subscribe` and `resources/unsubscribe` of a session client. */
export async function changeSubscription(routed: Routed): Promise<RpcResponse> {
  const { request, state, context } = routed;
  const { method, params, observed } = request;
  const signal = signalOf(request.signal);
  const { uri: asked } = params;
  if (typeof asked !== 'string')
    return errorResponse(ParamsInvalid({ method, problem: 'uri must be a text' }));
  const known = state.subscriptions.get(asked);
  const resource = known ?? resourceAt((await findTargets('resources', asked, routed, signal))[0]);
  if (resource === undefined) return errorResponse(ParamsInvalid({ method, problem: 'no upstream has it' }));
  const { upstream, uri } = resource;
  observed?.routed?.(upstream.name, uri);
  if (method === 'resources/unsubscribe') {
    state.subscriptions.delete(asked);
    return unsubscribeAt(routed, upstream, uri, signal);
  }
  if (known === undefined && state.subscriptions.size >= maxUris) {
    return errorResponse(TooManySubscriptions({ limit: maxUris }));
  }
  const route = context.routes.find((one) => one.upstream === upstream);
  if (route) permit('resources', { route, name: uri }, routed, { method, args: undefined });
  // A session that opens renews what is subscribed already: this is not yet.
  await context.sessions.of(state, upstream, { signal, identity: request?.identity });
  state.subscriptions.set(asked, resource);
  const response = await subscribeAt(routed, upstream, uri, signal).catch((error: unknown) =>
    errorResponse(error),
  );
  if ('result' in response) return response;
  state.subscriptions.delete(asked);
  const { error } = response;
  return { error: isResourceNotFound(error) ? { ...error, code: notFoundCode(request.client.era) } : error };
}

/** A session is new, or has taken the place of another: it is told again what the client has asked for. */
export async function restore(
  client: ForClient,
  upstream: Upstream,
  session: UpstreamSession,
  signal: AbortSignal,
): Promise<void> {
  if (session.era === 'modern') return watch(client, upstream, session);
  for (const uri of urisOf(client.state, upstream)) await subscribeAt(client, upstream, uri, signal);
}

/** `subscriptions/listen`: acknowledges what it will notify of, notifies, and resolves once the client ends the request. */
export async function listen(routed: Routed): Promise<RpcResponse> {
  const { request, state, context } = routed;
  const { method, params } = request;
  const signal = signalOf(request.signal);
  const filter = params['notifications'];
  if (!isObject(filter))
    return errorResponse(ParamsInvalid({ method, problem: 'notifications must be an object' }));
  const asked = Array.isArray(filter['resourceSubscriptions']) ? filter['resourceSubscriptions'] : [];
  const wanted = [...new Set(asked.filter((uri: unknown) => typeof uri === 'string'))];
  if (wanted.length > maxUris) return errorResponse(TooManySubscriptions({ limit: maxUris }));
  const uris = new Map<string, Resource>();
  const offers = context.capabilities('modern');
  const lists = changingLists.filter((list) => filter[flags[list]] === true && offers[list] !== undefined);
  // The acknowledgement is the first message of the stream; what was to be said before follows it, once.
  let early: Map<string, () => void> | undefined = new Map();
  const open: OpenListen = {
    lists: new Set(lists),
    uris,
    notify: (name, params) => {
      if (early === undefined) request.notify(name, params);
      else early.set(`${name} ${params?.['uri'] ?? ''}`, () => request.notify(name, params));
    },
  };
  state.listens.add(open);
  state.busy += 1;
  // An upstream that is silent keeps nobody from hearing of the others.
  const limit = signalWithin(listWaitMs, signal);
  try {
    await Promise.all(wanted.map((uri) => honour(uri, uris, routed, limit)));
    const resourceSubscriptions = wanted.filter((uri) => uris.has(uri));
    const honoured = {
      ...Object.fromEntries(lists.map((list) => [flags[list], true])),
      ...(resourceSubscriptions.length > 0 && { resourceSubscriptions }),
    };
    request.notify('notifications/subscriptions/acknowledged', { notifications: honoured });
    const held = early.values();
    early = undefined;
    for (const tell of held) tell();
    await reachAll(routed, signal);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    state.busy -= 1;
    state.listens.delete(open);
    await giveUp(open, routed);
  }
  return { result: { resultType: 'complete', _meta: { [metaKeys.serverInfo]: context.serverInfo } } };
}

/** A URI that no upstream takes is left out of what is acknowledged. */
async function honour(
  asked: string,
  uris: Map<string, Resource>,
  client: Routed,
  signal: AbortSignal,
): Promise<void> {
  try {
    const [target] = await findTargets('resources', asked, client, signal);
    const resource = resourceAt(target);
    if (target === undefined || resource === undefined) return;
    permit('resources', target, client, { method: 'resources/subscribe', args: undefined });
    uris.set(asked, resource);
    const response = await subscribeAt(client, resource.upstream, resource.uri, signal);
    if ('error' in response) uris.delete(asked);
  } catch {
    uris.delete(asked);
  }
}

/** The client's sessions at all upstreams, as far as there are any: whoever wants to hear of all lists needs them. */
export function reachAll(
  { state, context, request }: ForClient,
  signal: AbortSignal,
  routes = context.routes,
) {
  const sessions = routes.map(({ upstream }) =>
    context.sessions.of(state, upstream, { signal, identity: request?.identity }),
  );
  return Promise.allSettled(sessions);
}

/** What nobody else listens for is given up at the upstreams. */
async function giveUp(gone: OpenListen, client: ForClient): Promise<void> {
  const signal = signalWithin(5_000);
  await Promise.allSettled(
    [...gone.uris.values()].map(async ({ upstream, uri }) => {
      if (client.state.sessions.has(upstream)) await unsubscribeAt(client, upstream, uri, signal);
    }),
  );
}
