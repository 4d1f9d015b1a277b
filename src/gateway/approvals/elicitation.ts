import { isObject, type JsonObject, type RpcResponse } from '../../mcp/messages.js';
import type { Verdict } from './desk.js';
import type { Question } from './question.js';

/** Asks the client, in whichever way its era has. */
export type Elicit = (method: string, params: JsonObject, signal: AbortSignal) => Promise<RpcResponse>;

/** Whether the client asks its user by a form: `elicitation: {}` of 2025-06-18 means that too. */
export function takesForms({ elicitation }: JsonObject): boolean {
  if (!isObject(elicitation)) return false;
  return elicitation['form'] !== undefined || elicitation['url'] === undefined;
}

/** The question as the user of the client is asked it. What a plugin holds back of a result is not for the client: it is not shown. */
export function elicitationOf(question: Question): JsonObject {
  const { what, name, upstream, stage, wants, args, result } = question;
  const head =
    stage === 'call'
      ? `Approve this call before it goes out?`
      : `Approve what a call gave, before the client gets it? The call itself has been made.`;
  const missing = args.left > 0 ? [`ONLY THE BEGINNING IS SHOWN: ${args.left} characters more.`] : [];
  const size = result === undefined ? [] : [`The result has ${result.text.length + result.left} characters.`];
  const message = [
    head,
    `${what}: ${name} (upstream ${upstream})`,
    ...wants.map(({ source, reason }) => `asked by ${source}: ${reason}`),
    ...size,
    ...missing,
    'arguments:',
    args.text,
  ].join('\n');
  return {
    message,
    requestedSchema: {
      type: 'object',
      properties: {
        approve: {
          type: 'boolean',
          title: 'Approve',
          description: 'Whether it may go on. Anything but yes refuses it.',
        },
      },
      required: ['approve'],
    },
  };
}

/** What the response to it comes to; undefined where the client could not ask. Only a yes that was said is one. */
export function answerOf(response: RpcResponse, user: string | null): Verdict | undefined {
  if ('error' in response) return undefined;
  const { action, content } = response.result;
  const who = user ?? 'the user of the client';
  const approved = action === 'accept' && isObject(content) && content['approve'] === true;
  if (approved) return { outcome: 'approved', way: 'elicitation', who };
  const dismissed = action === 'cancel' && { reason: 'the question was dismissed' };
  return { outcome: 'refused', way: 'elicitation', who, ...dismissed };
}
