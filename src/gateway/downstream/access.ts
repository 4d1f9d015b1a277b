import { randomUUID } from 'node:crypto';
import type { Logger } from '../../log.js';
import type { Answer } from '../../mcp/messages.js';
import type { Identity } from '../client.js';
import type { Call } from './call.js';
import { clientName } from './session.js';

/** The access log: one line for each request, at its end. Who, what, which plugins, how long; never what was said. */
export interface AccessLog {
  /** A JSON-RPC request that was served; `answer` is absent where nobody waited for one. */
  served(call: Call, answer: Answer | undefined, started: number): void;
  /**
   * A request that was refused before anything was done for it, or one without JSON-RPC (GET, DELETE); without a status
   * one that nobody waited for any more.
   */
  other(fields: OtherRequest, started: number): void;
}

interface OtherRequest {
  readonly method: string;
  readonly status?: number;
  readonly identity?: Identity;
  readonly error?: string | number;
}

/** A client chooses its methods, and the names it asks for: a line does not grow with them. */
const longest = 200;

export function createAccessLog(log: Logger, now: () => number): AccessLog {
  const ms = (started: number) => Math.round((now() - started) * 100) / 100;
  return {
    served(call, answer, started) {
      const { user, tenant } = call.client.identity;
      const { upstream, target, plugins } = call.trace;
      const line = {
        request: call.requestId,
        user,
        tenant,
        client: clientName(call.client.info),
        method: bounded(call.method),
        ...(upstream !== undefined && { upstream }),
        ...(target !== undefined && { target: bounded(target) }),
        ...(plugins.length > 0 && { plugins }),
        ...outcomeOf(call, answer),
        ms: ms(started),
      };
      log.info(line, 'request');
    },
    other({ identity, method, ...fields }, started) {
      const who = identity && { user: identity.user, tenant: identity.tenant };
      const { status } = fields;
      const outcome = status === undefined ? 'gone' : status < 400 ? 'ok' : 'refused';
      const request = randomUUID();
      log.info({ request, ...who, method: bounded(method), ...fields, outcome, ms: ms(started) }, 'request');
    },
  };
}

function bounded(text: string): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

function outcomeOf(call: Call, answer: Answer | undefined): { outcome: string; error?: number } {
  if (call.abandoned !== undefined || answer === undefined) return { outcome: call.abandoned ?? 'gone' };
  if ('error' in answer) return { outcome: 'error', error: answer.error.code };
  return { outcome: answer.result['isError'] === true ? 'tool-error' : 'ok' };
}
