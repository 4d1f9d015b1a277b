import { randomUUID } from 'node:crypto';
import { type Answer, isObject, type JsonObject } from '../../mcp/messages.js';

/** What a client must be able to do to be asked this. Other methods are between the two ends alone. */
const capabilityFor: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};

/** Whether the client said that it answers this; of a method that is not known nobody can say. */
export function canAnswer(capabilities: JsonObject, method: string): boolean | undefined {
  const capability = capabilityFor[method];
  return capability === undefined ? undefined : capabilities[capability] !== undefined;
}

/** Whether there is anything that the client can be asked. */
export function askable({ capabilities }: { readonly capabilities: JsonObject }): boolean {
  return Object.values(capabilityFor).some((capability) => capabilities[capability] !== undefined);
}

/** The answer to an upstream that asks what the client cannot answer: what the client would have said itself. */
export function cannotAnswer(method: string): Answer {
  return { error: { code: -32601, message: `Method not found: ${method}` } };
}

/** A question of a modern upstream as a session client gets it. 2025-11-25 wants an id for an elicitation by URL, 2026-07-28 has none. */
export function legacyQuestion(method: string, params: unknown): JsonObject | undefined {
  if (!isObject(params)) return undefined;
  const byUrl = method === 'elicitation/create' && params['mode'] === 'url';
  return byUrl && params['elicitationId'] === undefined ? { ...params, elicitationId: randomUUID() } : params;
}

/** A question of a legacy upstream as an entry of `inputRequests`. */
export function modernQuestion(method: string, params: JsonObject | undefined): JsonObject {
  if (params === undefined) return { method };
  // Both belong to the hop: the token to progress, the task to a way of asking that this era has not.
  const { _meta, task, elicitationId, ...rest } = params;
  return {
    method,
    params:
      isObject(_meta) && Object.keys(_meta).some((key) => key !== 'progressToken')
        ? { ...rest, _meta }
        : rest,
  };
}
