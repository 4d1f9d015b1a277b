import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const from = (file: string) => import(pathToFileURL(resolve(import.meta.dirname, '../realworld', file)).href);
const { difference } = (await from('lib/compare.mjs')) as {
  difference(direct: Look, again: Look, through: Look): string[] | undefined;
};
const { explained } = (await from('known.mjs')) as {
  explained(one: { subject: string; way: string; key: string; differences: string[] }): object[] | undefined;
};

interface Look {
  text: string;
  heard: string[];
}
const look = (result: object, heard: string[] = []): Look => ({
  text: `result ${JSON.stringify(result)}`,
  heard,
});

it('tells all that differs from a direct connection, and what a server said on the way', () => {
  const direct = look({ a: 1, b: [true, 'x'], c: {} }, ['notifications/progress {}']);
  expect(difference(direct, direct, look({ a: 2, b: [true, 'x', null], d: 0 }))).toEqual([
    'on the way: notifications/progress {} became nothing',
    '/a: 1 became 2',
    '/b/2 came in addition: null',
    '/c is missing: {}',
    '/d came in addition: 0',
  ]);
  expect(difference(direct, direct, direct)).toBeUndefined();
});

it('tells of values that are written otherwise, and of none that vary by themselves', () => {
  const direct = look({ a: 1, b: 2 });
  expect(difference(direct, direct, look({ b: 2, a: 1 }))).toEqual([
    expect.stringContaining('the same values, written otherwise'),
  ]);
  expect(difference(direct, look({ a: 7, b: 2 }), look({ a: 9, b: 2 }))).toBeUndefined();
  expect(difference(direct, look({ a: 7, b: 2 }), look({ a: 9, b: 3 }))).toEqual(['/b: 2 became 3']);
});

it('hides no difference behind one that is known', () => {
  const known = '/tools/listChanged: false became true';
  const one = { subject: 'time', way: 'http', key: 'capabilities' };
  expect(explained({ ...one, differences: [known] })).toHaveLength(1);
  expect(explained({ ...one, differences: [known, '/logging is missing: {}'] })).toBeUndefined();
  expect(explained({ ...one, key: 'ping', differences: [known] })).toBeUndefined();
});
