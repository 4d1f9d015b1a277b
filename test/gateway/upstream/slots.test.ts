import { expect, it } from 'vitest';
import { defaultPace } from '../../../src/gateway/upstream/options.js';
import { Slots } from '../../../src/gateway/upstream/session.js';
import { backoff } from '../../../src/wait.js';
import { errorOf } from '../../support/gateway.js';

const never = new AbortController().signal;

it('lets the next in where one leaves, in order', async () => {
  const slots = new Slots('u', 1, 5);
  const order: number[] = [];
  await slots.take('x', never);
  const waiting = [1, 2, 3].map((one) => slots.take('x', never).then(() => order.push(one)));
  for (const one of waiting) {
    slots.give();
    await one;
  }
  expect(order).toEqual([1, 2, 3]);
  expect(slots.tryTake()).toBe(false);
  slots.give();
  expect(slots.tryTake()).toBe(true);
});

it('refuses who finds the queue full, and forgets who gave up', async () => {
  const slots = new Slots('u', 1, 1);
  await slots.take('x', never);
  const own = new AbortController();
  const waits = errorOf(slots.take('x', own.signal));
  expect((await errorOf(slots.take('x', never))).code).toBe('SALLY_UPSTREAM_BUSY');
  own.abort();
  expect((await waits).code).toBe('SALLY_UPSTREAM_CANCELLED');
  const next = slots.take('x', never);
  slots.give();
  await next;
});

it('waits longer each time, up to a limit, and never the same for all', () => {
  const pauses = Array.from({ length: 12 }, (_, at) => backoff(at + 1, defaultPace, () => 1));
  expect(pauses.slice(0, 4)).toEqual([250, 500, 1000, 2000]);
  expect(pauses.at(-1)).toBe(defaultPace.retryMost);
  expect(backoff(1_000_000, defaultPace, () => 0)).toBe(defaultPace.retryMost / 2);
});
