import { execFile } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CreateMessageRequestSchema,
  ToolListChangedNotificationSchema as toolsChanged,
} from '@modelcontextprotocol/sdk/types.js';
import { Agent, fetch as undiciFetch } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { firstText, legacyClient, type RunningGateway, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import type { LogLine } from '../../support/plugin-server.js';
import { exists } from '../../support/upstreams.js';

const script = resolve(import.meta.dirname, '../../support/mcp-asking.mjs');
const asking = (...args: string[]) => ({
  command: process.execPath,
  args: [script, ...args],
  share: 'session',
});
const gatewayBlock = { upstreams: { one: asking() } };
const shared = ({ msg }: LogLine) => msg === '2 workers share the port';
const lost = ({ code }: LogLine) => code === 'SALLY_WORKER_LOST';
const replaced = ({ msg }: LogLine) => msg === 'another worker serves in its place';
const answer = { role: 'assistant', model: 'none', content: { type: 'text', text: 'go on' } } as const;

/** A gateway of two workers; `folder` is where they keep what they share. */
async function startTwo(gateway: object = gatewayBlock): Promise<RunningGateway & { readonly temp: string }> {
  const temp = await temporaryFolder();
  const running = await startGateway({ gateway }, { args: ['--workers', '2'], env: { TMPDIR: temp } });
  await running.waitForLog(shared);
  return { ...running, temp };
}

/** A connection for each request: the workers get them in turn. */
function hopping(): { readonly fetch: typeof globalThis.fetch; readonly seen: string[] } {
  const dispatcher = new Agent({ pipelining: 0 });
  onTestFinished(() => dispatcher.destroy());
  const seen: string[] = [];
  const fetch = async (input: string | URL, init?: { method?: string }) => {
    const reply = await undiciFetch(input, { ...init, dispatcher } as never);
    seen.push(`${init?.method ?? 'GET'} ${reply.status}`);
    return reply;
  };
  return { fetch: fetch as unknown as typeof globalThis.fetch, seen };
}

function sampling(): Client {
  const client = new Client({ name: 'legacy', version: '1.0.0' }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => answer);
  return client;
}

async function modernSampling(url: string): Promise<ModernClient> {
  const client = new ModernClient(
    { name: 'modern', version: '1.0.0' },
    { capabilities: { sampling: {} }, versionNegotiation: { mode: 'auto' } },
  );
  client.setRequestHandler('sampling/createMessage', () => answer as never);
  await client.connect(new ModernTransport(new URL(url), { fetch: hopping().fetch }));
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

async function childrenOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').filter(Boolean).map(Number);
}

async function familyOf(pid: number | undefined): Promise<number[]> {
  const workers = await childrenOf(pid);
  return [...workers, ...(await Promise.all(workers.map(childrenOf))).flat()];
}

const call = async (client: Pick<Client, 'callTool'>, name: string, args: Record<string, unknown> = {}) =>
  firstText(await client.callTool({ name, arguments: args }));

const open = (url: string, options: Parameters<typeof legacyClient>[1] = {}) =>
  legacyClient(url, { fetch: hopping().fetch, ...options });

const json = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
};

/** Opens a session by hand, and answers its id. */
async function openSession(url: string, fetch: typeof globalThis.fetch): Promise<string> {
  const clientInfo = { name: 'by-hand', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  const reply = await fetch(url, { method: 'POST', headers: json, body });
  await reply.text();
  return reply.headers.get('mcp-session-id') ?? '';
}

describe('[M22] a gateway of several workers', () => {
  it('serves a session whichever worker a connection reaches', async () => {
    const { url } = await startTwo();
    const { fetch, seen } = hopping();
    const clients = await Promise.all([open(url, { fetch }), open(url, { fetch }), open(url, { fetch })]);
    for (const client of clients) {
      const pids = new Set<string>();
      for (let i = 0; i < 6; i += 1) pids.add(await call(client, 'pid'));
      expect(pids.size).toBe(1);
      for (let i = 0; i < 2; i += 1)
        expect((await call(client, 'big', { chars: 3_000_000 })).length).toBe(3_000_000);
    }
    expect(seen.filter((one) => !/^(POST 20[02]|GET 200)$/.test(one))).toEqual([]);
  });

  it('gives the sessions out to all of them', async () => {
    const { url } = await startTwo();
    const clients = await Promise.all(Array.from({ length: 8 }, () => open(url)));
    const pids = new Set(await Promise.all(clients.map((client) => call(client, 'pid'))));
    expect(pids.size).toBeGreaterThan(1);
  });

  it('carries what is told and asked on the way, over either worker', async () => {
    const { url } = await startTwo();
    for (let i = 0; i < 3; i += 1) {
      const client = await open(url, { client: sampling() });
      expect(await call(client, 'ask')).toBe('go on');
      expect(await call(client, 'ask')).toBe('go on');
      const steps: number[] = [];
      await client.callTool({ name: 'steps', arguments: {} }, undefined, {
        onprogress: ({ progress }) => void steps.push(progress),
      });
      expect(steps).toEqual([1, 2, 3]);
    }
  });

  it('keeps the connection of a long call alive, over either worker', async () => {
    const { url } = await startTwo();
    const { fetch } = hopping();
    const session = await openSession(url, fetch);
    const params = { name: 'slow', arguments: { ms: 3_000 } };
    // Each has a connection of its own: one of them reaches the worker that does not hold the session.
    const replies = await Promise.all(
      [2, 3].map((id) =>
        fetch(url, {
          method: 'POST',
          headers: { ...json, 'Mcp-Session-Id': session },
          body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
        }),
      ),
    );
    for (const reply of replies) {
      expect(reply.headers.get('content-type')).toBe('text/event-stream');
      expect(await reply.text()).toContain('"text":"done"');
    }
  });

  it('tells on the stream of a session what belongs to no request', async () => {
    const { url } = await startTwo();
    for (let i = 0; i < 2; i += 1) {
      const client = await open(url);
      const changed = new Promise<void>((done) => client.setNotificationHandler(toolsChanged, () => done()));
      await call(client, 'change');
      await changed;
    }
  });

  it('has the questions to a client without a session answered at the worker that waits for them', async () => {
    const { url } = await startTwo();
    const client = await modernSampling(url);
    for (let i = 0; i < 4; i += 1) expect(await call(client as never, 'ask')).toBe('go on');
  });

  it('ends a stream that is passed on where either end lets go of it', async () => {
    const { url, waitForLog, log } = await startTwo();
    const { fetch } = hopping();
    const id = await openSession(url, fetch);
    const headers = { Accept: 'text/event-stream', 'Mcp-Session-Id': id };
    const streams = [];
    const control = new AbortController();
    // One more than a session may have open: the oldest ends.
    for (let i = 0; i < 5; i += 1)
      streams.push(await fetch(url, { method: 'GET', headers, signal: control.signal }));
    await streams[0]?.text();
    const ends = () => log.filter(({ msg, method }) => msg === 'request' && method === 'GET').length;
    await waitForLog(() => ends() === 1);
    control.abort();
    await waitForLog(() => ends() === 5);
    for (const stream of streams.slice(1)) await expect(stream.text()).rejects.toThrow();
  });

  it('ends a session at the worker that holds it, and knows of no other than those it gave out', async () => {
    const { url } = await startTwo();
    const { fetch } = hopping();
    const id = await openSession(url, fetch);
    const ping = async (session: string) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' });
      const reply = await fetch(url, {
        method: 'POST',
        headers: { ...json, 'Mcp-Session-Id': session },
        body,
      });
      return { status: reply.status, body: await reply.json() };
    };
    for (let i = 0; i < 4; i += 1)
      expect(await ping(id)).toMatchObject({ status: 200, body: { result: {} } });
    const other = (from: number, to: number) =>
      id.slice(0, from) + [...id.slice(from, to)].reverse().join('') + id.slice(to);
    const unknown = { status: 404, body: { error: { code: -32001, message: 'Session not found' } } };
    for (const forged of [other(0, 8), other(8, 40), '../../..', id.slice(0, 30), `${id}A`]) {
      for (let i = 0; i < 2; i += 1) expect(await ping(forged)).toMatchObject(unknown);
    }
    const ended = await fetch(url, { method: 'DELETE', headers: { 'Mcp-Session-Id': id } });
    expect(ended.status).toBe(204);
    for (let i = 0; i < 2; i += 1) expect(await ping(id)).toMatchObject(unknown);
  });

  it('keeps the session of one user from others, whichever worker they reach', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'tokens.yaml');
    const made = [];
    for (const user of ['ada', 'bob']) {
      const { stdout } = await sallyport(['token', 'create', '--file', file, '--user', user]);
      made.push(stdout.trim().split('\n').at(-1) ?? '');
    }
    const { url } = await startTwo({ ...gatewayBlock, auth: { kind: 'bearer', tokens_file: file } });
    const [ada, bob] = made;
    const { fetch } = hopping();
    const ids: (string | null)[] = [];
    const client = await open(url, {
      token: ada ?? '',
      fetch: (async (input: string, init: RequestInit) => {
        const reply = await fetch(input, init);
        ids.push(reply.headers.get('mcp-session-id'));
        return reply;
      }) as never,
    });
    expect(await call(client, 'pid')).toBe(await call(client, 'pid'));
    const session = ids.find((id) => id !== null) ?? '';
    for (let i = 0; i < 2; i += 1) {
      const headers = { ...json, Authorization: `Bearer ${bob}`, 'Mcp-Session-Id': session };
      const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' });
      expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(404);
    }
  });

  it('lets only its user into the folder of its sockets, and only workers in by them', async () => {
    const { temp } = await startTwo();
    const [name = ''] = (await readdir(temp)).filter((one) => one.startsWith('sallyport-'));
    const folder = join(temp, name);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const sockets = (await readdir(folder)).filter((one) => one.endsWith('.sock'));
    expect(sockets).toHaveLength(2);
    const dispatcher = new Agent({ connect: { socketPath: join(folder, sockets[0] ?? '') } });
    onTestFinished(() => dispatcher.destroy());
    const reply = await undiciFetch('http://worker/', { method: 'POST', body: '{}', dispatcher });
    expect(reply.status).toBe(403);
  });

  it('cancels a call at the worker that serves it, whichever worker hears of it', async () => {
    const { url } = await startTwo();
    const client = await open(url);
    const cancel = new AbortController();
    const hanging = client.callTool({ name: 'slow', arguments: { ms: 60_000 } }, undefined, {
      signal: cancel.signal,
    });
    const failed = expect(hanging).rejects.toThrow();
    expect(await call(client, 'pid')).not.toBe('');
    cancel.abort('enough');
    await failed;
    expect(await call(client, 'pid')).not.toBe('');
  });

  it('answers 404 for the sessions of a worker that was lost, and keeps the others', async () => {
    const { url, child, waitForLog } = await startTwo();
    const clients = await Promise.all(Array.from({ length: 6 }, () => open(url)));
    const [victim] = await childrenOf(child.pid);
    const hanging = Promise.allSettled(clients.map((client) => call(client, 'slow', { ms: 2_000 })));
    // What was asked after them was answered: they are under way.
    await Promise.all(clients.map((client) => call(client, 'pid')));
    process.kill(victim ?? 0, 'SIGKILL');
    const ended = await hanging;
    // Those of the lost worker at least: nobody waits for what does not come any more.
    expect(ended.map(({ status }) => status)).toContain('rejected');
    await waitForLog(lost);
    await waitForLog(replaced);
    const outcomes = await Promise.all(
      clients.map((client) =>
        call(client, 'pid').then(
          () => 'kept',
          (error: Error) => error.message,
        ),
      ),
    );
    expect(outcomes).toContain('kept');
    const others = outcomes.filter((one) => one !== 'kept');
    expect(others.length).toBeGreaterThan(0);
    for (const one of others) expect(one).toContain('Session not found');
    expect(await call(await open(url), 'pid')).not.toBe('');
  });

  it('reads its files again in every worker at SIGHUP, and drops no session', async () => {
    const gateway = await startTwo();
    const clients = await Promise.all(Array.from({ length: 4 }, () => open(gateway.url)));
    const again = ({ msg }: LogLine) => msg === 'SIGHUP: the files were read again';
    await writeFile(
      join(gateway.folder, 'gateway.yaml'),
      stringify({ plugins: [], gateway: { upstreams: { ...gatewayBlock.upstreams, two: asking() } } }),
    );
    gateway.child.kill('SIGHUP');
    await gateway.waitForLog(() => gateway.log.filter(again).length === 2);
    for (const client of clients) {
      for (let i = 0; i < 2; i += 1) expect(await call(client, 'two__pid')).not.toBe('');
    }
    expect(gateway.log.filter(again)).toHaveLength(2);
  });

  it('finishes calls in flight at SIGTERM, also those that came in by another worker', async () => {
    const { url, child, stop, temp, waitForLog, log } = await startTwo();
    const clients = await Promise.all(Array.from({ length: 6 }, () => open(url)));
    for (const client of clients) await call(client, 'pid');
    const family = await familyOf(child.pid);
    const before = log.length;
    const calls = clients.map((client) => call(client, 'slow', { ms: 3_500 }));
    // What was asked after them was answered: they are under way.
    await Promise.all(clients.map((client) => call(client, 'pid')));
    const status = stop();
    await waitForLog(({ msg }) => msg.startsWith('stopping'), before);
    expect(await Promise.all(calls)).toEqual(clients.map(() => 'done'));
    expect(await status).toBe(0);
    expect(family.filter(exists)).toEqual([]);
    expect((await readdir(temp)).filter((name) => name.startsWith('sallyport-'))).toEqual([]);
  });

  it('leaves no worker and no child of one behind where the process that was started is killed', async () => {
    const { child, temp } = await startTwo({ upstreams: { one: asking('stubborn') } });
    await expect.poll(async () => (await familyOf(child.pid)).length).toBeGreaterThanOrEqual(4);
    const family = await familyOf(child.pid);
    child.kill('SIGKILL');
    await expect.poll(() => family.filter(exists), { timeout: patience(20_000) }).toEqual([]);
    expect((await readdir(temp)).filter((name) => name.startsWith('sallyport-'))).toEqual([]);
  });

  it('says once where it listens and how its upstreams are', async () => {
    const { log } = await startTwo();
    expect(log.filter(({ msg }) => msg.startsWith('listening on'))).toHaveLength(1);
    expect(log.filter(({ part }) => part === 'upstream')).toHaveLength(1);
  });

  it('says once what is wrong with its configuration, and refuses to share stdio', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'gateway.yaml');
    await writeFile(path, stringify({ plugins: [], gateway: gatewayBlock }));
    const run = (...more: string[]) => sallyport(['gateway', '--config', path, '--workers', '2', ...more]);
    const stdio = await run('--stdio');
    expect(stdio.status).toBe(2);
    expect(stdio.stderr).toContain('SALLY_WORKER_NO_PORT');
    const missing = { name: 'Missing', kind: './not-there.mjs' };
    await writeFile(path, stringify({ plugins: [missing], gateway: gatewayBlock }));
    const broken = await run('--port', '0');
    expect(broken.status).toBe(3);
    expect(broken.stderr.match(/error SALLY_/g)).toHaveLength(1);
  });
});
