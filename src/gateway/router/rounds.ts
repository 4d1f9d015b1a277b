import { signalOf } from '../../cancel.js';
import { ParamsInvalid, TooManyRounds } from '../../errors.js';
import { type Answer, isObject, type JsonObject } from '../../mcp/messages.js';
import type { ClientRequest } from '../client.js';
import { errorAnswer } from './answers.js';
import { isInputRequired } from './bridge.js';
import { canAnswer, cannotAnswer, legacyQuestion } from './questions.js';
import { pause } from './waiting.js';

const maxRounds = 10;
const maxQuestions = 50;
/** A state without questions means: come again later. */
const laterMs = 250;

/**
 * A request of a session client at a modern upstream. Where the upstream answers with questions, the client is asked
 * them on the way of its reply, and the request is made again with the answers.
 */
export async function askInRounds(
  request: ClientRequest,
  upstream: string,
  send: (more: JsonObject) => Promise<Answer>,
): Promise<Answer> {
  let more: JsonObject = {};
  for (let round = 0; round < maxRounds; round += 1) {
    const answer = await send(more);
    if (!isInputRequired(answer)) return answer;
    const { inputRequests, requestState } = answer.result;
    const responses = await askAll(request, isObject(inputRequests) ? inputRequests : {});
    if ('error' in responses) return responses;
    if (Object.keys(responses.result).length === 0) await pause(laterMs, signalOf(request.signal));
    more = { inputResponses: responses.result, ...(requestState !== undefined && { requestState }) };
  }
  return errorAnswer(TooManyRounds({ upstream, method: request.method, rounds: maxRounds }));
}

/** All questions at once, as a modern client would be asked them. An error of the client ends the request: a round has no place for it. */
async function askAll(request: ClientRequest, questions: JsonObject): Promise<Answer> {
  const entries = Object.entries(questions);
  if (entries.length > maxQuestions) {
    return errorAnswer(
      ParamsInvalid({ method: request.method, problem: `${entries.length} questions at once` }),
    );
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, signalOf(request.signal)]);
  const asked = entries.map(async ([key, question]) => {
    const answer = await askOne(request, question, signal);
    if ('error' in answer) stop.abort();
    return { key, answer };
  });
  const responses: [string, unknown][] = [];
  let failed: Answer | undefined;
  for (const settled of await Promise.allSettled(asked)) {
    if (settled.status === 'rejected') failed ??= errorAnswer(settled.reason);
    else if ('error' in settled.value.answer) failed = settled.value.answer;
    else responses.push([settled.value.key, settled.value.answer.result]);
  }
  return failed ?? { result: Object.fromEntries(responses) };
}

async function askOne(request: ClientRequest, question: unknown, signal: AbortSignal): Promise<Answer> {
  const method = isObject(question) ? question['method'] : undefined;
  if (!isObject(question) || typeof method !== 'string') return cannotAnswer(String(method));
  if (canAnswer(request.client.capabilities, method) !== true) return cannotAnswer(method);
  return request.ask(method, legacyQuestion(method, question['params']), signal);
}
