import { findSallyError, type SallyError } from '../../errors.js';
import { isObject, type JsonObject } from '../../mcp/messages.js';
import { backoff, pause } from '../../wait.js';
import type { Link } from './link.js';
import type { UpstreamContext } from './options.js';

/** The lists of a server: capability → what is listened to, and what is heard. */
const lists = {
  tools: ['toolsListChanged', 'notifications/tools/list_changed'],
  prompts: ['promptsListChanged', 'notifications/prompts/list_changed'],
  resources: ['resourcesListChanged', 'notifications/resources/list_changed'],
} as const;

/**
 * Listens to the changes of an upstream of 2026-07-28 (`subscriptions/listen`) until the signal, where it announces
 * any. After a gap every list counts as changed: nobody knows what was missed.
 */
export async function holdSubscription(
  link: Link,
  context: UpstreamContext,
  signal: AbortSignal,
  doubt: (reason: SallyError) => void,
): Promise<void> {
  const announced = Object.entries(lists).filter(([name]) => {
    const capability = link.facts.capabilities[name];
    return isObject(capability) && capability['listChanged'] === true;
  });
  if (announced.length === 0) return;
  const notifications = Object.fromEntries(announced.map(([, [filter]]) => [filter, true]));
  const tell = (method: string, params?: JsonObject) => link.listeners.onNotification?.(method, params);
  let attempts = 0;
  let gap = false;
  const onNotification = (method: string, params: JsonObject | undefined) => {
    attempts = 0;
    if (method !== 'notifications/subscriptions/acknowledged') return tell(method, params);
    if (gap) for (const [, [, changed]] of announced) tell(changed);
  };
  while (!signal.aborted) {
    try {
      const answer = await link.request(
        'subscriptions/listen',
        { notifications },
        { signal, onNotification },
        {},
      );
      // A server that does not have the method will not have it a second later.
      if ('error' in answer) return;
    } catch (thrown) {
      const error = findSallyError(thrown);
      // Proxies cut streams that rest: only one that cannot be opened again says something of the server.
      if (error && !signal.aborted && attempts > 0) doubt(error);
    }
    gap = true;
    attempts += 1;
    await pause(backoff(attempts, context.pace, context.random), signal);
  }
}
