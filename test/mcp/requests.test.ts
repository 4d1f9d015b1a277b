import { expect, it } from 'vitest';
import { randomRequestId, replyKind, strayText } from '../../src/mcp/requests.js';

it.each([
  [{ id: 7, result: {} }, 'reply'],
  [{ id: 7, error: { code: 1, message: 'no' } }, 'reply'],
  [{ id: '7', result: {} }, 'stray'],
  [{ id: 8, result: {} }, 'stray'],
  [{ id: [7], result: {} }, 'stray'],
  [{ result: {} }, 'stray'],
  [{ id: null, result: {} }, 'stray'],
  [{ id: null, error: { code: -32700, message: 'unreadable' } }, 'unread'],
  [{ error: { code: -32700, message: 'unreadable' } }, 'unread'],
  [{ id: 8, error: { code: 1, message: 'no' } }, 'stray'],
  [{ id: 7, method: 'ping' }, 'message'],
  [{ method: 'notifications/message' }, 'message'],
  [[{ id: 7, result: {} }], 'stray'],
  [null, 'stray'],
  ['7', 'stray'],
])('takes %j for a %s to the request 7', (message, kind) => {
  expect(replyKind(message, 7)).toBe(kind);
});

it('says in a few words what came in place of a reply', () => {
  const said = [{ id: '7' }, { id: { a: 1 } }, {}, [{}], 7, { id: 'x'.repeat(1_000_000) }].map(strayText);
  expect(said.slice(0, -1)).toEqual([
    'the id "7"',
    'the id that is an object',
    'no id',
    'a batch',
    'no message',
  ]);
  expect(said.at(-1)?.length).toBeLessThan(80);
});

it('has ids that do not follow from those before, and that every peer can hold', () => {
  const ids = Array.from({ length: 1_000 }, randomRequestId);
  expect(ids.every((id) => Number.isInteger(id) && id > 0 && id < 2 ** 31)).toBe(true);
  const near = ids.filter((id, i) => Math.abs(id - (ids[i - 1] ?? 0)) < 1_000);
  expect(near.length).toBeLessThan(5);
});
