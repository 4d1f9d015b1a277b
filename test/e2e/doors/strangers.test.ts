import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cert } from '../../support/certs.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { serverTls, startPluginServer } from '../../support/plugin-server.js';
import { comeInAsStrangers, halfHead, socketsOf, until } from '../../support/strangers.js';

/** More of them are never held. */
const limit = 1_024;
const count = 1_500;

interface Program {
  readonly url: string;
  readonly port: number;
  readonly pid: number | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** What strangers send, and over what. */
  readonly sends: string;
  readonly tls?: boolean;
}

const upstreams = { one: everything };

const programs: Record<string, () => Promise<Program>> = {
  async 'a plugin server in plain HTTP'() {
    const { url, port, child } = await startPluginServer({ tls: null });
    return { url, port, pid: child.pid, sends: halfHead };
  },
  async 'a plugin server that requires certificates'() {
    const { url, port, child } = await startPluginServer();
    return { url, port, pid: child.pid, sends: '\u0016' };
  },
  async 'a plugin server that asks for certificates and needs none'() {
    const { url, port, child } = await startPluginServer({ tls: { ...serverTls(), ssl_cert_reqs: 1 } });
    return { url, port, pid: child.pid, sends: halfHead, tls: true };
  },
  async 'a gateway for everybody on this machine'() {
    const { url, port, child } = await startGateway({ gateway: { upstreams } });
    return { url, port, pid: child.pid, sends: halfHead };
  },
  async 'a gateway with tokens'() {
    const file = join(await temporaryFolder(), 'tokens.json');
    const token = (await sallyport(['token', 'create', '--file', file, '--user', 'ada'])).stdout.trim();
    const auth = { kind: 'bearer', tokens_file: file };
    const { url, port, child } = await startGateway({ gateway: { upstreams, auth } });
    // Half of a request that is refused once it is whole, in the body.
    const sends = `${halfHead} 1\r\nContent-Length: 10\r\nAccept: application/json, text/event-stream\r\n\r\n{`;
    return { url, port, pid: child.pid, headers: { Authorization: `Bearer ${token}` }, sends };
  },
};

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});

const ping = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' });

/** A client with one connection at most, which it keeps. */
async function openClient({ url, headers }: Program) {
  const own = {
    ca: await readFile(cert('ca.crt')),
    cert: await readFile(cert('client.crt')),
    key: await readFile(cert('client.key')),
  };
  const secure = url.startsWith('https:');
  const kept = { keepAlive: true, maxSockets: 1 };
  const agent = secure ? new Agent({ ...kept, ...own }) : new PlainAgent(kept);
  onTestFinished(() => agent.destroy());
  const send = secure ? request : plainRequest;
  let session: string | undefined;
  return async () => {
    // One session for a client: how many it may have is limited.
    const body = session === undefined ? initialize : ping;
    const sent = send(url, {
      method: 'POST',
      agent,
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'Content-Length': body.length,
        ...(session !== undefined && { 'Mcp-Session-Id': session }),
        ...headers,
      },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await text(response);
    session ??= response.headers['mcp-session-id'] as string | undefined;
    return { status: response.statusCode, reused: sent.reusedSocket };
  };
}

describe.each(Object.entries(programs))('strangers at %s', (_, start) => {
  it('are bounded, and starve neither who was let in before nor who comes now', {
    timeout: patience(90_000),
  }, async () => {
    const program = await start();
    const known = await openClient(program);
    const first = await known();
    const before = await socketsOf(program.pid);
    let flooding = true;
    const served: Awaited<ReturnType<typeof known>>[] = [];
    const going = (async () => {
      while (flooding) served.push(await known());
    })();
    const strangers = await comeInAsStrangers({ ...program, count });
    onTestFinished(strangers.close);
    flooding = false;
    await going;
    await until(() => strangers.open() <= limit);
    expect(await socketsOf(program.pid)).toBeLessThanOrEqual(before + limit);
    expect(first).toEqual({ status: 200, reused: false });
    expect(served.length).toBeGreaterThan(0);
    expect(new Set(served.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify({ status: 200, reused: true })]),
    );
    const newcomer = await openClient(program);
    expect(await newcomer()).toEqual({ status: 200, reused: false });
    expect(await known()).toEqual({ status: 200, reused: true });
  });
});

describe('strangers', () => {
  it('that have sent half a request are gone within 15 seconds, and nothing of them is left', {
    timeout: patience(90_000),
  }, async () => {
    const server = await startPluginServer({ tls: null });
    const before = await socketsOf(server.child.pid);
    const strangers = await comeInAsStrangers({ port: server.port, count: 300 });
    const since = performance.now();
    onTestFinished(strangers.close);
    await until(async () => (await socketsOf(server.child.pid)) <= before);
    expect(performance.now() - since).toBeLessThan(patience(15_000));
  });

  it('at the health port are bounded too, and it goes on to answer', {
    timeout: patience(60_000),
  }, async () => {
    const server = await startPluginServer();
    const strangers = await comeInAsStrangers({ port: server.healthPort ?? 0, count: 1_200 });
    onTestFinished(strangers.close);
    await until(() => strangers.open() <= limit);
    expect((await fetch(server.healthUrl ?? '')).status).toBe(200);
    await server.waitForLog(({ code }) => code === 'SALLY_CONNECTIONS_STRANGERS');
  });

  it('that write for ever after they were refused are cut off', async () => {
    const { port, child } = await startPluginServer();
    const before = await socketsOf(child.pid);
    // Plain HTTP to a port that speaks TLS.
    const strangers = await comeInAsStrangers({ port, count: 20, sends: 'GET / HTTP/1.1\r\n\r\n' });
    onTestFinished(strangers.close);
    const chatter = setInterval(() => strangers.say('x'), 100);
    onTestFinished(() => clearInterval(chatter));
    await until(() => strangers.open() === 0);
    await until(async () => (await socketsOf(child.pid)) <= before);
  });

  it('get the reply that says why at once, and not after all others', async () => {
    const { port } = await startPluginServer({ tls: null });
    const strangers = await comeInAsStrangers({ port, count: 20, sends: 'NONSENSE\r\n\r\n' });
    onTestFinished(strangers.close);
    await until(() => strangers.open() === 0);
    expect(strangers.heard()).toEqual(Array.from({ length: 20 }, () => 'HTTP/1.1 400 Bad Request'));
  });
});
