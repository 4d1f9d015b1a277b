import { ParamsInvalid, RequestStateInvalid } from '../../errors.js';
import type { Answer } from '../../mcp/messages.js';
import type { ClientRequest } from '../client.js';
import { errorAnswer, refusal } from './answers.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { isOurState } from './held.js';
import type { Operation } from './operations.js';
import { findNamed, findResource, type Target } from './targets.js';
import { Visit } from './visit.js';

/** A request that hooks go around: a round of one that waits, or a new one. */
export async function runOperation(
  op: Operation,
  request: ClientRequest,
  state: ClientState,
  context: Context,
): Promise<Answer> {
  const { method, params } = request;
  if (request.client.era === 'modern' && isOurState(params['requestState'])) {
    const held = context.held.take(request);
    return held === undefined ? errorAnswer(RequestStateInvalid({ method })) : held.resume(request);
  }
  const subject = params[op.key];
  if (typeof subject !== 'string') {
    return errorAnswer(ParamsInvalid({ method, problem: `${op.key} must be a text` }));
  }
  return visitInOrder(op, await targetsOf(op, subject, request, state, context), request, state, context);
}

async function targetsOf(
  op: Operation,
  subject: string,
  { signal }: ClientRequest,
  state: ClientState,
  context: Context,
): Promise<readonly Target[]> {
  if (op.kind === 'resources') return findResource(subject, state, context, signal);
  return [await findNamed(op.kind, subject, state, context, signal)];
}

/** Where nobody knows whose resource it is, one upstream after the other is asked, until one has it. One that could not be asked may have it. */
async function visitInOrder(
  op: Operation,
  targets: readonly Target[],
  request: ClientRequest,
  state: ClientState,
  context: Context,
): Promise<Answer> {
  let answer: Answer | undefined;
  let away: Answer | undefined;
  for (const target of targets) {
    try {
      const visited = await new Visit(op, target, request, state, context).run(request);
      if (!visited.refused || targets.length === 1) return visited.answer;
      answer = visited.answer;
    } catch (error) {
      if (targets.length === 1 || request.signal.aborted) throw error;
      away ??= refusal(error, request.client.era);
    }
  }
  return (
    away ?? answer ?? errorAnswer(ParamsInvalid({ method: request.method, problem: 'nobody can be asked' }))
  );
}
