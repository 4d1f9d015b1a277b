import { MethodUnknown, NotOffered, ParamsInvalid } from '../../errors.js';
import type { Answer } from '../../mcp/messages.js';
import type { ClientRequest } from '../client.js';
import { errorAnswer } from './answers.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { operations } from './operations.js';
import { pass } from './pass.js';
import { mayApply, mayHoldBack, runPost, Screening } from './screening.js';
import { taskFactsOf } from './task-facts.js';

const call = operations['tools/call'];

/**
 * The tasks of 2025-11-25: a call's result that is fetched later. A task goes where the call went, and its result passes
 * the post-hook of the call, with the contexts that the plugins have of it.
 */
export async function runTask(request: ClientRequest, state: ClientState, context: Context): Promise<Answer> {
  const { method, params } = request;
  const routes = context.routes();
  const [only] = routes;
  if (method === 'tasks/list') {
    if (routes.length !== 1 || only === undefined) return errorAnswer(MethodUnknown({ method }));
    return passLegacy(request, state, context, only.upstream);
  }
  const id = params['taskId'];
  if (typeof id !== 'string') return errorAnswer(ParamsInvalid({ method, problem: 'taskId must be a text' }));
  const task = state.tasks.get(id);
  const upstream = task?.upstream ?? (routes.length === 1 ? only?.upstream : undefined);
  if (upstream === undefined || call === undefined)
    return errorAnswer(NotOffered({ what: 'task', name: id }));
  if (method !== 'tasks/result') return passLegacy(request, state, context, upstream);
  const manager = context.plugins();
  // Of a task that is not known here nobody knows which plugins its result has to pass.
  if (task === undefined && mayApply(manager, call.post, upstream.name)) {
    return errorAnswer(NotOffered({ what: 'task', name: id }));
  }
  const answer = await passLegacy(request, state, context, upstream);
  if ('error' in answer || task === undefined) return answer;
  request.trace.target = task.tool;
  const screening = new Screening(manager, upstream.name, request, task.plugins);
  return runPost(call, task.tool, answer.result, screening, request);
}

/** The tasks of the modern era give results in more ways than one: they are not served. */
async function passLegacy(
  request: ClientRequest,
  state: ClientState,
  context: Context,
  upstream: Parameters<typeof pass>[1],
): Promise<Answer> {
  const session = await context.sessions.of(state, upstream, request.signal);
  if (session.era !== 'legacy' || request.client.era !== 'legacy') {
    return errorAnswer(MethodUnknown({ method: request.method }));
  }
  const guarded = mayHoldBack(context.plugins(), 'tool_post_invoke', upstream.name);
  const answer = await pass(request, upstream, state, context, { guarded });
  if (!guarded || 'error' in answer || request.method === 'tasks/result') return answer;
  return { result: taskFactsOf(request.method, answer.result) };
}
