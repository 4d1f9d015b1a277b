import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { cert } from '../../support/certs.js';
import { everything, startGateway } from '../../support/gateway-run.js';
import { startPluginServer } from '../../support/plugin-server.js';
import { tcpClient } from '../../support/tcp.js';

const programs = {
  'the plugin server': () => startPluginServer({ tls: null }),
  'the plugin server, with TLS': () => startPluginServer(),
  'the gateway': () => startGateway({ gateway: { upstreams: { one: everything } } }),
};

const body = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});
const head = (...lines: string[]) =>
  [
    'POST /mcp HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${body.length}`,
    ...lines,
    '\r\n',
  ].join('\r\n');
const whole = head() + body;

/** A connection, and all that is read of it. */
async function open({ url, port }: { url: string; port: number }, raw?: Socket) {
  const secure = url.startsWith('https:') && {
    cert: await readFile(cert('client.crt')),
    key: await readFile(cert('client.key')),
    ca: await readFile(cert('ca.crt')),
  };
  const socket: Socket = secure
    ? connect({
        ...(raw ? { socket: raw } : { port, host: 'localhost' }),
        servername: 'localhost',
        ...secure,
      })
    : tcpClient({ port, host: 'localhost' });
  await once(socket, secure ? 'secureConnect' : 'connect');
  let received = '';
  const errors: string[] = [];
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return {
    socket,
    session: () => /^mcp-session-id: (\S+)\r$/im.exec(received)?.[1] ?? '',
    /** Its last reply, once the connection is closed. */
    async last() {
      await closed;
      const reply = received.slice(Math.max(received.lastIndexOf('HTTP/1.1 '), 0));
      return { status: reply.slice(9, 12), retry: /^Retry-After: \d+\r$/m.test(reply), errors };
    },
    replied: async () => {
      while (!received.includes('HTTP/1.1 200')) await once(socket, 'data');
    },
  };
}

/** A message within a session, as a whole request. */
function message(session: string, fields: object): string {
  const json = JSON.stringify({ jsonrpc: '2.0', ...fields });
  return (
    head(`Mcp-Session-Id: ${session}`).replace(/Content-Length: \d+/, `Content-Length: ${json.length}`) + json
  );
}

const unavailable = { status: '503', retry: true, errors: [] };

describe.each(Object.entries(programs))('[M21] SIGTERM at %s', (_, start) => {
  it.each([
    ['of which nothing was sent', '', whole],
    ['of which half the head was sent', whole.slice(0, 40), whole.slice(40)],
    ['of which half the body was sent', whole.slice(0, -20), whole.slice(-20)],
    ['whose body comes later, of a shape that is rare', head('X-Twice: 1', 'X-Twice: 2'), body],
  ])('a request %s gets 503 and when to come again', async (_name, before, after) => {
    const program = await start();
    const connection = await open(program);
    if (before !== '') connection.socket.write(before);
    const exit = program.stop();
    await program.waitForLog(({ msg }) => msg.startsWith('stopping'));
    connection.socket.write(after);
    expect(await connection.last()).toEqual(unavailable);
    expect(await exit).toBe(0);
  });

  it('a request that is never read whole gets it too, and one on a connection that was used before', async () => {
    const program = await start();
    const used = await open(program);
    used.socket.write(whole);
    await used.replied();
    const [half, ...stuck] = await Promise.all([open(program), open(program), open(program)]);
    half?.socket.write(whole.slice(0, 40));
    stuck[0]?.socket.write(head('X-Twice: 1', 'X-Twice: 2'));
    stuck[1]?.socket.write(`${head()}{`);
    const exit = program.stop();
    await program.waitForLog(({ msg }) => msg.startsWith('stopping'));
    used.socket.write(whole);
    expect(await used.last()).toEqual(unavailable);
    for (const one of [half, ...stuck]) expect(await one?.last()).toEqual(unavailable);
    expect(await exit).toBe(0);
  });
});

/** A connection that writes a request as soon as it stands: the status of its reply, or how it failed. */
async function ask(host: string, port: number): Promise<{ readonly outcome: Promise<string> }> {
  const socket = tcpClient({ port, host });
  let received = '';
  const outcome = new Promise<string>((resolve) => {
    socket.on('data', (chunk) => {
      received += chunk;
      if (received.startsWith('HTTP/1.1 200')) socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    socket.on('close', () => resolve(received.slice(9, 12) || 'closed'));
  });
  await once(socket, 'connect');
  socket.write(whole);
  return { outcome };
}

describe.each([
  ['the plugin server', () => startPluginServer({ tls: null, args: ['--workers', '2'] })],
  [
    'the gateway',
    () => startGateway({ gateway: { upstreams: { one: everything } } }, { args: ['--workers', '2'] }),
  ],
] as const)('SIGTERM at several workers of %s', (_, start) => {
  it('no connection is reset that waits for them: each gets a reply', async () => {
    const program = await start();
    await program.waitForLog(({ msg }) => msg === '2 workers share the port');
    const { address } = await lookup('localhost');
    // The system has made all of them; the primary has accepted some, and passed on fewer.
    const asked = await Promise.all(Array.from({ length: 150 }, () => ask(address, program.port)));
    const exit = program.stop();
    const outcomes = new Set(await Promise.all(asked.map(({ outcome }) => outcome)));
    expect([...outcomes].filter((one) => one !== '200' && one !== '503')).toEqual([]);
    expect(await exit).toBe(0);
  });
});

describe('SIGTERM at a port with TLS', () => {
  it('a connection whose handshake is under way may end it, and gets 503 too', async () => {
    const program = await startPluginServer();
    const raw = tcpClient({ port: program.port, host: 'localhost' });
    await once(raw, 'connect');
    const exit = program.stop();
    await program.waitForLog(({ msg }) => msg.startsWith('stopping'));
    const connection = await open(program, raw);
    connection.socket.write(whole);
    expect(await connection.last()).toEqual(unavailable);
    expect(await exit).toBe(0);
  });
});

describe('a gateway of several workers that stops', () => {
  it('says 503 and not 404 of a session whose worker is gone', async () => {
    const gateway = await startGateway(
      { gateway: { upstreams: { one: everything } } },
      { args: ['--workers', '2'] },
    );
    await gateway.waitForLog(({ msg }) => msg === '2 workers share the port');
    const connections: Awaited<ReturnType<typeof open>>[] = [];
    for (let i = 0; i < 4; i += 1) {
      const connection = await open(gateway);
      connection.socket.write(whole);
      await connection.replied();
      connections.push(connection);
    }
    // What an id begins with says which worker has handed it out.
    const workerOf = (one: (typeof connections)[number]) => one.session().slice(0, 8);
    const [first] = connections;
    if (first === undefined) throw new TypeError('no connection');
    const ofFirst = connections.filter((one) => workerOf(one) === workerOf(first));
    const [busy, waiting] = connections.filter((one) => !ofFirst.includes(one));
    // This worker goes on until the call is over, the other one ends before.
    const call = { name: 'trigger-long-running-operation', arguments: { duration: 8, steps: 1 } };
    busy?.socket.write(message(busy.session(), { id: 2, method: 'tools/call', params: call }));
    for (const { socket } of ofFirst) socket.destroy();
    const exit = gateway.stop();
    await gateway.waitForLog(({ msg }) => msg === 'stopped');
    waiting?.socket.write(message(first.session(), { method: 'notifications/initialized' }));
    expect(await waiting?.last()).toEqual(unavailable);
    expect(await exit).toBe(0);
  });
});
