import { expect, it } from 'vitest';
import { type Position, readEvents } from '../../src/mcp/events.js';

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
  await readEvents(body, position, { bytes: 1_000, tooLarge: () => new Error('too large') }, () => {});
  expect(position.retry).toBe(pause);
});
