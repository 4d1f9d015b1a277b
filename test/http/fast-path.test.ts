import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sendJson } from '../../src/http/index.js';
import { listening, nodeServer, post, say, withFastPath } from '../support/fast-path.js';
import { patience } from '../support/patience.js';
import { tcpClient } from '../support/tcp.js';

/** Sends bytes in pieces and reads all replies: status and body of each, and whether the connection was ended. */
async function exchange(port: number, bytes: Buffer, cuts: readonly number[]) {
  const socket = tcpClient({ port, host: 'localhost', noDelay: true });
  let received = '';
  let ended = false;
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    ended = true;
  });
  await once(socket, 'connect');
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < at.length; i += 1) {
    socket.write(bytes.subarray(at[i - 1], at[i]));
    await new Promise(setImmediate);
  }
  // A request that is not whole swallows the one that would have ended the connection, and gets nothing.
  for (let quiet = 0, before = -1; quiet < 8 && !ended; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    quiet = received.length === before ? quiet + 1 : 0;
    before = received.length;
  }
  socket.destroy();
  const replies = [
    ...received.matchAll(/HTTP\/1\.1 (\d{3})[^\r]*\r\n[\s\S]*?\r\n\r\n([\s\S]*?)(?=HTTP\/1\.1 |$)/g),
  ];
  return replies.map(([, status, body]) => [status, body]);
}

const last = 'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const requests = [
  post('{"a":1}', 'X-Id: 1', 'Content-Type: application/json'),
  post('{"a":1}', 'X-Id: 2', 'Connection: keep-alive'),
  post('not json', 'X-Id: 4'),
  post('{}', 'X-Id: 5').replace('/mcp', '/health'),
  'GET /health HTTP/1.1\r\nHost: localhost\r\nX-Id: 6\r\n\r\n',
  'POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nX-Id: 7\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  post('[]', 'Content-Length: 2'),
  post(`"${'x'.repeat(2_000)}"`, 'X-Id: 8'),
];

describe('the fast path before Node’s HTTP server', () => {
  it('[S9] takes the one request, call after call on a connection', async () => {
    const { port, count } = await withFastPath();
    const bytes = Buffer.from(post('{"a":1}').repeat(5));
    const replies = await exchange(port, bytes, []);
    expect(replies).toEqual(Array.from({ length: 5 }, () => ['200', '["POST","/mcp",null,"{\\"a\\":1}"]']));
    expect(count()).toBe(5);
  });

  it('[S9] whatever comes, in whatever pieces: the replies are those of Node’s server alone', async () => {
    const { port } = await withFastPath();
    const alone = await listening(nodeServer().http);
    const pieces = fc.constantFrom(
      ...[
        '\r\n',
        '\n',
        '\r',
        ' ',
        '\t',
        ':',
        ',',
        '0',
        '1',
        'a',
        '\0',
        'é',
        '{',
        '}',
        'HTTP/1.0',
        'HTTP/1.1',
      ],
      ...[
        'Content-Length: 3\r\n',
        'Transfer-Encoding: chunked\r\n',
        'X-Id: 9\r\n',
        ' folded\r\n',
        'Connection: close\r\n',
      ],
      ...['Host: other\r\n', 'Expect: 100-continue\r\n', 'Upgrade: x\r\n', '+', '-'],
    );
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.integer({ min: 0, max: 3 }),
      insert: fc.oneof(pieces, fc.constant('')),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...requests),
        fc.array(edit, { maxLength: 2 }),
        fc.array(fc.nat(), { maxLength: 3 }),
        async (request, edits, cuts) => {
          let text = request;
          for (const { at, remove, insert } of edits) {
            const from = at % (text.length + 1);
            text = text.slice(0, from) + insert + text.slice(from + remove);
          }
          const bytes = Buffer.from(`${text}${last}`, 'latin1');
          const [ours, nodes] = await Promise.all([
            exchange(port, bytes, cuts),
            exchange(alone, bytes, cuts),
          ]);
          // A request that is refused takes those before it along in Node, where their replies are not out yet.
          const refusals = [ours, nodes].map((replies) =>
            replies.find(([status]) => status?.startsWith('4')),
          );
          expect(refusals[0]).toEqual(refusals[1]);
          const [some = [], more = []] = [ours, nodes]
            .map((replies) => replies.filter(([status]) => !status?.startsWith('4')))
            .sort((a, b) => a.length - b.length);
          expect(more.slice(0, some.length)).toEqual(some);
          if (refusals[0] === undefined) expect(more).toHaveLength(some.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes a larger body where one before it on the connection was answered with success', async () => {
    const large = post(`"${'x'.repeat(1_500)}"`);
    const small = post('{}');
    const taken = async (...all: string[]) => {
      const { port, count } = await withFastPath();
      const replies = await exchange(port, Buffer.from(all.join('') + last), []);
      return [count(), replies.map(([status]) => status)];
    };
    expect(await taken(small, large, small)).toEqual([3, ['200', '200', '200', '200']]);
    expect(await taken(large, small)).toEqual([0, ['200', '200', '200']]);
    expect(await taken(small, post(`"${'x'.repeat(1_950)}"`), small)).toEqual([1, Array(4).fill('200')]);
  });

  it('knows nobody better for a refusal', async () => {
    const { port, count } = await withFastPath({
      handle: async (_request, reply) => sendJson(reply, 401, { error: 'who are you?' }),
    });
    const bytes = Buffer.from(post('{}') + post(`"${'x'.repeat(1_500)}"`) + last);
    expect((await exchange(port, bytes, [])).map(([status]) => status)).toEqual(['401', '200', '200']);
    expect(count()).toBe(0);
  });

  it('[S9] a tab beside a length is Node’s to judge', async () => {
    const { port } = await withFastPath();
    const replies = await exchange(port, Buffer.from(post('{}').replace('Length: 2', 'Length: 2\t')), []);
    expect(replies).toEqual([['400', '']]);
  });

  it('[S9] tells whoever answers that the client has gone', async () => {
    let gone = () => {};
    const aborted = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const { port } = await withFastPath({
      handle: (_request, reply) => {
        reply.once('close', () => reply.writableFinished || gone());
        socket.destroy();
        return new Promise(() => {});
      },
    });
    const socket = tcpClient({ port, host: 'localhost' });
    socket.write(post('{}'));
    await aborted;
  });

  it('[S9] an answer that fails is a 500, and the connection ends', async () => {
    const { port } = await withFastPath({ handle: () => Promise.reject(new TypeError('boom')) });
    const replies = await exchange(port, Buffer.from(post('{}').repeat(2)), []);
    expect(replies).toEqual([['500', '{"error":"internal error"}\n']]);
  });

  it('sends a reply in pieces as they come, and takes the next request on the same connection', async () => {
    const { port } = await withFastPath({
      handle: async (_request, reply) => {
        reply.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Name': 'Zoë' });
        reply.flushHeaders();
        reply.write('data: é\n\n');
        await new Promise(setImmediate);
        reply.write(Buffer.from('data: 2\n\n'));
        reply.end('data: 3\n\n');
      },
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const seen = [];
    for (let i = 0; i < 2; i += 1) {
      const sent = request({ port, method: 'POST', path: '/mcp', agent, headers: { 'Content-Length': 2 } });
      sent.end('{}');
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.setEncoding('utf8');
      const { 'x-name': name, 'transfer-encoding': coding } = response.headers;
      seen.push([sent.reusedSocket, name, coding, (await response.toArray()).join('')]);
    }
    const body = 'data: é\n\ndata: 2\n\ndata: 3\n\n';
    expect(seen).toEqual([
      [false, 'Zoë', 'chunked', body],
      [true, 'Zoë', 'chunked', body],
    ]);
  });

  it('a header that would be two is refused, and nothing of it is sent', async () => {
    const { port } = await withFastPath({
      handle: async (_request, reply) => {
        reply.writeHead(200, { 'X-Id': '1\r\nSet-Cookie: a=b' });
      },
    });
    const replies = await exchange(port, Buffer.from(post('{}')), []);
    expect(replies).toEqual([['500', '{"error":"internal error"}\n']]);
  });

  it('a reply that is not read holds the next request back until it is', async () => {
    const large = JSON.stringify('x'.repeat(20_000_000));
    const { port } = await withFastPath({
      handle: async ({ body }, reply) => {
        say(reply, (body as { json: { a?: number } }).json.a === 1 ? large : '"small"');
      },
    });
    const socket = tcpClient({ port, host: 'localhost' });
    socket.pause();
    socket.write(post('{"a":1}') + post('{"a":2}'));
    await once(socket, 'connect');
    let received = 0;
    let tail = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      tail = (tail + chunk.toString('latin1')).slice(-100);
      if (tail.endsWith('"small"')) socket.destroy();
    });
    socket.resume();
    await once(socket, 'close');
    expect([received > large.length, tail.endsWith('"small"')]).toEqual([true, true]);
  });

  it('answers a thousand requests that come at once, one after the other', async () => {
    const { port } = await withFastPath({
      // Answered within the call: the next request is there already.
      handle: async (_request, reply) => {
        say(reply, '{}');
      },
    });
    const socket = tcpClient({ port, host: 'localhost' });
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      if (received.split('HTTP/1.1 200').length > 1_000) socket.destroy();
    });
    socket.write(post('{}').repeat(1_000));
    await once(socket, 'close');
    expect(received.split('HTTP/1.1 200')).toHaveLength(1_001);
  });

  it('keeps nothing of a reply that had to wait for its reader', async () => {
    const large = JSON.stringify('x'.repeat(20_000_000));
    const listeners: number[] = [];
    const waited: boolean[] = [];
    const { port } = await withFastPath({
      handle: async ({ socket }, reply) => {
        listeners.push(socket.listenerCount('timeout') + socket.listenerCount('drain'));
        client.pause();
        say(reply, large);
        waited.push(!reply.writableFinished);
        client.resume();
      },
    });
    const client = tcpClient({ port, host: 'localhost' });
    let received = 0;
    client.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received < waited.length * large.length) return;
      if (waited.length < 3) client.write(post('{}'));
      else client.destroy();
    });
    client.write(post('{}'));
    await once(client, 'close');
    expect({ waited, listeners }).toEqual({ waited: [true, true, true], listeners: [0, 0, 0] });
  });

  it('[S1] when it is drained, the reply under way is the last, and idle connections end', async () => {
    let answer = (_text: string) => {};
    const begun = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { port, fastPath } = await withFastPath({
      handle: (_request, reply) => {
        asked();
        return new Promise((resolve) => {
          answer = (json) => {
            say(reply, json);
            resolve();
          };
        });
      },
    });
    const idle = tcpClient({ port, host: 'localhost' });
    await once(idle, 'connect');
    idle.resume();
    const busy = tcpClient({ port, host: 'localhost' });
    busy.write(post('{}'));
    await begun;
    const drained = fastPath.drain(5_000);
    await once(idle, 'close');
    answer('"last"');
    let received = '';
    busy.on('data', (chunk) => {
      received += chunk;
    });
    await once(busy, 'close');
    await drained;
    expect(received).toMatch(/Connection: close[\s\S]*"last"$/);
  });

  it('[S1] a connection that comes while it is drained is served once, and one that comes later is closed', async () => {
    let answer = () => {};
    const { port, fastPath } = await withFastPath({
      handle: async ({ body }, reply) => {
        if ((body as { json: { a?: number } }).json.a === 1) {
          await new Promise<void>((resolve) => {
            answer = resolve;
            asked();
          });
        }
        say(reply, '"said"');
      },
    });
    const begun = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const busy = tcpClient({ port, host: 'localhost' });
    busy.write(post('{"a":1}'));
    await begun;
    const drained = fastPath.drain(20_000);
    const idle = tcpClient({ port, host: 'localhost' });
    const late = await exchange(port, Buffer.from(post('{}').repeat(2)), []);
    expect(late).toEqual([['200', '"said"']]);
    answer();
    idle.resume();
    await once(idle, 'close');
    await drained;
    const refused = tcpClient({ port, host: 'localhost' }).resume();
    await once(refused, 'close');
  });

  it('[S1] what it hands over while it is drained is still answered', async () => {
    const { port, fastPath } = await withFastPath();
    const socket = tcpClient({ port, host: 'localhost' });
    const body = 'not json';
    const whole = post(body, 'X-Id: 1');
    socket.write(whole.slice(0, -4));
    await once(socket, 'connect');
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const drained = fastPath.drain(20_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write(whole.slice(-4));
    await Promise.all([once(socket, 'close'), drained]);
    expect(received).toMatch(/Connection: close[\s\S]*not json/);
  });

  it(
    'ends a connection that is over, whatever its client still sends',
    async () => {
      let done = (_socket: Socket) => {};
      const over = new Promise<Socket>((resolve) => {
        done = resolve;
      });
      const { port, fastPath } = await withFastPath({
        handle: async ({ socket }, reply) => {
          reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
          // Until the system takes no more: what comes then waits here.
          for (let quiet = 0; quiet < 20; quiet = socket.writableLength > 0 ? quiet + 1 : 0) {
            if (socket.writableLength === 0) reply.write('x'.repeat(4_000));
            await new Promise(setImmediate);
          }
          fastPath.retire(socket);
          reply.end();
          done(socket);
        },
      });
      const client = tcpClient({ port, host: 'localhost' });
      client.on('error', () => {});
      client.pause();
      client.write(post('{}'));
      const socket = await over;
      const chatter = setInterval(() => client.write('x'), 200);
      onTestFinished(() => clearInterval(chatter));
      await once(socket, 'close');
      client.destroy();
    },
    patience(10_000),
  );
});

let asked = () => {};
