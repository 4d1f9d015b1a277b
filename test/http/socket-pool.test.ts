import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSocketPool } from '../../src/http/index.js';
import { CallScope } from '../../src/plugin/scope.js';

const ok = (body: string, ...lines: string[]) =>
  ['HTTP/1.1 200 OK', ...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
const message = 'POST /mcp HTTP/1.1\r\nContent-Length: 0\r\n\r\n';

/** A server that answers as `answer` says, and a pool to it. */
async function open(answer: (socket: Socket, nth: number) => void, maxConnections = 64) {
  let requests = 0;
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
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
    peer: 'the server',
    maxConnections,
    maxReplyBytes: 100_000,
    restMs: 30_000,
    timeoutMs: 30_000,
    retiredMs: 30_000,
    connector: (_target, callback) => {
      const socket = createConnection({ port, host: 'localhost' });
      socket.once('connect', () => callback(null, socket));
      socket.once('error', (error) => callback(error, null));
    },
  });
  onTestFinished(() => {
    pool.close();
    server.close();
  });
  const post = async (scope = new CallScope()) => {
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
    const { post, sockets } = await open((socket, nth) => socket.write(ok(`${nth}`)), 2);
    const replies = await Promise.all(Array.from({ length: 9 }, () => post()));
    expect(replies.map(({ text }) => Number(text)).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sockets.length).toBeLessThanOrEqual(2);
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
    const { post, sockets } = await open((socket, nth) => nth > 1 && socket.write(ok('x')), 1);
    const [first, second] = [new CallScope(), new CallScope()];
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

  it('[G6] takes no calls once it is closed', async () => {
    const { pool, post } = await open(() => {});
    const waiting = post();
    pool.close();
    await expect(waiting).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
    await expect(post()).rejects.toMatchObject({ code: 'SALLY_CONNECT_LOST' });
  });
});
