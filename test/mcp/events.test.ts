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

it('lines that end in CR are the same however the stream is cut', async () => {
  const text = 'data: a\rid: 1\r\rdata: b\r\n\r\ndata: c\n\n';
  for (let at = 1; at < text.length; at += 1) {
    for (let next = at; next < text.length; next += 1) {
      const data: string[] = [];
      const source = {
        async read(take: (piece: string) => void) {
          for (const piece of [text.slice(0, at), text.slice(at, next), text.slice(next)]) take(piece);
        },
        destroy() {},
      };
      const limit = { bytes: 1_000, tooLarge: () => new RangeError('no') };
      await readEvents(source, {}, limit, (one) => data.push(one));
      expect(data).toEqual(['a', 'b', 'c']);
    }
  }
});
