import { isObject, type JsonObject } from '../../mcp/messages.js';

const facts = ['taskId', 'status', 'createdAt', 'lastUpdatedAt', 'ttl', 'pollInterval'] as const;

/** Of a task (2025-11-25, tasks) what says how it is, without the words about it: an upstream could write a result there. */
export function taskFacts(task: unknown): JsonObject {
  const given = isObject(task) ? task : {};
  return Object.fromEntries(facts.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])));
}

/** The same of what `tasks/get`, `tasks/cancel` and `tasks/list` answer. */
export function taskFactsOf(method: string, result: JsonObject): JsonObject {
  if (method !== 'tasks/list') return taskFacts(result);
  const { tasks, nextCursor } = result;
  return {
    tasks: Array.isArray(tasks) ? tasks.map(taskFacts) : [],
    ...(nextCursor !== undefined && { nextCursor }),
  };
}
