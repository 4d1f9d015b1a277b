import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Agent, request } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { createGateway, type GatewayConfig, parseConfig } from '../../../src/index.js';
import { silentLogger } from '../../../src/log.js';
import { everything } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';

const count = 1_000;

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

/** What this process has open of that kind: its children, or its connections. */
const open = (kind: 'ProcessWrap' | 'TCPSocketWrap') =>
  process.getActiveResourcesInfo().filter((one) => one === kind).length;

/** Opens sessions that list and call a tool, and leaves them. */
async function openAndClose(url: string, sessions: number): Promise<readonly string[]> {
  const dispatcher = new Agent({ connections: 20 });
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  const post = async (message: object, session: object = {}) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, ...message });
    const reply = await request(url, {
      method: 'POST',
      headers: { ...headers, ...session },
      body,
      dispatcher,
    });
    await reply.body.text();
    expect(reply.statusCode).toBe(200);
    return String(reply.headers['mcp-session-id']);
  };
  const openOne = async () => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'a', version: '1' },
    };
    const id = await post({ method: 'initialize', params });
    await post({ method: 'tools/list', params: {} }, { 'Mcp-Session-Id': id });
    const call = { name: 'echo', arguments: { message: 'hi' } };
    await post({ method: 'tools/call', params: call }, { 'Mcp-Session-Id': id });
    return id;
  };
  const ids: string[] = [];
  for (let i = 0; i < sessions; i += 20)
    ids.push(...(await Promise.all(Array.from({ length: Math.min(20, sessions - i) }, openOne))));
  await dispatcher.close();
  return ids;
}

it('[M25] a thousand sessions that are left give back their memory, and no child or socket stays', {
  timeout: patience(120_000),
}, async () => {
  const limits = { sessions: 2 * count, session_idle: 1 };
  const file = { plugins: [], gateway: { limits, upstreams: { one: everything } } };
  const where = {
    path: 'gateway.yaml',
    cwd: process.cwd(),
    env: {},
    side: 'gateway',
    exists: () => true,
  } as const;
  const config = parseConfig(JSON.stringify(file), where) as GatewayConfig;
  const gateway = await createGateway(config, { log: silentLogger, version: '0.0.0' });
  onTestFinished(() => gateway.close());
  const { url } = await gateway.listen({ port: 0 });
  await openAndClose(url, 100);
  const before = {
    heap: heapAfterCollection(),
    children: open('ProcessWrap'),
    sockets: open('TCPSocketWrap'),
  };
  const ids = await openAndClose(url, count);
  expect(new Set(ids).size).toBe(count);
  // What they take while they are there gives the measure: what code and connections keep for good is a part of it.
  const taken = heapAfterCollection() - before.heap;
  const roomy = before.heap + taken / 2;
  while (heapAfterCollection() > roomy) await new Promise((resolve) => setTimeout(resolve, 500));
  const statusOf = async (session: string) => {
    const { statusCode, body } = await request(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'Mcp-Session-Id': session,
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    await body.text();
    return statusCode;
  };
  // They have ended, the first ones first. A request keeps its session: each look is at another one.
  const rest = ids.values();
  while ((await statusOf(rest.next().value ?? '')) !== 404)
    await new Promise((resolve) => setTimeout(resolve, 500));
  expect(open('ProcessWrap')).toBe(before.children);
  expect(open('TCPSocketWrap')).toBeLessThanOrEqual(before.sockets + 2);
});
