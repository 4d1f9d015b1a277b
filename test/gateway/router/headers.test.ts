import { describe, expect, it } from 'vitest';
import { extraHeaders } from '../../../src/gateway/router/hooks.js';

describe('headers of a pre-hook', () => {
  it('[M13] are those that plugins added or changed: the client’s own go nowhere', () => {
    const given = { 'x-tenant': 'a', 'user-agent': 'client' };
    expect(extraHeaders(given, { 'x-tenant': 'b', 'user-agent': 'client', 'X-New': '1' })).toEqual({
      headers: { 'x-tenant': 'b', 'x-new': '1' },
      refused: [],
    });
    expect(extraHeaders(given, null)).toEqual({ headers: {}, refused: [] });
    expect(extraHeaders(given, given)).toEqual({ headers: {}, refused: [] });
  });

  it.each([
    'Host',
    'content-length',
    'Connection',
    'transfer-encoding',
    'mcp-session-id',
    'Mcp-Name',
    'accept',
    'proxy-authorization',
  ])('never are %s', (name) => {
    expect(extraHeaders({}, { [name]: 'x' })).toEqual({ headers: {}, refused: [name.toLowerCase()] });
  });

  it('cannot end a header and begin another', () => {
    const { headers, refused } = extraHeaders({}, { 'x-a': 'b\r\nhost: c', 'x b': 'c', 'x-c': 7 });
    expect(headers).toEqual({});
    expect(refused).toEqual(['x-a', 'x b', 'x-c']);
  });
});
