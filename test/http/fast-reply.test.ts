import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../src/http/index.js';
import { listening, post, say, withFastPath } from '../support/fast-path.js';
import { tcpClient } from '../support/tcp.js';

const large = JSON.stringify('x'.repeat(20_000_000));

/** All that comes until the end of the connection. */
async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

describe('a reply of the fast path', () => {
  it('that is streamed to a slow reader waits for it with one listener, however much is written', async () => {
    const counts: number[] = [];
    const { port } = await withFastPath({
      handle: async ({ socket }, reply) => {
        reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
        reply.write('x'.repeat(20_000_000));
        for (let i = 0; i < 100; i += 1) reply.write(': \n\n');
        counts.push(socket.listenerCount('drain'));
        reply.end();
      },
    });
    const socket = tcpClient({ port, host: 'localhost' });
    socket.write(post('{}'));
    let tail = '';
    socket.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-20);
      if (tail.endsWith('0\r\n\r\n')) socket.destroy();
    });
    await once(socket, 'close');
    expect(counts).toEqual([1]);
  });

  it('that is out is not taken back: the connection is with the next request by then', async () => {
    let first: Reply | undefined;
    const { port } = await withFastPath({
      handle: async (_request, reply) => {
        if (first !== undefined) first.destroy();
        first ??= reply;
        say(reply, '"said"');
      },
    });
    const socket = tcpClient({ port, host: 'localhost' });
    socket.write(post('{}').repeat(2) + post('{}').replace('/mcp HTTP/1.1', '/mcp HTTP/1.0'));
    expect((await received(socket)).split('"said"')).toHaveLength(3);
  });

  it('is sent to its end to a client that says no more, as Node’s server does', async () => {
    const { port } = await withFastPath({
      handle: async (_request, reply) => {
        say(reply, large);
      },
    });
    const alone = await listening(createServer((_request, response) => void response.end(large)));
    const lengths = await Promise.all(
      [port, alone].map(async (at) => {
        const socket = tcpClient({ port: at, host: 'localhost', allowHalfOpen: true });
        socket.write(post('{}'));
        await once(socket, 'readable');
        socket.end();
        const text = await received(socket);
        return text.length - text.indexOf('\r\n\r\n') - 4;
      }),
    );
    expect(lengths[0]).toBe(large.length);
    expect(lengths[1]).toBeGreaterThanOrEqual(large.length);
  });

  it('says for how long the connection may rest, as Node’s server does', async () => {
    const { port } = await withFastPath();
    const socket = tcpClient({ port, host: 'localhost' });
    socket.write(`${post('{}')}GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(await received(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\nKeep-Alive: timeout=75\r\n/);
  });
});
