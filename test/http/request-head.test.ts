import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHeadReader, readPlainHead } from '../../src/http/request-head.js';
import { listening, nodeServer, withFastPath } from '../support/fast-path.js';
import { rawExchange } from '../support/raw-http.js';

const requestLine = 'POST /mcp HTTP/1.1';
const target = { path: '/mcp', also: (path: string) => path === '/servers/a/mcp' };
const read = (...lines: string[]) => readPlainHead([requestLine, ...lines].join('\r\n'), target);
const plain = ['Host: localhost', 'Content-Length: 2'];

describe('the head of a request that makes up the traffic', () => {
  it('is read as Node reads it: names in lower case, values without the space around them', () => {
    expect(
      read('HOST:localhost:4444', 'Content-Length:   2  ', 'X-Id: a: b', 'Connection: Keep-Alive'),
    ).toEqual({
      headers: { host: 'localhost:4444', 'x-id': 'a: b', connection: 'Keep-Alive' },
      contentLength: 2,
      url: '/mcp',
    });
    expect(read(...plain, 'X-Empty:')?.headers['x-empty']).toBe('');
    expect(read('Host: localhost', 'Content-Length: 12345678')?.contentLength).toBe(12_345_678);
  });

  it('has 64 headers at most', () => {
    const more = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: 1`);
    expect(Object.keys(read(...plain, ...more(62))?.headers ?? {})).toHaveLength(63);
    expect(read(...plain, ...more(63))).toBeUndefined();
  });

  it.each([
    ['changes how a body is read', 'Transfer-Encoding: chunked'],
    ['waits for a word before the body', 'Expect: 100-continue'],
    ['asks for another protocol', 'Upgrade: h2c'],
    ['announces headers after the body', 'Trailer: X-Id'],
    ['says that it takes such', 'TE: trailers'],
    ['says that the body is encoded', 'Content-Encoding: gzip'],
    ['is of one connection in a way of its own', 'Proxy-Connection: keep-alive'],
    ['is the name of no property', '__proto__: 1'],
    ['ends the connection', 'Connection: close'],
    ['names others that end here', 'Connection: keep-alive, X-Id'],
    ['stands twice', 'Content-Length: 2'],
    ['stands twice in another case', 'HOST: localhost'],
    ['goes on from the line before', ' folded'],
    ['has a space before its colon', 'X-Id : 1'],
    ['has no colon', 'X-Id'],
    ['has no name', ': 1'],
    ['has a tab', 'X-Id:\t1'],
    ['is not ASCII', 'X-Id: é'],
    ['has a line feed by itself', 'X-Id: 1\nX-Other: 2'],
    ['has a carriage return by itself', 'X-Id: 1\rX-Other: 2'],
    ['has a NUL', 'X-Id: 1\0'],
  ])('leaves to Node a header that %s', (_, line) => {
    expect(read(...plain, line)).toBeUndefined();
    expect(read(line, ...plain)).toBeUndefined();
  });

  it.each([
    ['no Host', ['Content-Length: 2']],
    ['a Host that is none', ['Host: a b', 'Content-Length: 2']],
    ['no length', ['Host: localhost']],
    ['a length that is none', ['Host: localhost', 'Content-Length: 0x2']],
    ['a length with a sign', ['Host: localhost', 'Content-Length: +2']],
    ['an empty length', ['Host: localhost', 'Content-Length:']],
    ['two lengths in one', ['Host: localhost', 'Content-Length: 2, 2']],
    ['a length of nine digits', ['Host: localhost', 'Content-Length: 123456789']],
  ])('leaves to Node a head with %s', (_, lines) => {
    expect(read(...lines)).toBeUndefined();
  });

  it.each([
    ['POST /mcp HTTP/1.0'],
    ['GET /mcp HTTP/1.1'],
    ['POST /mcp?a HTTP/1.1'],
    ['post /mcp HTTP/1.1'],
    ['POST /servers/b/mcp HTTP/1.1'],
    ['POST /servers/a/mcp  HTTP/1.1'],
  ])('leaves the request line %s to Node', (first) => {
    expect(readPlainHead([first, ...plain].join('\r\n'), target)).toBeUndefined();
  });
});

it.each(['Expect: 100-continue', 'TE: trailers', 'Upgrade: h2c'])(
  'a request with %s is Node’s to serve',
  async (line) => {
    const { port, count } = await withFastPath();
    const alone = await listening(nodeServer().http);
    const bytes = [
      requestLine,
      ...plain,
      line,
      '',
      '{}GET /last HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      '',
      '',
    ];
    const [ours, nodes] = await Promise.all([port, alone].map((one) => rawExchange(one, bytes.join('\r\n'))));
    expect(ours?.replaceAll(/Date: .*/g, '')).toBe(nodes?.replaceAll(/Date: .*/g, ''));
    expect(count()).toBe(0);
  },
);

it('the heads of one connection are read as each by itself, however alike they are', () => {
  const length = fc.oneof(
    fc.integer({ min: 0, max: 123_456_789 }).map(String),
    fc.constantFrom('', '007', '1 ', ' 1', '1x', '1\r\nExpect: 100-continue', '1\r\nContent-Length: 1'),
  );
  const name = fc.constantFrom(
    'Content-Length: ',
    'content-length:',
    'Content-Length:\t',
    'X-Content-Length: ',
  );
  const more = fc.constantFrom('', 'X-Id: 1', 'X-Id: 2', 'Transfer-Encoding: chunked', 'Connection: close');
  const head = fc
    .tuple(more, name, length, more)
    .map(([before, named, value, after]) =>
      [requestLine, 'Host: localhost', before, named + value, after]
        .filter((line) => line !== '')
        .join('\r\n'),
    );
  fc.assert(
    fc.property(fc.array(head, { minLength: 2, maxLength: 6 }), (heads) => {
      const readHead = createHeadReader(target);
      for (const text of heads) expect(readHead(text), text).toEqual(readPlainHead(text, target));
    }),
    { numRuns: 2_000 },
  );
});
