import { expect, it } from 'vitest';
import { networksOf } from '../../src/config/index.js';
import { forwarded } from '../../src/http/forwarded.js';

const trusted = networksOf(['10.0.0.0/8', 'fd00::/8']);
const from = (headers: Record<string, string>, peer = '10.0.0.1') => forwarded(headers, peer, trusted);

it.each([
  [{}, '10.0.0.1'],
  [{ 'x-forwarded-for': '192.0.2.7' }, '192.0.2.7'],
  [{ 'x-forwarded-for': '6.6.6.6, 192.0.2.7' }, '192.0.2.7'],
  [{ 'x-forwarded-for': '192.0.2.7, 10.1.1.1, 10.2.2.2' }, '192.0.2.7'],
  [{ 'x-forwarded-for': '10.3.3.3, 10.1.1.1' }, '10.3.3.3'],
  [{ 'x-forwarded-for': '192.0.2.7:4711' }, '192.0.2.7'],
  [{ 'x-forwarded-for': '2001:db8::7' }, '2001:db8::7'],
  [{ 'x-forwarded-for': '[2001:db8::7]:4711' }, '2001:db8::7'],
  [{ 'x-forwarded-for': '::ffff:192.0.2.7' }, '192.0.2.7'],
  [{ 'x-forwarded-for': '192.0.2.7, unknown' }, '10.0.0.1'],
  [{ 'x-forwarded-for': 'nonsense' }, '10.0.0.1'],
  [{ 'x-forwarded-for': `6.6.6.6, ${'10.1.1.1, '.repeat(30)}10.1.1.1` }, '10.1.1.1'],
  [{ forwarded: 'for=192.0.2.7' }, '192.0.2.7'],
  [{ forwarded: 'for=6.6.6.6, For="[2001:db8::7]:4711";proto=https, for=10.1.1.1' }, '2001:db8::7'],
  [{ forwarded: 'for="_hidden"' }, '10.0.0.1'],
  [{ forwarded: 'for=192.0.2.7', 'x-forwarded-for': '192.0.2.7' }, '192.0.2.7'],
  [{ forwarded: 'for=6.6.6.6', 'x-forwarded-for': '192.0.2.7' }, '10.0.0.1'],
])('takes from %j that the client is %s', (headers, remote) => {
  expect(from(headers as unknown as Record<string, string>).remote).toBe(remote);
});

it('takes scheme, host and prefix of the URL that the client asked for', () => {
  const headers = {
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'HTTPS',
    'x-forwarded-host': 'mcp.example:8443',
    'x-forwarded-prefix': '/gw/',
  };
  expect(from(headers)).toEqual({
    remote: '192.0.2.7',
    proto: 'https',
    host: 'mcp.example:8443',
    prefix: '/gw',
  });
  const standard = 'for=192.0.2.7;proto=https;host="mcp.example:8443", for=10.1.1.1;proto=http;host=inner';
  expect(from({ forwarded: standard })).toEqual({
    remote: '192.0.2.7',
    proto: 'https',
    host: 'mcp.example:8443',
  });
  const list = {
    ...headers,
    'x-forwarded-for': '192.0.2.7, 10.1.1.1',
    'x-forwarded-host': 'evil, mcp.example, inner',
  };
  expect(from(list).host).toBe('mcp.example');
});

it('takes nothing that cannot be what it says, and of two kinds only what both say', () => {
  const odd = {
    'x-forwarded-proto': 'javascript',
    'x-forwarded-host': 'a/b@c',
    'x-forwarded-prefix': '/../x',
  };
  expect(from(odd)).toEqual({ remote: '10.0.0.1' });
  for (const prefix of ['x', '//evil.example', '/a?b', '/a\\b', '/%2e', '/'])
    expect(from({ 'x-forwarded-prefix': prefix })).toEqual({ remote: '10.0.0.1' });
  const both = { forwarded: 'for=192.0.2.7;host=evil.example', 'x-forwarded-for': '192.0.2.7' };
  expect(from(both)).toEqual({ remote: '192.0.2.7' });
});
