import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { pluginName, writeConfig } from './ends.mjs';
import { payloadOf } from './work.mjs';

const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The lean upstream, in a process of its own. */
export async function startUpstream(bench) {
  const { line } = await bench.start([script('upstream.mjs')], 'stdout');
  return Number(line);
}

/** The bare byte proxy before an upstream. */
export async function startProxy(bench, upstream) {
  const { child, line } = await bench.start([script('proxy.mjs'), String(upstream)], 'stdout');
  return { port: Number(line), pid: child.pid };
}

/** The same, with a plain hook call before each request that it passes on. */
export async function startHookProxy(bench, upstream, hookPort) {
  const { client } = await bench.certs();
  const args = [upstream, hookPort, client.cert, client.key, client.ca, pluginName].map(String);
  const { child, line } = await bench.start([script('hook-proxy.mjs'), ...args], 'stdout');
  return { port: Number(line), pid: child.pid };
}

let logs = 0;

/** `sallyport gateway` before an upstream, with these plugins, arguments of Node `before`, more of `gateway` in its file, and variables `env`. Its log, a line a call, goes to a file as in production. */
export async function startGateway(
  bench,
  upstream,
  plugins = [],
  { before = [], gateway = {}, env = {} } = {},
) {
  const path = await writeConfig(bench, {
    plugins,
    gateway: {
      upstreams: { one: { url: `http://127.0.0.1:${upstream}/mcp` } },
      limits: { sessions: 2_000, sessions_per_user: 2_000 },
      ...gateway,
    },
  });
  logs += 1;
  const file = join(bench.folder, `gateway-${logs}.log`);
  const args = [...before, bench.command, 'gateway', '--config', path, '--port', '0'];
  const child = bench.spawn(args, openSync(file, 'a'), env);
  for (;;) {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const listening = lines.map((line) => JSON.parse(line)).find(({ url }) => url !== undefined);
    if (listening !== undefined) return { port: listening.port, pid: child.pid };
    if (child.exitCode !== null) throw new Error(lines.join('\n'));
    await sleep(2);
  }
}

const prefix = 'io.modelcontextprotocol/';
const envelope = {
  [`${prefix}protocolVersion`]: '2026-07-28',
  [`${prefix}clientInfo`]: { name: 'bench', version: '1.0.0' },
  [`${prefix}clientCapabilities`]: {},
};
const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const modern = {
  ...accept,
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'search',
};

/** Tool calls over kept connections to a port; with sessions, in turn on each of them; with a list of numbers as JSON. */
export function toolCalls(bench, port, sessions = [], scores = undefined) {
  const pool = openPool(bench, port);
  let id = 0;
  return async () => {
    id += 1;
    const session = sessions[id % sessions.length];
    const params = {
      ...payloadOf(940),
      arguments: { ...payloadOf(940).args, ...(scores && { scores: 'SCORES' }) },
      args: undefined,
      ...(session === undefined && { _meta: envelope }),
    };
    const { statusCode, body } = await pool.request({
      path: '/mcp',
      method: 'POST',
      headers: session === undefined ? modern : { ...accept, 'mcp-session-id': session },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }).replace('"SCORES"', scores),
    });
    const { result } = JSON.parse(await body.text());
    if (statusCode !== 200 || !result.content[0].text.startsWith('the weather')) throw new Error('no reply');
  };
}

/** Opens so many sessions at a gateway; their ids. */
export async function openSessions(bench, port, count) {
  const pool = openPool(bench, port);
  const clientInfo = { name: 'bench', version: '1.0.0' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const ids = [];
  while (ids.length < count) {
    const { headers, body } = await pool.request({
      path: '/mcp',
      method: 'POST',
      headers: accept,
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
    });
    const text = await body.text();
    if (headers['mcp-session-id'] === undefined) throw new Error(text);
    ids.push(headers['mcp-session-id']);
  }
  return ids;
}

function openPool(bench, port) {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64 });
  bench.onClose(() => pool.destroy());
  return pool;
}
