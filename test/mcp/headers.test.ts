import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MirroredHeaders } from '../../src/mcp/headers.js';

const string = (header: string) => ({ type: 'string', 'x-mcp-header': header });

/** What a server makes of a header's value. */
const decoded = (value: string | undefined) => {
  const coded = value?.match(/^=\?base64\?(.*)\?=$/)?.[1];
  return coded === undefined ? value : Buffer.from(coded, 'base64').toString('utf8');
};

it('repeats the method and its target', () => {
  const mirror = new MirroredHeaders();
  expect(mirror.of('tools/list', {})).toEqual({ 'mcp-method': 'tools/list' });
  expect(mirror.of('tools/call', { name: 'a b' })).toMatchObject({ 'mcp-name': 'a b' });
  expect(mirror.of('prompts/get', { name: 'p' })).toMatchObject({ 'mcp-name': 'p' });
  expect(mirror.of('resources/read', { uri: 'x://y' })).toMatchObject({ 'mcp-name': 'x://y' });
});

it('brings any text over as a header that HTTP allows', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const value = new MirroredHeaders().of('tools/call', { name })['mcp-name'];
      expect(value).toMatch(/^[\t\x20-\x7e]+$/);
      expect(decoded(value)).toBe(Buffer.from(name, 'utf8').toString('utf8'));
    }),
  );
});

it('[M3] repeats the arguments that a listed tool marks, at any depth of properties', () => {
  const mirror = new MirroredHeaders();
  const nested = { type: 'object', properties: { zone: string('Zone') } };
  const properties = { region: string('Region'), nested, count: { type: 'integer', 'x-mcp-header': 'N' } };
  mirror.learn({ tools: [{ name: 't', inputSchema: { type: 'object', properties } }] });
  const params = { name: 't', arguments: { region: 'eu', nested: { zone: 'ü' }, count: 3, other: 1 } };
  expect(mirror.of('tools/call', params)).toEqual({
    'mcp-method': 'tools/call',
    'mcp-name': 't',
    'mcp-param-region': 'eu',
    'mcp-param-zone': '=?base64?w7w=?=',
    'mcp-param-n': '3',
  });
  const missing = { name: 't', arguments: { region: null, nested: 'no object' } };
  expect(mirror.of('tools/call', missing)).toEqual({ 'mcp-method': 'tools/call', 'mcp-name': 't' });
});

it('forgets a tool that marks nothing any more, and heeds no name that is not a token', () => {
  const mirror = new MirroredHeaders();
  const list = (header: string) => ({
    tools: [{ name: 't', inputSchema: { properties: { a: string(header) } } }],
  });
  mirror.learn(list('A'));
  mirror.learn(list('A\r\nX-Evil: 1'));
  expect(mirror.of('tools/call', { name: 't', arguments: { a: 'x' } })).not.toHaveProperty('mcp-param-a');
});
