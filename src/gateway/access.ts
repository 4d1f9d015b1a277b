import { randomUUID } from 'node:crypto';
import type { Logger } from '../log.js';
import type { AccessLog, Call } from '../mcp/endpoint-call.js';
import type { RpcResponse } from '../mcp/messages.js';
import { clientName } from '../mcp/router.js';

/** A client chooses its methods, and the names it asks for: a line does not grow with them. */
const longest = 200;

/** The access log: one line for each request, at its end. Who, what, which plugins, how long; never what was said. */
export function createAccessLog(log: Logger, now: () => number = () => performance.now()): AccessLog {
  const ms = (started: number) => Math.round((now() - started) * 100) / 100;
  return {
    served(call, response, started) {
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
        ...outcomeOf(call, response),
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

function outcomeOf(call: Call, response: RpcResponse): { outcome: string; error?: number } {
  if (call.abandoned !== undefined) return { outcome: call.abandoned };
  if ('error' in response) return { outcome: 'error', error: response.error.code };
  return { outcome: response.result['isError'] === true ? 'tool-error' : 'ok' };
}
