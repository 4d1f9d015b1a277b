import type { Cancellation } from '../../cancel.js';
import { findSallyError, type SallyError } from '../../errors.js';
import { backoff, pause } from '../../wait.js';
import { isObject, type JsonObject } from '../messages.js';
import { changingLists, listChanged } from '../methods.js';
import type { ClientContext, ClientSession } from './session.js';

/**
 * Listens to the changes of a server of 2026-07-28 (`subscriptions/listen`) until the signal, where it announces
 * any. After a gap every list counts as changed: nobody knows what was missed.
 */
export async function keepSubscription(
  session: ClientSession,
  { pace }: ClientContext,
  signal: Cancellation,
  doubt: (reason: SallyError) => void,
): Promise<void> {
  const announced = changingLists.filter((list) => {
    const capability = session.facts.capabilities[list];
    return isObject(capability) && capability['listChanged'] === true;
  });
  if (announced.length === 0) return;
  const notifications = Object.fromEntries(announced.map((list) => [`${list}ListChanged`, true]));
  const notify = (method: string, params?: JsonObject) => session.listeners.onNotification?.(method, params);
  let attempts = 0;
  let gap = false;
  const onNotification = (method: string, params: JsonObject | undefined) => {
    attempts = 0;
    if (method !== 'notifications/subscriptions/acknowledged') return notify(method, params);
    if (gap) for (const list of announced) notify(listChanged[list]);
  };
  while (!signal.aborted) {
    try {
      const options = { signal, onNotification };
      const response = await session.request('subscriptions/listen', { notifications }, options, {});
      // A server that does not have the method will not have it a second later.
      if ('error' in response) return;
    } catch (thrown) {
      const error = findSallyError(thrown);
      // Proxies cut streams that rest: only one that cannot be opened again says something of the server.
      if (error && !signal.aborted && attempts > 0) doubt(error);
    }
    gap = true;
    attempts += 1;
    await pause(backoff(attempts, pace, Math.random), signal);
  }
}
