import { expect, it } from 'vitest';
import { maxDepth, maxKeys } from '../../src/json/index.js';
import { checkPayload } from '../../src/manager/call.js';

/** A payload whose arguments have so many levels. */
function nested(levels: number): object {
  let args: object = {};
  for (let i = 1; i < levels; i += 1) args = i % 2 === 0 ? { a: args } : { a: [args] };
  return { name: 't', args };
}
const wide = (keys: number) => ({
  name: 't',
  args: { a: Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, 1])) },
});

it('a program that calls a hook by itself has the limits of a client', () => {
  const hook = 'tool_pre_invoke';
  expect(checkPayload(hook, nested(30))).toBe(JSON.stringify(nested(30)));
  expect(checkPayload(hook, wide(maxKeys))).toBeDefined();
  const long = { name: 't', args: { list: new Array(maxKeys * 2).fill(1) } };
  expect(checkPayload(hook, long)).toBeDefined();
  for (const [payload, problem] of [
    [nested(70), `it is nested deeper than ${maxDepth} levels`],
    [nested(100_000), /nested deeper|call stack/],
    [wide(maxKeys + 1), `an object in it has more than ${maxKeys} keys`],
  ] as const)
    expect(() => checkPayload(hook, payload)).toThrow(problem);
});
