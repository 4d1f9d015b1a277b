import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Reply } from '../../src/http/index.js';
import { listening, nodeServer, post, say, withFastPath } from '../support/fast-path.js';
import { rawExchange, statuses } from '../support/raw-http.js';
import { tcpClient } from '../support/tcp.js';

/** A connection, with what has come on it so far; it is not closed by its own side. */
async function connection(port: number, bytes = '') {
  const socket = tcpClient({ port, host: 'localhost' });
  const client = { socket, received: '', closed: once(socket, 'close'), ended: false };
  socket.on('data', (chunk: Buffer) => {
    client.received += chunk.toString('latin1');
  });
  socket.on('end', () => {
    client.ended = true;
  });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return client;
}

/** The fast path before a handler that answers when it is told to, and the sockets that are accepted. */
async function held() {
  const replies: Reply[] = [];
  const sockets: Socket[] = [];
  const { port, fastPath } = await withFastPath({
    handle: ({ socket }, reply) => {
      sockets.push(socket);
      replies.push(reply);
      return new Promise(() => {});
    },
  });
  const ask = async (bytes = post('{}')) => {
    const before = replies.length;
    const client = await connection(port, bytes);
    await expect.poll(() => replies.length).toBe(before + 1);
    return { client, reply: replies[before] as Reply, socket: sockets[before] as Socket };
  };
  return { port, fastPath, replies, ask };
}

/** From now on time passes only where `vi.advanceTimersByTime` says so; sockets are as ever. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('a connection of the fast path that is retired', () => {
  it('ends at once where it rests, before its first request and after one', async () => {
    const sockets: Socket[] = [];
    const { port, fastPath } = await withFastPath({
      handle: async ({ socket }, reply) => {
        sockets.push(socket);
        say(reply, '1');
      },
    });
    const client = await connection(port, post('{}'));
    await expect.poll(() => client.received).toMatch(/\r\n\r\n1$/);
    expect(fastPath.isAnswering(sockets[0] as Socket)).toBe(false);
    fastPath.retire(sockets[0] as Socket);
    await client.closed;
    expect(client.received).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n1$/);
  });

  it('gets the reply that is under way, which says that it is the last', async () => {
    const { fastPath, ask } = await held();
    const { client, reply, socket } = await ask();
    expect(fastPath.isAnswering(socket)).toBe(true);
    fastPath.retire(socket);
    say(reply, '1');
    await client.closed;
    expect(client.received).toMatch(/\r\nConnection: close\r\n\r\n1$/);
  });

  it('waits so long for a reply, and less for the end of a stream', async () => {
    stopClock();
    const { fastPath, ask } = await held();
    const silent = await ask();
    const streaming = await ask();
    streaming.reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
    streaming.reply.flushHeaders();
    vi.advanceTimersByTime(3_600_000);
    expect([silent.socket.destroyed, streaming.socket.destroyed]).toEqual([false, false]);
    for (const { socket } of [silent, streaming]) fastPath.retire(socket);
    // Of the reply it is a second here, of the stream two.
    vi.advanceTimersByTime(1_001);
    vi.advanceTimersByTime(1_000);
    expect([silent.socket.destroyed, streaming.socket.destroyed]).toEqual([true, false]);
    vi.advanceTimersByTime(2_000);
    expect(streaming.socket.destroyed).toBe(true);
    await Promise.all([silent.client.closed, streaming.client.closed]);
  });

  it('takes the request that has begun to come, and has no more time for it after that', async () => {
    stopClock();
    const { fastPath, ask } = await held();
    const first = await ask();
    const whole = post('{"a":1}');
    first.client.socket.write(whole.slice(0, -3));
    await expect.poll(() => first.socket.isPaused()).toBe(true);
    say(first.reply, '1');
    await expect.poll(() => first.client.received).toMatch(/\r\n\r\n1$/);
    fastPath.retire(first.socket);
    expect(first.socket.destroyed).toBe(false);
    first.client.socket.write(whole.slice(-3));
    await expect.poll(() => fastPath.isAnswering(first.socket)).toBe(true);
    vi.advanceTimersByTime(3_000);
    expect(first.socket.destroyed).toBe(true);
  });

  it('is retired by Node’s server where that has it', async () => {
    const { fastPath, ask } = await held();
    const { client, reply, socket } = await ask();
    say(reply, '1');
    client.socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await expect.poll(() => statuses(client.received)).toEqual([200, 200]);
    expect([client.ended, fastPath.isAnswering(socket)]).toEqual([false, false]);
    fastPath.retire(socket);
    await client.closed;
  });
});

describe('a connection of the fast path that is slow', () => {
  it('has 8 s to begin, 30 for a body, and rests 75; a reply may take any time', async () => {
    stopClock();
    const { port, ask } = await held();
    const silent = await connection(port);
    const begun = await connection(port, post('{"a":1}').slice(0, -3));
    const served = await ask();
    const rested = await ask();
    say(rested.reply, '1');
    await expect.poll(() => rested.client.received).toMatch(/\r\n\r\n1$/);
    vi.advanceTimersByTime(7_000);
    await new Promise(setImmediate);
    const open = () => [silent, begun, served.client, rested.client].map(({ ended }) => !ended);
    expect(open()).toEqual([true, true, true, true]);
    vi.advanceTimersByTime(3_000);
    await silent.closed;
    expect(silent.received).toBe('');
    expect(open()).toEqual([false, true, true, true]);
    vi.advanceTimersByTime(19_000);
    await new Promise(setImmediate);
    expect(open()).toEqual([false, true, true, true]);
    vi.advanceTimersByTime(3_000);
    await begun.closed;
    expect(begun.received).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    vi.advanceTimersByTime(42_000);
    await new Promise(setImmediate);
    expect(open()).toEqual([false, false, true, true]);
    vi.advanceTimersByTime(3_000);
    await rested.client.closed;
    expect(statuses(rested.client.received)).toEqual([200]);
    vi.advanceTimersByTime(3_600_000);
    say(served.reply, '2');
    await expect.poll(() => served.client.received).toMatch(/\r\n\r\n2$/);
  });
});

describe('a reply of the fast path', () => {
  it('shows its head as soon as it is told to', async () => {
    const { ask } = await held();
    const { client, reply } = await ask();
    reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
    await new Promise(setImmediate);
    expect(client.received).toBe('');
    reply.flushHeaders();
    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
    reply.flushHeaders();
    reply.end('1');
    await expect.poll(() => client.received).toMatch(/\r\n\r\n1\r\n1\r\n0\r\n\r\n$/);
  });

  it('that fails once its head is out is cut off, and not ended as if it were whole', async () => {
    const { port } = await withFastPath({
      handle: async (_request, reply) => {
        reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
        reply.write('data: 1\n\n');
        throw new TypeError('boom');
      },
    });
    const client = await connection(port, post('{}'));
    await client.closed;
    expect(statuses(client.received)).toEqual([200]);
    expect(client.received).not.toContain('0\r\n\r\n');
    expect(client.received).not.toContain('internal error');
  });

  it('goes on with a request that came while the one before was streamed', async () => {
    const { ask, replies } = await held();
    const { client, reply, socket } = await ask();
    reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
    reply.flushHeaders();
    const more = post(`"${'x'.repeat(900)}"`);
    client.socket.write(more);
    client.socket.write(more);
    await expect.poll(() => socket.isPaused()).toBe(true);
    reply.end('1');
    for (const number of [1, 2]) {
      await expect.poll(() => replies.length).toBe(number + 1);
      say(replies[number] as Reply, String(number));
    }
    await expect.poll(() => client.received).toMatch(/\r\n\r\n2$/);
  });
});

it('a head that is too large is Node’s to refuse', async () => {
  const { port } = await withFastPath();
  const alone = await listening(nodeServer().http);
  const large = post('{}', `X-Large: ${'x'.repeat(20_000)}`);
  const [ours, nodes] = await Promise.all([port, alone].map((one) => rawExchange(one, large)));
  expect(statuses(ours ?? '')).toEqual([431]);
  expect(ours?.replace(/Date: .*/, '')).toBe(nodes?.replace(/Date: .*/, ''));
});

it('that is drained without any time ends everything at once', async () => {
  const { port, fastPath, ask } = await held();
  const { client, reply } = await ask();
  const idle = await connection(port);
  const gone = new Promise<void>((resolve) => {
    reply.once('close', resolve);
  });
  await fastPath.drain(0);
  await Promise.all([client.closed, idle.closed, gone]);
  expect([client.received, idle.received]).toEqual(['', '']);
  const late = await connection(port, post('{}'));
  await late.closed;
  expect(late.received).toBe('');
});
