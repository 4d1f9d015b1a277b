import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SallyError } from '../../src/errors.js';
import { ReplyParser } from '../../src/http/reply-parser.js';
import { tcpServer } from '../support/tcp.js';

interface Read {
  readonly status: number;
  readonly body: string;
}

/** What our parser makes of bytes that come in pieces; undefined where it refuses them or waits for more. */
function ours(bytes: Buffer, cuts: readonly number[] = [], limit = 100_000): Read | undefined {
  const parser = new ReplyParser('the server', limit, () => undefined);
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  try {
    for (let i = 1; i < at.length; i += 1) parser.feed(bytes.subarray(at[i - 1], at[i]));
  } catch (error) {
    if (!(error instanceof SallyError)) throw error;
    return undefined;
  }
  if (!parser.end() || parser.head === undefined) return undefined;
  return { status: parser.head.status, body: parser.body.whole().toString('latin1') };
}

let bytes: Buffer = Buffer.alloc(0);
const server = tcpServer((socket) => {
  socket.once('data', () => socket.end(bytes));
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, 'localhost', resolve)));
afterAll(() => void server.close());

/** What Node's own client makes of them. */
async function nodes(reply: Buffer): Promise<Read | undefined> {
  bytes = reply;
  const { port } = server.address() as AddressInfo;
  const asked = request({ port, host: 'localhost', agent: false, method: 'POST' });
  // What comes after a reply that was read is an error to it, later.
  asked.on('error', () => {});
  asked.end();
  try {
    const [response] = await once(asked, 'response');
    let body = '';
    response.setEncoding('latin1');
    for await (const chunk of response) body += chunk;
    return { status: response.statusCode, body };
  } catch {
    return undefined;
  }
}

const head = (status: string, ...lines: string[]) => [`HTTP/1.1 ${status}`, ...lines, '', ''].join('\r\n');
const replies = [
  `${head('200 OK', 'Content-Type: application/json', 'Content-Length: 5')}hello`,
  `${head('200 OK', 'content-type: text/event-stream', 'transfer-encoding: chunked')}5\r\nhello\r\n3\r\n, x\r\n0\r\n\r\n`,
  `${head('404 Not Found', 'Content-Length: 0', 'Keep-Alive: timeout=5')}`,
  `${head('200 OK', 'Connection: close')}until the end`,
  `${head('204 No Content')}`,
  `${head('100 Continue')}${head('200 OK', 'Content-Length: 2')}{}`,
  `${head('200 OK', 'Transfer-Encoding: chunked')}5;a;b=c;d="e f"\r\nhello\r\n0;x\r\nX: y\r\nExpires: 0\r\n\r\n`,
  `${head('200 OK', 'Set-Cookie: a=b', 'Set-Cookie: c=d', 'Transfer-Encoding: Chunked')}00005\r\nhello\r\n000\r\n\r\n`,
];

describe('a reply', () => {
  it.each(replies)('[S9] %j is read as Node reads it, in any pieces', async (text) => {
    const reply = Buffer.from(text, 'latin1');
    const expected = await nodes(reply);
    expect(expected).toBeDefined();
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (cuts) => {
        expect(ours(reply, cuts)).toEqual(expected);
      }),
    );
  });

  it('[S9] that is read at all is read as Node reads it, whatever was done to it', async () => {
    const pieces = fc.constantFrom(
      ...[
        '\r\n',
        '\n',
        '\r',
        ' ',
        '\t',
        ':',
        ';',
        ',',
        '0',
        '1',
        'a',
        '\0',
        'é',
        'chunked',
        'HTTP/1.1',
        '200',
      ],
      ...[
        'Content-Length: 3\r\n',
        'Transfer-Encoding: chunked\r\n',
        'X: y\r\n',
        ' folded\r\n',
        '5;x=y',
        '-1',
        '+5',
        '0x5',
      ],
    );
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.integer({ min: 0, max: 4 }),
      insert: fc.oneof(pieces, fc.constant('')),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...replies),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        async (text, edits, cuts) => {
          let changed = text;
          for (const { at, remove, insert } of edits) {
            const from = at % (changed.length + 1);
            changed = changed.slice(0, from) + insert + changed.slice(from + remove);
          }
          const reply = Buffer.from(changed, 'latin1');
          const read = ours(reply, cuts);
          if (read !== undefined) expect(await nodes(reply)).toEqual(read);
        },
      ),
      { numRuns: 600 },
    );
  });

  it('is read in the same way after another one on its connection, however alike the two are', () => {
    const length = fc.oneof(
      fc.nat({ max: 3 }).map(String),
      fc.constantFrom('', '007', '2 ', '2x', '2, 2', '123456789', '2\r\nContent-Length: 2'),
    );
    const name = fc.constantFrom(
      'Content-Length: ',
      'content-length:',
      'Content-Length:\t',
      'X-Content-Length: ',
    );
    const more = fc.constantFrom(
      '',
      '',
      'X: 1',
      'Transfer-Encoding: chunked',
      'Connection: close',
      'Keep-Alive: timeout=5',
    );
    const status = fc.constantFrom(
      'HTTP/1.1 200 OK',
      'HTTP/1.1 200 OK',
      'HTTP/1.0 200 OK',
      'HTTP/1.1 304 X',
      'HTTP/1.1 204 X',
    );
    const body = fc.constantFrom('', 'ab', 'ab', '0\r\n\r\n');
    // Alike but for the length and the body, as those of a server are; now and then one of another kind.
    const parts = fc.tuple(status, more, name, more);
    const replies = fc
      .tuple(
        parts,
        fc.array(fc.tuple(length, body, fc.option(parts, { freq: 8 })), { minLength: 2, maxLength: 6 }),
      )
      .map(([usual, several]) =>
        several.map(([value, text, other]) => {
          const [first, before, named, after] = other ?? usual;
          const lines = [first, before, named + value, after].filter((line) => line !== '');
          return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`);
        }),
      );
    const readBy = (parser: ReplyParser, bytes: Buffer) => {
      try {
        parser.feed(bytes);
      } catch (error) {
        return { error: (error as SallyError).message };
      }
      const { head, done, excess } = parser;
      const headers = new Map(head?.headers);
      headers.delete('content-length');
      return { head: { ...head, headers }, done, excess, body: parser.body.whole().toString() };
    };
    fc.assert(
      fc.property(replies, (several) => {
        const parser = new ReplyParser('the server', 100, () => undefined);
        for (const bytes of several) {
          const read = readBy(parser, bytes);
          expect(read, bytes.toString()).toEqual(
            readBy(new ReplyParser('the server', 100, () => undefined), bytes),
          );
          if (!read.done) return;
          parser.next();
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('is answered with all its headers, those that came more than once as a list', () => {
    const parser = new ReplyParser('the server', 0, () => undefined);
    const fields = [
      'WWW-Authenticate: Basic',
      'Content-Type: Text/HTML',
      'www-authenticate: Bearer realm="é" ',
    ];
    parser.feed(Buffer.from(head('401 Unauthorized', ...fields, 'Content-Length: 0'), 'latin1'));
    expect(parser.head).toMatchObject({ status: 401, contentType: 'text/html', keepAliveMs: undefined });
    expect(Object.fromEntries(parser.head?.headers ?? [])).toEqual({
      'www-authenticate': 'Basic, Bearer realm="é"',
      'content-type': 'Text/HTML',
      'content-length': '0',
    });
  });

  it.each([
    [['Keep-Alive: timeout=5'], 4_000],
    [['Keep-Alive: timeout=5, max=100'], 4_000],
    [['keep-alive: max=99, TIMEOUT = "5"'], 4_000],
    [['Keep-Alive: timeout=20', 'Keep-Alive: timeout=3'], 2_000],
    [['Keep-Alive: timeout=999999999999'], 30_000],
    [['Keep-Alive: timeout=1'], 0],
    [['Keep-Alive: timeout=0'], 0],
    [['Keep-Alive: timeout=5, max=0'], 0],
    [['Keep-Alive: timeout=-5'], undefined],
    [['Keep-Alive: timeout=soon'], undefined],
    [['Keep-Alive: 5'], undefined],
    [['Keep-Alive: xtimeout=5'], undefined],
    [['Connection: keep-alive'], undefined],
    [['Connection: Close', 'Keep-Alive: timeout=5'], 0],
    [['Connection: keep-alive, CLOSE'], 0],
    [['Connection: x-close-not'], undefined],
  ])('%j lets a connection rest for %s ms', (lines, ms) => {
    const parser = new ReplyParser('the server', 0, () => undefined);
    parser.feed(Buffer.from(head('200 OK', ...lines, 'Content-Length: 0')));
    expect(parser.head).toMatchObject({ keepAliveMs: ms });
  });

  it.each([
    ['two lengths', `${head('200 OK', 'Content-Length: 5', 'Content-Length: 5')}hello`],
    [
      'a length and a coding',
      `${head('200 OK', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    ],
    ['another coding', head('200 OK', 'Transfer-Encoding: gzip, chunked')],
    ['a folded header', head('200 OK', 'X: a', ' b', 'Content-Length: 0')],
    ['a space before the colon', head('200 OK', 'Content-Length : 0')],
    ['a length of text', head('200 OK', 'Content-Length: 0x5')],
    ['a length and a tab', `${head('200 OK', 'Content-Length: 5 \t ')}hello`],
    ['a coding and a tab', `${head('200 OK', 'Transfer-Encoding: chunked\t')}0\r\n\r\n`],
    ['a bare line feed', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['an upgrade', head('101 Switching Protocols')],
    ['two codings', `${head('200 OK', ...Array(2).fill('Transfer-Encoding: chunked'))}0\r\n\r\n`],
    ['two different lengths', `${head('200 OK', 'Content-Length: 5', 'Content-Length: 6')}hello!`],
    ['a list of lengths', `${head('200 OK', 'Content-Length: 5, 5')}hello`],
    ['an extension that is none', `${head('200 OK', 'Transfer-Encoding: chunked')}5;\r\nhello\r\n0\r\n\r\n`],
    [
      'an extension without end',
      `${head('200 OK', 'Transfer-Encoding: chunked')}5;a=${'b'.repeat(2_000)}\r\nhello\r\n0\r\n\r\n`,
    ],
    ['a trailer that is none', `${head('200 OK', 'Transfer-Encoding: chunked')}0\r\nX\r\n\r\n`],
    [
      'a length after the body',
      `${head('200 OK', 'Transfer-Encoding: chunked')}0\r\nContent-Length: 0\r\n\r\n`,
    ],
    [
      'trailers without end',
      `${head('200 OK', 'Transfer-Encoding: chunked')}0\r\n${`X: ${'y'.repeat(1_000)}\r\n`.repeat(20)}\r\n`,
    ],
    ['no HTTP', '\u0015\u0003\u0003 handshake\r\n\r\n'],
    ['a body above the limit', `${head('200 OK', 'Content-Length: 100001')}x`],
    ['a chunk above the limit', `${head('200 OK', 'Transfer-Encoding: chunked')}fffffff\r\nx`],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`],
  ])('[S9] with %s is refused', (_what, text) => {
    expect(ours(Buffer.from(text, 'latin1'))).toBeUndefined();
  });
});
