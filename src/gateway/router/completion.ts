import { signalOf } from '../../cancel.js';
import { NotOffered, ParamsInvalid } from '../../errors.js';
import { type Answer, isObject, type JsonObject } from '../../mcp/messages.js';
import type { ClientRequest } from '../client.js';
import { errorAnswer } from './answers.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { pass } from './pass.js';
import { findNamed, findResource, findTemplate, type Target } from './targets.js';

/** `completion/complete`: to the upstream of the prompt or template, under its own name there. */
export async function complete(
  request: ClientRequest,
  state: ClientState,
  context: Context,
): Promise<Answer> {
  const { method, params } = request;
  const signal = signalOf(request.signal);
  const ref = isObject(params['ref']) ? params['ref'] : {};
  const key = ref['type'] === 'ref/prompt' ? 'name' : 'uri';
  const subject = ref[key];
  if (typeof subject !== 'string')
    return errorAnswer(ParamsInvalid({ method, problem: `ref.${key} must be a text` }));
  const target =
    key === 'name'
      ? await findNamed('prompts', subject, state, context, signal)
      : await templateOrResource(subject, state, context, signal);
  const named: JsonObject =
    target.name === subject ? params : { ...params, ref: { ...ref, [key]: target.name } };
  request.trace.target = target.name;
  return pass(request, target.route.upstream, state, context, { params: named });
}

async function templateOrResource(
  uri: string,
  state: ClientState,
  context: Context,
  signal: AbortSignal,
): Promise<Target> {
  const template = await findTemplate(uri, state, context, signal);
  const target = template ?? (await findResource(uri, state, context, signal))[0];
  if (target === undefined) throw NotOffered({ what: 'resource', name: uri });
  return target;
}
