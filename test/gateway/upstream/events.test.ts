import { expect, it } from 'vitest';
import { type Position, readEvents } from '../../../src/gateway/upstream/http/events.js';
import { limitsOf } from '../../../src/gateway/upstream/options.js';

it.each([
  ['0', 100],
  ['3000', 3_000],
  ['99999999999', 2 ** 31 - 1],
])('a stream that is to be taken up again after %s ms is after %d', async (retry, pause) => {
  const position: Position = {};
  const body = {
    text: async () => '',
    read: async (take: (text: string) => void) => take(`retry: ${retry}\n\n`),
    dump() {},
    destroy() {},
  };
  await readEvents(body, position, { upstream: 'a', limits: limitsOf('http', undefined) }, () => {});
  expect(position.retry).toBe(pause);
});
