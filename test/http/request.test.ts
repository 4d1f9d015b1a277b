import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpstreamProtocol } from '../../src/errors.js';
import { headerLines as linesOf, writeRequest } from '../../src/http/index.js';

const headerLines = (headers: Readonly<Record<string, string>>) =>
  linesOf(headers, (name) => UpstreamProtocol({ upstream: 'web', detail: `invalid header ${name}` }));

const request = { method: 'POST', host: 'localhost', path: '/mcp', lines: '', body: '{}' } as const;

describe('a request', () => {
  it('is written whole, with the length of its body in bytes', () => {
    const lines = headerLines({ accept: 'a/b', authorization: 'Bearer x' });
    expect(writeRequest({ ...request, lines, body: '"é"' })).toBe(
      'POST /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive\r\naccept: a/b\r\n' +
        'authorization: Bearer x\r\ncontent-length: 4\r\n\r\n"é"',
    );
    expect(writeRequest({ ...request, method: 'GET', body: undefined })).not.toContain('content-length');
  });

  it('says a header that is not ASCII in a byte a character, and its body in UTF-8 all the same', () => {
    const bytes = writeRequest({ ...request, lines: headerLines({ 'x-name': 'é' }), body: 'é' });
    expect(Buffer.from(bytes).toString('latin1')).toMatch(
      /\r\nx-name: \xe9\r\ncontent-length: 2\r\n\r\n\xc3\xa9$/,
    );
  });

  it.each([
    ['a line break in a value', { 'x-a': 'b\r\nx-evil: 1' }],
    ['a bare line feed in a value', { 'x-a': 'b\nx-evil: 1' }],
    ['a bare carriage return in a value', { 'x-a': 'b\rx-evil: 1' }],
    ['a zero in a value', { 'x-a': 'b\0' }],
    ['a character of more than a byte in a value', { 'x-a': '\u010d\u010a' }],
    ['a line break in a name', { 'x-a: b\r\nx-evil': '1' }],
    ['a space in a name', { 'x a': '1' }],
    ['no name', { '': '1' }],
    ['a length of its own', { 'Content-Length': '0' }],
    ['a coding', { 'transfer-encoding': 'chunked' }],
    ['another host', { host: 'elsewhere' }],
  ])('with %s is refused', (_what, headers) => {
    expect(() => headerLines(headers)).toThrow(/'web'.*invalid header/s);
  });

  it('has as many lines as it has headers, whatever these are', () => {
    const parts = fc.constantFrom(
      'a',
      'x-b',
      ':',
      ' ',
      '\r',
      '\n',
      '\r\n',
      '\0',
      '\u0085',
      'é',
      '\u2028',
      '\u010a',
    );
    const texts = fc.array(parts, { maxLength: 3 }).map((some) => some.join(''));
    fc.assert(
      fc.property(fc.dictionary(texts, texts), (headers) => {
        let lines = '';
        try {
          lines = headerLines(headers);
        } catch {
          return;
        }
        const names = lines.split(/\r|\n|\r\n/).filter((line) => line !== '');
        expect(names).toHaveLength(Object.keys(headers).length);
      }),
    );
  });
});
