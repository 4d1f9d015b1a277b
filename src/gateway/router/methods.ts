import { signalOf } from '../../cancel.js';
import { MethodUnknown, NotOffered, ParamsInvalid } from '../../errors.js';
import { isObject, type JsonObject, type RpcResponse } from '../../mcp/messages.js';
import { signalWithin } from '../../wait.js';
import type { ClientRequest } from '../client.js';
import type { Upstream } from '../upstream.js';
import { isVisible, permit, permitMethod, permitOrAsk } from './access.js';
import { onceApproved } from './approval.js';
import { callWithoutHooks } from './call.js';
import type { Routed } from './context.js';
import { findTargets, findTemplate } from './find.js';
import { operations, RequestHooks, reachOf } from './hooks.js';
import { listWaitMs } from './list-waits.js';
import type { Route } from './lists.js';
import { taskFactsOf } from './notifications.js';
import { withPublicUris } from './public-uris.js';
import { errorResponse } from './responses.js';
import { reachAll } from './subscriptions.js';
import { isLevel } from './translate.js';

/** A method that is not known here goes through as it is where there is one upstream: which else would it be for. */
export async function passOn(routed: Routed): Promise<RpcResponse> {
  const [only, ...others] = routed.context.routes;
  // Nobody can say whether it is about something that a virtual server offers.
  if (only === undefined || others.length > 0 || routed.context.server)
    return errorResponse(MethodUnknown({ method: routed.request.method }));
  permitMethod(routed, only.upstream.name);
  return callWithoutHooks(routed, only.upstream);
}

/** The level goes to every upstream, and to a session that opens later when it opens. */
export async function setLevel({ request, state, context }: Routed): Promise<RpcResponse> {
  const { method, params } = request;
  const signal = signalWithin(listWaitMs, signalOf(request.signal));
  const { level } = params;
  if (!isLevel(level))
    return errorResponse(ParamsInvalid({ method, problem: `level is no log level: ${level}` }));
  // A session that opens from now on gets it as it opens; those of upstreams that are there, before the client has its response.
  const there = context.routes.filter(({ upstream }) => upstream.state.kind === 'up');
  const opened = await reachAll({ state, context }, signal, there);
  state.level = level;
  await Promise.allSettled(
    opened.map(async (one) => {
      if (one.status === 'rejected') return;
      await context.sessions.shared(one.value).setLevel(state.key, level, signal);
    }),
  );
  return { result: {} };
}

/** `completion/complete`: to the upstream of the prompt or template, under its own name there. */
export async function complete(routed: Routed): Promise<RpcResponse> {
  const { request } = routed;
  const { method, params, signal } = request;
  const ref = isObject(params['ref']) ? params['ref'] : {};
  const key = ref['type'] === 'ref/prompt' ? 'name' : 'uri';
  const subject = ref[key];
  if (typeof subject !== 'string')
    return errorResponse(ParamsInvalid({ method, problem: `ref.${key} must be a text` }));
  const template = key === 'uri' ? await findTemplate(subject, routed, signal) : undefined;
  const kind = key === 'uri' ? 'resources' : 'prompts';
  const target = template ?? (await findTargets(kind, subject, routed, signal))[0];
  // A template that is not shown is no resource either.
  const hidden = routed.context.access !== undefined && template === undefined && /[{}]/.test(subject);
  if (target === undefined || (hidden && key === 'uri'))
    throw NotOffered({ what: 'resource', name: subject });
  permit(template ? 'templates' : kind, target, routed, { method, args: undefined });
  const named: JsonObject =
    target.name === subject ? params : { ...params, ref: { ...ref, [key]: target.name } };
  return callWithoutHooks(routed, target.route.upstream, { params: named, target: target.name });
}

/**
 * The tasks of 2025-11-25: a call's result that is fetched later. A task goes where the call went, and its result passes
 * the post-hook of the call, with the contexts that the plugins have of it.
 */
export async function runTask(routed: Routed): Promise<RpcResponse> {
  const { request, state, context } = routed;
  const { method, params } = request;
  const routes = context.routes;
  const [only] = routes;
  if (method === 'tasks/list') {
    if (routes.length !== 1 || only === undefined) return errorResponse(MethodUnknown({ method }));
    return visibleTasks(await passLegacy(routed, only.upstream), only, routed);
  }
  const id = params['taskId'];
  if (typeof id !== 'string')
    return errorResponse(ParamsInvalid({ method, problem: 'taskId must be a text' }));
  const task = state.tasks.get(id);
  const upstream = task?.upstream ?? (routes.length === 1 ? only?.upstream : undefined);
  if (
    upstream === undefined ||
    (task === undefined && (context.access !== undefined || context.server !== undefined))
  )
    return errorResponse(NotOffered({ what: 'task', name: id }));
  const route = routes.find((one) => one.upstream === upstream);
  // Of a call that was let pass, approved where somebody was to be asked: what may be seen now can be less.
  if (task !== undefined && route !== undefined)
    permitOrAsk('tools', { route, name: task.tool }, routed, { method, args: undefined });
  if (method !== 'tasks/result') return passLegacy(routed, upstream);
  const { toolsCall } = operations;
  const hooks = new RequestHooks(context, upstream.name, request, task?.plugins);
  // Of a task that is not known here nobody knows which plugins its result has to pass.
  if (task === undefined && hooks.applies(toolsCall.post)) {
    return errorResponse(NotOffered({ what: 'task', name: id }));
  }
  const response = await passLegacy(routed, upstream);
  if ('error' in response || task === undefined) return response;
  request.observed?.routed?.(upstream.name, task.tool);
  const screened = await hooks.runPost(toolsCall, task.tool, response.result, request);
  if ('error' in screened) return screened;
  const { result, wanted } = screened;
  const hand = async (now: ClientRequest) => ({
    result: routes.length === 1 ? result : await withPublicUris(result, upstream, routed, now.signal),
  });
  if (wanted === undefined) return hand(request);
  const subject = { what: 'tool', name: task.tool, upstream: upstream.name, args: undefined, result };
  return onceApproved(wanted, subject, request, context, hand);
}

/** Of the upstream's tasks those that are of this client's calls, and of tools that it may see; all where nothing says what it may. */
function visibleTasks(response: RpcResponse, route: Route, routed: Routed): RpcResponse {
  const { state, context } = routed;
  if ((context.access === undefined && context.server === undefined) || 'error' in response) return response;
  const { tasks } = response.result;
  const visible = (Array.isArray(tasks) ? tasks : []).filter((one: unknown) => {
    const id = isObject(one) ? one['taskId'] : undefined;
    const task = typeof id === 'string' ? state.tasks.get(id) : undefined;
    return task !== undefined && isVisible('tools', task.tool, route, routed);
  });
  return { result: { ...response.result, tasks: visible } };
}

/** The tasks of the modern era give results in more ways than one: they are not served. */
async function passLegacy(routed: Routed, upstream: Upstream): Promise<RpcResponse> {
  const { request, state, context } = routed;
  const session = await context.sessions.of(state, upstream, request);
  if (session.era !== 'legacy' || request.client.era !== 'legacy') {
    return errorResponse(MethodUnknown({ method: request.method }));
  }
  const guarded = reachOf(context.sets.current.plugins, 'tool_post_invoke', upstream.name) === 'change';
  const response = await callWithoutHooks(routed, upstream, { guarded });
  if (!guarded || 'error' in response || request.method === 'tasks/result') return response;
  return { result: taskFactsOf(request.method, response.result) };
}
