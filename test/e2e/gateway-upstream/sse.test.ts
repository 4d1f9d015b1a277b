import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cert } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { gatewayCommand, stdioClient } from '../../support/gateway-run.js';
import { serveSse } from '../../support/sse-server.js';
import {
  everythingScript,
  freePort,
  httpUpstream,
  open,
  patient,
  reaches,
  sessionRequest,
  textOf,
} from '../../support/upstreams.js';

const call = (name: string, args: object = {}) => ({ name, arguments: args });

describe('an upstream over HTTP+SSE of 2024-11-05', () => {
  it.each([undefined, 'sse'] as const)('is called, where its type is %s', async (type) => {
    const { url, seen } = await serveSse();
    const upstream = open(
      httpUpstream(url, { ...(type && { type }), headers: { authorization: 'Bearer own' } }),
    );
    const session = await upstream.session(sessionRequest(), patient());
    const reply = await session.request('tools/call', call('echo', { text: 'old' }), { signal: patient() });
    expect(textOf(reply)).toBe('old');
    expect(upstream.state).toMatchObject({ kind: 'up', era: 'legacy' });
    // Its own token goes on both legs, and with the type given nothing else is tried.
    expect(seen.requests.map(({ headers }) => headers.authorization)).not.toContain(undefined);
    if (type) expect(seen.requests[0]?.method).toBe('GET');
  });

  it('is refused with the words of the server where the type says that it is of the other kind', async () => {
    const { url } = await serveSse();
    const upstream = open(httpUpstream(url, { type: 'http' }));
    expect(await reaches(upstream, 'down')).toMatchObject({ code: 'SALLY_UPSTREAM_STATUS' });
  });

  it('has progress, requests of the server, changes of lists and cancellation', async () => {
    const { url, events } = await serveSse();
    const upstream = open(httpUpstream(url));
    const heard: string[] = [];
    const progress: unknown[] = [];
    const session = await upstream.session(
      sessionRequest({
        capabilities: { sampling: {} },
        own: true,
        onNotification: (method) => heard.push(method),
        onRequest: async (method) => ({
          result: { role: 'assistant', model: 'm', content: { type: 'text', text: `answer to ${method}` } },
        }),
      }),
      patient(),
    );
    const request = (name: string, more: object = {}) =>
      session.request(
        'tools/call',
        { ...call(name), _meta: { progressToken: 'mine' } },
        { signal: patient(), onNotification: (_method, params) => progress.push(params), ...more },
      );
    expect(textOf(await request('steps'))).toBe('done');
    expect(progress).toEqual([
      { progressToken: 'mine', progress: 1 },
      { progressToken: 'mine', progress: 2 },
    ]);
    expect(textOf(await request('ask'))).toBe('answer to sampling/createMessage');
    expect(textOf(await request('change'))).toBe('changed');
    expect(heard).toContain('notifications/tools/list_changed');
    const [begun, aborted] = [once(events, 'slow'), once(events, 'aborted')];
    const controller = new AbortController();
    const slow = errorOf(request('slow', { signal: controller.signal }));
    await begun;
    controller.abort();
    expect((await slow).code).toBe('SALLY_UPSTREAM_CANCELLED');
    await aborted;
  });

  it('fails the calls of a stream that breaks, and comes back with another', async () => {
    const { url, events, server } = await serveSse();
    const upstream = open(httpUpstream(url));
    const session = await upstream.session(sessionRequest(), patient());
    const begun = once(events, 'slow');
    const slow = errorOf(session.request('tools/call', call('slow'), { signal: patient() }));
    await begun;
    server.closeAllConnections();
    expect((await slow).code).toBe('SALLY_UPSTREAM_LOST');
    await reaches(upstream, 'up');
    const again = await upstream.session(sessionRequest(), patient());
    const reply = await again.request('tools/call', call('echo', { text: 'again' }), { signal: patient() });
    expect(textOf(reply)).toBe('again');
  });

  it('is called behind mutual TLS', async () => {
    const { url } = await serveSse({ tls: true });
    const files = { certfile: cert('client.crt'), keyfile: cert('client.key'), caBundle: cert('ca.crt') };
    const upstream = open(httpUpstream(url, { tls: { ...files, verify: true, checkHostname: true } }));
    const session = await upstream.session(sessionRequest(), patient());
    const reply = await session.request('tools/call', call('echo', { text: 'TLS' }), { signal: patient() });
    expect(textOf(reply)).toBe('TLS');
  });

  it.each([
    ['on another host', () => 'http://127.0.0.1:1/steal'],
    ['on another port of the host', (port: number) => `http://localhost:${port + 1}/steal`],
    ['of another scheme', (port: number) => `https://localhost:${port}/steal`],
    ['behind a double slash', () => '//evil.example/steal'],
  ])('is told nothing at an endpoint %s', async (_where, endpoint) => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      if (request.method === 'POST') return response.writeHead(405).end();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return response.write(`event: endpoint\ndata: ${endpoint((server.address() as AddressInfo).port)}\n\n`);
    });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    onTestFinished(() => server.closeAllConnections());
    onTestFinished(() => void server.close());
    const url = `http://localhost:${(server.address() as AddressInfo).port}/sse`;
    const upstream = open(httpUpstream(url, { type: 'sse', headers: { authorization: 'Bearer own' } }));
    const state = await reaches(upstream, 'down');
    expect(JSON.stringify(state)).toContain('another origin');
    expect(requests.filter((line) => line.startsWith('POST'))).toEqual([]);
  });

  it('is any entry of type sse in a list of servers, such as server-everything', {
    timeout: 60_000,
  }, async () => {
    const port = await freePort();
    const child = spawn(process.execPath, [everythingScript, 'sse'], {
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await Promise.race([once(child.stderr, 'data'), once(child.stdout, 'data')]);
    const folder = await temporaryFolder();
    const list = join(folder, 'mcp.json');
    const entry = { type: 'sse', url: `http://127.0.0.1:${port}/sse` };
    await writeFile(list, JSON.stringify({ mcpServers: { old: entry } }));
    const client = await stdioClient(gatewayCommand('--servers', list, '--stdio'), folder);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    const result = await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
    expect(JSON.stringify(result)).toContain('hello');
  });
});
