import { EventEmitter, once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CancelSource } from '../../src/cancel.js';
import { ConnectionRefused } from '../../src/errors.js';
import { openSocketPool } from '../../src/http/index.js';
import { tcpClient, tcpServer } from '../support/tcp.js';

const ok = (body: string, ...lines: string[]) =>
  ['HTTP/1.1 200 OK', ...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
const message = 'POST /mcp HTTP/1.1\r\nContent-Length: 0\r\n\r\n';

const limits = {
  peer: 'the server',
  maxConnections: 64,
  maxReplyBytes: 100_000,
  restMs: 30_000,
  timeoutMs: 30_000,
  retiredMs: 30_000,
};

/** A server that answers as `answer` says, and a pool to it. */
async function open(
  answer: (socket: Socket, nth: number) => void,
  more: Partial<Omit<typeof limits, 'restMs'>> & { restMs?: number | undefined } = {},
) {
  let requests = 0;
  const sockets: Socket[] = [];
  const server = tcpServer((socket) => {
    sockets.push(socket);
    socket.on('data', () => {
      requests += 1;
      answer(socket, requests);
    });
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pool = openSocketPool({
    url: new URL(`http://localhost:${port}/mcp`),
    ...limits,
    ...more,
    connector: ({ hostname }, callback) => {
      const socket = tcpClient({ port, host: hostname });
      const failed = (error: Error) => callback(error, null);
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.off('error', failed);
        callback(null, socket);
      });
    },
  });
  onTestFinished(() => {
    pool.close();
    server.close();
  });
  const post = async (scope = new CancelSource()) => {
    const reply = await pool.send(message, scope);
    return reply.kind === 'whole' ? reply : expect.unreachable('a stream');
  };
  return { pool, sockets, post };
}

describe('a pool of connections', () => {
  it('[G1] uses one connection for one call after another', async () => {
    const { post, sockets } = await open((socket, nth) => socket.write(ok(`${nth}`)));
    expect([(await post()).text, (await post()).text]).toEqual(['1', '2']);
    expect(sockets).toHaveLength(1);
  });

  it('[G1] has no more than it may, and calls wait for a free one', async () => {
    const { post, sockets } = await open((socket, nth) => socket.write(ok(`${nth}`)), { maxConnections: 2 });
    const replies = await Promise.all(Array.from({ length: 9 }, () => post()));
    expect(replies.map(({ text }) => Number(text)).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sockets.length).toBeLessThanOrEqual(2);
  });

  it('[G6] lets go of several connections that have rested too long, and opens one for the call', async () => {
    const waiting: Socket[] = [];
    const inPairs = (socket: Socket, nth: number) => {
      waiting.push(socket);
      if (nth % 2 === 0) for (const one of waiting.splice(0)) one.write(ok('x'));
    };
    const { post, sockets } = await open(inPairs, { restMs: 1 });
    await Promise.all([post(), post()]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await Promise.all([post(), post()])).toHaveLength(2);
    expect(sockets).toHaveLength(4);
  });

  it.each([
    ['says that it closes', ok('x', 'Connection: close')],
    ['speaks HTTP/1.0', ok('x').replace('1.1', '1.0')],
    ['says more than was asked', `${ok('x')}${ok('smuggled')}`],
    ['keeps a connection for a second only', ok('x', 'Keep-Alive: timeout=1')],
  ])('[G1] a server that %s gets the next call on another one', async (_what, reply) => {
    const { post, sockets } = await open((socket) => socket.write(reply));
    expect([(await post()).text, (await post()).text]).toEqual(['x', 'x']);
    expect(sockets).toHaveLength(2);
  });

  it('[G1] bytes that nobody asked for end an idle connection', async () => {
    const { post, sockets } = await open((socket) => socket.write(ok('x')));
    await post();
    const closed = once(sockets[0] as Socket, 'close');
    sockets[0]?.write(ok('smuggled'));
    await closed;
    expect((await post()).text).toBe('x');
  });

  it('[G6] a connection that closes before the reply is an error of that call alone', async () => {
    const { post } = await open((socket, nth) => (nth === 1 ? socket.end() : socket.write(ok('x'))));
    await expect(post()).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
    expect((await post()).text).toBe('x');
  });

  it('[G6] half a reply is none', async () => {
    const { post } = await open((socket) => socket.end(ok('whole').slice(0, -2)));
    await expect(post()).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
  });

  it('[G6] a call that is given up ends its connection, or its place in the queue', async () => {
    const { post, sockets } = await open((socket, nth) => nth > 1 && socket.write(ok('x')), {
      maxConnections: 1,
    });
    const [first, second] = [new CancelSource(), new CancelSource()];
    const calls = [post(first), post(second)].map((call) => call.catch((error: unknown) => error));
    while (sockets.length === 0) await new Promise(setImmediate);
    second.abort('second');
    first.abort('first');
    expect(await Promise.all(calls)).toEqual(['first', 'second']);
    expect((await post()).text).toBe('x');
  });

  it('retires a connection at once where it is idle, else after its reply', async () => {
    let answer = () => {};
    const { pool, post, sockets } = await open((socket, nth) => {
      answer = () => socket.write(ok(`${nth}`));
      if (nth !== 2) answer();
    });
    await post();
    pool.retire();
    await once(sockets[0] as Socket, 'close');
    const busy = post();
    while (sockets.length < 2) await new Promise(setImmediate);
    await once(sockets[1] as Socket, 'data');
    pool.retire();
    answer();
    expect((await busy).text).toBe('2');
    expect((await post()).text).toBe('3');
    expect(sockets).toHaveLength(3);
  });

  it('reaches an IPv6 address, which has brackets in a URL alone', async () => {
    const pool = openSocketPool({
      ...limits,
      url: new URL('http://[::1]:8000/mcp'),
      connector: ({ hostname }, callback) =>
        callback(ConnectionRefused({ peer: hostname, detail: '' }), null),
    });
    await expect(pool.send(message, new CancelSource())).rejects.toMatchObject({ context: { peer: '::1' } });
  });

  it('refuses a reply above its limit', async () => {
    const { post } = await open((socket) => socket.write(ok('x'.repeat(100_001))));
    await expect(post()).rejects.toMatchObject({ code: 'SALLY_WIRE_REPLY_SIZE' });
  });

  it('a reply in the smallest of chunks takes up little more than its bytes', async () => {
    const size = 1_000_000;
    const { post } = await open(
      (socket) =>
        socket.write(
          `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(size)}0\r\n\r\n`,
        ),
      { maxReplyBytes: 2 * size },
    );
    const before = process.memoryUsage().heapUsed;
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, process.memoryUsage().heapUsed - before);
    }, 5);
    onTestFinished(() => clearInterval(look));
    const { text } = await post();
    expect(text).toHaveLength(size);
    expect(most).toBeLessThan(75_000_000);
  });

  it('a server that replies and does not read gets the next call on another connection', async () => {
    const { pool, sockets } = await open((socket) => {
      socket.pause();
      socket.write(ok('x'));
    });
    const long = message + 'x'.repeat(20_000_000);
    const texts = [];
    for (let i = 0; i < 2; i += 1) {
      const reply = await pool.send(long, new CancelSource());
      texts.push(reply.kind === 'whole' && reply.text);
    }
    expect([texts, sockets.length]).toEqual([['x', 'x'], 2]);
  });

  it('[G6] takes no calls once it is closed', async () => {
    const { pool, post } = await open(() => {});
    const waiting = post();
    pool.close();
    await expect(waiting).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
    await expect(post()).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
  });
});

describe('a server that ends connections that rest', () => {
  /** As long as one has to rest before it is looked at. */
  const rest = () => new Promise((resolve) => setTimeout(resolve, 25));
  const big = (bytes: number) => `POST /mcp HTTP/1.1\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`;

  it.each(['reset', 'closed', 'spoken over'])(
    'gets a call on another where this one was %s and nobody has read it',
    async (how) => {
      const { post, sockets } = await open((socket) => socket.write(ok('x')));
      await post();
      await rest();
      const [socket] = sockets as [Socket];
      // In the same turn: what the server did is in the system, and not seen yet.
      if (how === 'reset') socket.resetAndDestroy();
      else if (how === 'closed') socket.destroy();
      else socket.write(ok('smuggled'));
      expect((await post()).text).toBe('x');
      expect(sockets).toHaveLength(2);
    },
  );

  it('gets a request again that it cannot have whole, and no other', async () => {
    let whole = 0;
    const took: Socket[] = [];
    const { pool } = await open((socket) => {
      if (took.length === 0) socket.resetAndDestroy();
      if (took.at(-1) !== socket) took.push(socket);
      else if (took.length === 2)
        socket
          .removeAllListeners('data')
          .on('data', () => {})
          .write(ok(`${++whole}`));
    });
    const reply = await pool.send(big(20_000_000), new CancelSource());
    expect([reply.kind === 'whole' && reply.text, took.length]).toEqual(['1', 2]);
  });

  it('and cuts every request gets one twice', async () => {
    const { pool, sockets } = await open((socket) => socket.resetAndDestroy());
    await expect(pool.send(big(20_000_000), new CancelSource())).rejects.toThrow();
    expect(sockets).toHaveLength(2);
  });

  it('gets no request again that it may have whole', async () => {
    let requests = 0;
    const { post } = await open((socket, nth) => {
      requests = nth;
      socket.resetAndDestroy();
    });
    await expect(post()).rejects.toThrow();
    expect(requests).toBe(1);
  });

  it('gets the call after a loss on a new connection, whatever else rests', async () => {
    const pair: Socket[] = [];
    const { pool, post, sockets } = await open((socket, nth) => {
      if (nth === 3) socket.end();
      else if (nth > 3) socket.write(ok('x'));
      else if (pair.push(socket) === 2) for (const one of pair) one.write(ok('x'));
    });
    await Promise.all([post(), post()]);
    await rest();
    await expect(post()).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
    await pool.send(message, new CancelSource(), true);
    expect(sockets).toHaveLength(3);
  });

  it.each([
    ['nothing of it has the next rest shorter than the last did', [], 3],
    ['how long it keeps them is believed', ['Keep-Alive: timeout=30'], 2],
  ])('and says %s', async (_what, said, count) => {
    const { post, sockets } = await open((socket) => socket.write(ok('x', ...said)), { restMs: 30_000 });
    await post();
    const closed = once(sockets[0] as Socket, 'close');
    sockets[0]?.end();
    await closed;
    await post();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await post();
    expect(sockets).toHaveLength(count);
  });

  it('and says nothing of it has them rest shorter than any keeps them', async () => {
    const { post, sockets } = await open((socket) => socket.write(ok('x')), { restMs: undefined });
    await post();
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    await post();
    expect(sockets).toHaveLength(2);
  });
});

describe('a stream of events', () => {
  const begun = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  const streamOf = async ({ pool }: Awaited<ReturnType<typeof open>>, scope = new CancelSource()) => {
    const reply = await pool.send(message, scope);
    return reply.kind === 'stream' ? reply.stream : expect.unreachable('no stream');
  };

  it('is handed over as it comes', async () => {
    let socket: Socket | undefined;
    const opened = await open((one) => {
      socket = one;
      one.write(begun);
    });
    const stream = await streamOf(opened);
    const texts: string[] = [];
    const heard = new EventEmitter();
    const read = stream.read((text) => {
      texts.push(text);
      heard.emit('text');
    });
    for (const text of ['data: 1\n\n', 'data: é\n\n']) {
      const next = once(heard, 'text');
      socket?.write(chunk(text));
      await next;
    }
    socket?.write('0\r\n\r\n');
    await read;
    expect(texts).toEqual(['data: 1\n\n', 'data: é\n\n']);
  });

  it.each([1, 2, 3, 7])('gives the same text where it comes in pieces of %i bytes', async (size) => {
    const bytes = Buffer.from(`${begun}${chunk('data: ü')}${chunk('ber\n\n')}0\r\n\r\n`);
    const opened = await open(async (socket) => {
      for (let at = 0; at < bytes.length; at += size) {
        socket.write(bytes.subarray(at, at + size));
        await new Promise(setImmediate);
      }
    });
    let all = '';
    await (await streamOf(opened)).read((text) => {
      all += text;
    });
    expect(all).toBe('data: über\n\n');
  });

  it('is not read faster than its reader takes it', async () => {
    const block = 'x'.repeat(65_536);
    let written = 0;
    const opened = await open((socket) => {
      socket.write(begun);
      const more = () => {
        while (written < 1_000) {
          written += 1;
          if (!socket.write(chunk(block))) return socket.once('drain', more);
        }
        return socket.write('0\r\n\r\n');
      };
      more();
    });
    const stream = await streamOf(opened);
    let go = () => {};
    let taken = 0;
    const read = stream.read((text) => {
      taken += text.length;
      if (taken > text.length) return undefined;
      return new Promise<void>((resolve) => {
        go = resolve;
      });
    });
    // What the sockets of both sides hold is far less than the whole.
    let before = -1;
    while (before !== written || taken === 0) {
      before = written;
      for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
    }
    expect(written).toBeLessThan(1_000);
    go();
    await read;
    expect(taken).toBe(1_000 * block.length);
  });

  it('that its reader ends is closed, and the next call has another connection', async () => {
    const opened = await open((socket, nth) =>
      socket.write(nth === 1 ? begun + chunk('data: 1\n\n') : ok('x')),
    );
    const stream = await streamOf(opened);
    const texts: string[] = [];
    await stream.read((text) => {
      texts.push(text);
      stream.destroy();
    });
    expect(texts).toEqual(['data: 1\n\n']);
    await once(opened.sockets[0] as Socket, 'close');
    expect((await opened.post()).text).toBe('x');
    expect(opened.sockets).toHaveLength(2);
  });

  it('that its reader leaves gives its connection back at its end', async () => {
    const opened = await open((socket, nth) =>
      socket.write(nth === 1 ? `${begun}${chunk('data: 1\n\n')}${chunk('data: 2\n\n')}0\r\n\r\n` : ok('x')),
    );
    const stream = await streamOf(opened);
    await stream.read(() => stream.leave());
    expect((await opened.post()).text).toBe('x');
    expect(opened.sockets).toHaveLength(1);
  });

  it('that its reader leaves before its end gives its connection back at that end', async () => {
    const opened = await open((socket, nth) =>
      socket.write(nth === 1 ? `${begun}${chunk('data: 1\n\n')}` : ok('x')),
    );
    const stream = await streamOf(opened);
    const read: string[] = [];
    await stream.read((text) => {
      read.push(text);
      stream.leave();
    });
    opened.sockets[0]?.write(`${chunk('data: 2\n\n')}0\r\n\r\n`);
    // Its end is read meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await opened.post()).text).toBe('x');
    expect(read).toEqual(['data: 1\n\n']);
    expect(opened.sockets).toHaveLength(1);
  });

  it('[G6] that breaks says so after what came', async () => {
    const opened = await open((socket) => socket.end(begun + chunk('data: 1\n\n')));
    const texts: string[] = [];
    const read = (await streamOf(opened)).read((text) => void texts.push(text));
    await expect(read).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
    expect(texts).toEqual(['data: 1\n\n']);
  });

  it('over a connection that is retired ends after a while', async () => {
    const opened = await open((socket) => socket.write(begun + chunk('data: 1\n\n')), { retiredMs: 1 });
    const read = (await streamOf(opened)).read(() => opened.pool.retire());
    await expect(read).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
  });

  it('[G6] ends with its call, or with its reader', async () => {
    const opened = await open((socket) => socket.write(begun + chunk('data: 1\n\n')));
    const scope = new CancelSource();
    const read = (await streamOf(opened, scope)).read(() => scope.abort('given up'));
    await expect(read).rejects.toBe('given up');
    const other = (await streamOf(opened)).read(() => Promise.reject('unreadable'));
    await expect(other).rejects.toBe('unreadable');
    await Promise.all(opened.sockets.map((socket) => socket.closed || once(socket, 'close')));
  });
});
