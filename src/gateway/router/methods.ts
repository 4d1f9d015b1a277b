import { signalOf } from '../../cancel.js';
import { MethodUnknown, NotOffered, ParamsInvalid } from '../../errors.js';
import { isObject, type JsonObject, type RpcResponse } from '../../mcp/messages.js';
import { kindNames, kinds } from '../../mcp/methods.js';
import type { Era } from '../../mcp/revisions.js';
import { signalWithin } from '../../wait.js';
import type { ClientRequest } from '../client.js';
import type { Upstream } from '../upstream.js';
import { callWithHooks, callWithoutHooks } from './call.js';
import type { Routed } from './context.js';
import { findTargets, findTemplate } from './find.js';
import { operations, RequestHooks, reachOf } from './hooks.js';
import { listPage } from './list-pages.js';
import { taskFactsOf } from './notifications.js';
import { errorResponse } from './responses.js';
import { changeSubscription, listen, reachAll } from './subscriptions.js';
import { isLevel } from './translate.js';
import { listWaitMs } from './upstream-sessions.js';

type Handler = (routed: Routed) => Promise<RpcResponse>;

const unknown: Handler = async ({ request: { method } }) => errorResponse(MethodUnknown({ method }));

const inBoth = (handler: Handler) => ({ legacy: handler, modern: handler });

/** Who serves a method in which era: one that is there and not of the client's era is unknown to it. */
const methods: Readonly<Record<string, Partial<Readonly<Record<Era, Handler>>>>> = {
  'logging/setLevel': { legacy: setLevel },
  'completion/complete': inBoth(complete),
  'resources/subscribe': { legacy: changeSubscription },
  'resources/unsubscribe': { legacy: changeSubscription },
  'subscriptions/listen': { modern: listen },
  'tasks/get': { legacy: runTask },
  'tasks/result': { legacy: runTask },
  'tasks/cancel': { legacy: runTask },
  'tasks/list': { legacy: runTask },
  'tasks/update': { legacy: passOn },
  ...Object.fromEntries(
    kindNames.map((kind) => [kinds[kind].list, inBoth((routed) => listPage(kind, routed))]),
  ),
  ...Object.fromEntries(
    Object.values(operations).map((op) => [op.method, inBoth((routed) => callWithHooks(op, routed))]),
  ),
};

/** Who serves a method of this client's era. */
export function handlerFor({ method, client }: ClientRequest): Handler {
  const eras = Object.hasOwn(methods, method) ? methods[method] : undefined;
  return eras === undefined ? passOn : (eras[client.era] ?? unknown);
}

/** A method that is not known here goes through as it is where there is one upstream: which else would it be for. */
async function passOn(routed: Routed): Promise<RpcResponse> {
  const [only, ...others] = routed.context.routes;
  if (only === undefined || others.length > 0) return unknown(routed);
  return callWithoutHooks(routed, only.upstream);
}

/** Every upstream is told; a session that opens later is told then. */
async function setLevel({ request, state, context }: Routed): Promise<RpcResponse> {
  const { method, params } = request;
  const signal = signalWithin(listWaitMs, signalOf(request.signal));
  const { level } = params;
  if (!isLevel(level))
    return errorResponse(ParamsInvalid({ method, problem: `level is no log level: ${level}` }));
  const opened = await reachAll({ state, context }, signal);
  // A session that opens from now on is told as it opens; those that stand, before the client has its answer.
  state.level = level;
  await Promise.allSettled(
    opened.map(async (one) => {
      if (one.status === 'rejected') return;
      await context.sessions.shared(one.value).tellLevel(state.key, level, signal);
    }),
  );
  return { result: {} };
}

/** `completion/complete`: to the upstream of the prompt or template, under its own name there. */
async function complete(routed: Routed): Promise<RpcResponse> {
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
  if (target === undefined) throw NotOffered({ what: 'resource', name: subject });
  const named: JsonObject =
    target.name === subject ? params : { ...params, ref: { ...ref, [key]: target.name } };
  return callWithoutHooks(routed, target.route.upstream, { params: named, target: target.name });
}

/**
 * The tasks of 2025-11-25: a call's result that is fetched later. A task goes where the call went, and its result passes
 * the post-hook of the call, with the contexts that the plugins have of it.
 */
async function runTask(routed: Routed): Promise<RpcResponse> {
  const { request, state, context } = routed;
  const { method, params } = request;
  const routes = context.routes;
  const [only] = routes;
  if (method === 'tasks/list') {
    if (routes.length !== 1 || only === undefined) return errorResponse(MethodUnknown({ method }));
    return passLegacy(routed, only.upstream);
  }
  const id = params['taskId'];
  if (typeof id !== 'string')
    return errorResponse(ParamsInvalid({ method, problem: 'taskId must be a text' }));
  const task = state.tasks.get(id);
  const upstream = task?.upstream ?? (routes.length === 1 ? only?.upstream : undefined);
  if (upstream === undefined) return errorResponse(NotOffered({ what: 'task', name: id }));
  if (method !== 'tasks/result') return passLegacy(routed, upstream);
  const { toolsCall } = operations;
  const hooks = new RequestHooks(context.plugins(), upstream.name, request, task?.plugins);
  // Of a task that is not known here nobody knows which plugins its result has to pass.
  if (task === undefined && hooks.applies(toolsCall.post)) {
    return errorResponse(NotOffered({ what: 'task', name: id }));
  }
  const response = await passLegacy(routed, upstream);
  if ('error' in response || task === undefined) return response;
  request.observed?.routed?.(upstream.name, task.tool);
  return hooks.runPost(toolsCall, task.tool, response.result, request);
}

/** The tasks of the modern era give results in more ways than one: they are not served. */
async function passLegacy(routed: Routed, upstream: Upstream): Promise<RpcResponse> {
  const { request, state, context } = routed;
  const session = await context.sessions.of(state, upstream, request.signal);
  if (session.era !== 'legacy' || request.client.era !== 'legacy') {
    return errorResponse(MethodUnknown({ method: request.method }));
  }
  const guarded = reachOf(context.plugins(), 'tool_post_invoke', upstream.name) === 'change';
  const response = await callWithoutHooks(routed, upstream, { guarded });
  if (!guarded || 'error' in response || request.method === 'tasks/result') return response;
  return { result: taskFactsOf(request.method, response.result) };
}
