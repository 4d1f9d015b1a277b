// `make bench`: a hook call over mutual TLS, through the product's own client and plugin server, beside its floor in
// the same run. `--json` prints an array, `--seconds N` sets how long each row is measured (default 3).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig, openPluginManager, silentLogger } from 'sallyport';
import { ensureAll } from 'sallyport/pki';
import { Pool } from 'undici';

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, seconds: { type: 'string', default: '3' } },
});
const seconds = Number(options.seconds);
const plugin = 'ReplaceBadWordsPlugin';
const text = 'what a crap day. '.repeat(55);
const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const children = [];
const round = (value, digits) => Number(value.toFixed(digits));

try {
  await ensureAll([plugin], { dir: join(folder, 'certs'), keyType: 'ec-p256' });
  const rows = await measureAll();
  if (options.json) console.log(JSON.stringify(rows, null, 2));
  else print(rows);
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}

async function measureAll() {
  const floor = await floorCall();
  const hook = await hookCall();
  const rows = [];
  for (const [id, concurrency] of [
    ['hook.mtls.seq', 1],
    ['hook.mtls.c32', 32],
  ]) {
    await load(floor.call, concurrency, 0.5);
    await load(hook.call, concurrency, 0.5);
    // In turns, so that whatever else the machine does meets both.
    const floors = [];
    const ours = [];
    for (let turn = 0; turn < 3; turn += 1) {
      floors.push(await load(floor.call, concurrency, seconds / 3));
      ours.push(await load(hook.call, concurrency, seconds / 3));
    }
    const [a, b] = [summary(ours), summary(floors)];
    rows.push({ id, ratio: round(a.perSecond / b.perSecond, 3), ...a, floor: b });
  }
  await floor.close();
  await hook.close();
  return rows;
}

/** Calls for so many seconds, so many at once; the time of each in milliseconds. */
async function load(call, concurrency, forSeconds) {
  const times = [];
  const start = performance.now();
  const end = start + forSeconds * 1000;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let now = performance.now(); now < end; ) {
        await call();
        const after = performance.now();
        times.push(after - now);
        now = after;
      }
    }),
  );
  return { times, took: (performance.now() - start) / 1000 };
}

function summary(runs) {
  const times = runs.flatMap((run) => run.times).sort((a, b) => a - b);
  const took = runs.reduce((sum, run) => sum + run.took, 0);
  const at = (share) => round(times[Math.min(times.length - 1, Math.floor(times.length * share))], 2);
  return { perSecond: Math.round(times.length / took), p50ms: at(0.5), p99ms: at(0.99) };
}

async function floorCall() {
  const own = join(folder, 'certs/plugins', plugin);
  const script = fileURLToPath(new URL('floor-server.mjs', import.meta.url));
  const child = start(
    [script, join(own, 'server.crt'), join(own, 'server.key'), join(own, 'ca.crt')],
    'stdout',
  );
  const [port] = await once(createInterface({ input: child.stdout }), 'line');
  const gateway = (file) => readFileSync(join(folder, 'certs/gateway', file));
  const pool = new Pool(`https://localhost:${port}`, {
    connections: 64,
    connect: { cert: gateway('client.crt'), key: gateway('client.key'), ca: gateway('ca.crt') },
  });
  let id = 0;
  const call = async () => {
    id += 1;
    const payload = { name: 'search', args: { q: text } };
    const args = {
      hook_type: 'tool_pre_invoke',
      plugin_name: plugin,
      payload,
      context: { global_context: { request_id: `${id}` } },
    };
    const { body } = await pool.request({
      path: '/mcp',
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'invoke_hook', arguments: args },
      }),
    });
    const reply = JSON.parse(await body.text());
    check(JSON.parse(reply.result.content[0].text).result.modified_payload.args.q);
  };
  return { call, close: () => pool.destroy() };
}

async function hookCall() {
  const own = `certs/plugins/${plugin}`;
  const kind = 'plugins.regex_filter.search_replace.SearchReplacePlugin';
  const server = {
    plugins: [{ name: plugin, kind, config: { words: [{ search: 'crap', replace: 'crud' }] } }],
    server_settings: {
      host: 'localhost',
      tls: { certfile: `${own}/server.crt`, keyfile: `${own}/server.key`, ca_bundle: `${own}/ca.crt` },
    },
  };
  await writeFile(join(folder, 'server.yaml'), JSON.stringify(server));
  const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
  const child = start([command, 'serve', '--config', 'server.yaml', '--port', '0'], 'stderr');
  const [line] = await once(createInterface({ input: child.stderr }), 'line');
  const tls = {
    certfile: 'certs/gateway/client.crt',
    keyfile: 'certs/gateway/client.key',
    ca_bundle: 'certs/gateway/ca.crt',
  };
  const gateway = { plugins: [{ name: plugin, kind: 'external', mcp: { url: JSON.parse(line).url, tls } }] };
  await writeFile(join(folder, 'gateway.yaml'), JSON.stringify(gateway));
  const config = await loadConfig({ path: 'gateway.yaml', cwd: folder, env: {}, side: 'gateway' });
  const manager = await openPluginManager(config, { log: silentLogger });
  const call = async () => {
    const { payload } = await manager
      .request()
      .invoke('tool_pre_invoke', { name: 'search', args: { q: text } });
    check(payload.args.q);
  };
  return { call, close: () => manager.close() };
}

function check(answer) {
  if (!answer.startsWith('what a crud day'))
    throw new Error(`the answer is not what it should be: ${answer}`);
}

function start(args, piped) {
  const stdio = ['ignore', piped === 'stdout' ? 'pipe' : 'ignore', piped === 'stderr' ? 'pipe' : 'inherit'];
  const env = { PATH: process.env.PATH, LOG_FORMAT: 'json', LOG_LEVEL: 'INFO' };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio });
  children.push(child);
  return child;
}

function print(rows) {
  const head = ['', 'calls/s', 'floor/s', 'ratio', 'p50 ms', 'floor', 'p99 ms', 'floor'];
  const cells = rows.map((row) => [
    row.id,
    row.perSecond,
    row.floor.perSecond,
    row.ratio.toFixed(2),
    row.p50ms.toFixed(2),
    row.floor.p50ms.toFixed(2),
    row.p99ms.toFixed(2),
    row.floor.p99ms.toFixed(2),
  ]);
  const lines = [head, ...cells].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...lines.map((row) => row[i].length)));
  for (const row of lines) {
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('   '),
    );
  }
}
