// One trace over a client, a gateway, a plugin server behind mutual TLS and upstreams, received by the OTLP receiver of the
// OpenTelemetry Collector over mutual TLS, packed, in protobuf. Needs Go, and its module proxy the first time; --print shows it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureAll } from 'sallyport/pki';

const root = resolve(import.meta.dirname, '..');
const command = join(root, 'dist/cli/main.js');
const collectorPath = join(root, '.cache/collector/collector');
const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const patienceMs = 60_000;
/** What is to be received; the plugins are asked in one request, which went out for the first. */
const expected = `sallyport-gateway server tools/call meta
  sallyport-gateway client tool_pre_invoke One
    sallyport-plugin-server internal tool_pre_invoke One
    sallyport-plugin-server server tools/call invoke_hooks
  sallyport-gateway client tool_pre_invoke Two
    sallyport-plugin-server internal tool_pre_invoke Two
  sallyport-gateway client tools/call meta`;
const children = [];
const folder = await mkdtemp(join(tmpdir(), 'sallyport-traces-'));

try {
  if (spawnSync('go', ['version']).status !== 0) {
    if (process.env.CI) throw new Error('go is missing');
    say('skipped: go is missing');
    process.exit(0);
  }
  const spans = await traced();
  const lines = tree(spans);
  if (process.argv.includes('--print')) say(lines.join('\n'));
  const got = lines.map((line) => line.replace(/ {2,}\d.*$/, '')).join('\n');
  if (got !== expected) throw new Error(`the trace is another one:\n${lines.join('\n')}`);
  say(`ok  traces: ${spans.length} spans of one trace at the Collector's receiver`);
} catch (error) {
  say(error.stack);
  process.exitCode = 1;
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

async function traced() {
  await mkdir(join(root, '.cache/collector'), { recursive: true });
  const build = spawnSync('go', ['build', '-o', collectorPath, '.'], {
    cwd: join(root, 'interop/collector'),
    stdio: 'inherit',
  });
  if (build.status !== 0) throw new Error('the collector does not build');
  const dir = join(folder, 'certs');
  await ensureAll(['One', 'Two'], { dir });
  const own = join(dir, 'plugins/One');
  const gatewayCerts = join(dir, 'gateway');
  const tls = {
    cert_file: join(own, 'server.crt'),
    key_file: join(own, 'server.key'),
    client_ca_file: join(own, 'ca.crt'),
  };
  const port = await freePort();
  const http = { endpoint: `127.0.0.1:${port}`, tls };
  const received = [];
  const collector = start(collectorPath, [JSON.stringify({ protocols: { http } })], {});
  createInterface({ input: collector.stdout }).on('line', (line) => received.push(...spansIn(line)));
  await lineOf(collector, (line) => line === 'ready');
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${port}`,
    OTEL_EXPORTER_OTLP_CERTIFICATE: join(gatewayCerts, 'ca.crt'),
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: join(gatewayCerts, 'client.crt'),
    OTEL_EXPORTER_OTLP_CLIENT_KEY: join(gatewayCerts, 'client.key'),
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  const kind = join(root, 'test/support/plugins/misbehaving.mjs');
  const server = await listening('serve', env, {
    plugins: ['One', 'Two'].map((name) => ({ name, kind })),
    server_settings: {
      host: 'localhost',
      tls: {
        certfile: tls.cert_file,
        keyfile: tls.key_file,
        ca_bundle: tls.client_ca_file,
        ssl_cert_reqs: 2,
      },
    },
  });
  const mcp = {
    proto: 'STREAMABLEHTTP',
    url: server.url,
    tls: {
      certfile: join(gatewayCerts, 'client.crt'),
      keyfile: join(gatewayCerts, 'client.key'),
      ca_bundle: join(gatewayCerts, 'ca.crt'),
      identity: 'One',
    },
  };
  const meta = { command: process.execPath, args: [join(root, 'test/support/mcp-meta.mjs')] };
  const gateway = await listening('gateway', env, {
    plugins: ['One', 'Two'].map((name, priority) => ({
      name,
      kind: 'external',
      priority,
      mcp,
      hooks: ['tool_pre_invoke'],
    })),
    gateway: { upstreams: { meta } },
  });
  await call(gateway.url);
  const until = Date.now() + patienceMs;
  const mine = () => received.filter((span) => span.traceId === traceId);
  while (mine().length < expected.split('\n').length && Date.now() < until) await sleep(50);
  return mine();
}

async function call(url) {
  const prefix = 'io.modelcontextprotocol/';
  const _meta = {
    [`${prefix}protocolVersion`]: '2026-07-28',
    [`${prefix}clientInfo`]: { name: 'traces', version: '1' },
    [`${prefix}clientCapabilities`]: {},
    traceparent,
  };
  const params = { name: 'meta', arguments: {}, _meta };
  const until = Date.now() + patienceMs;
  for (;;) {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'meta',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    });
    const text = await response.text();
    if (text.includes('"content"')) return;
    if (Date.now() > until) throw new Error(text);
    await sleep(100);
  }
}

function spansIn(line) {
  return JSON.parse(line).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = resource.attributes.find(({ key }) => key === 'service.name').value.stringValue;
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service })));
  });
}

/** A line a span, those of whoever is called below the call, with how long it took in milliseconds. */
function tree(spans, parent = undefined, depth = 0) {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans
    .filter((one) => (parent === undefined ? !ids.has(one.parentSpanId) : one.parentSpanId === parent))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((one) => {
      const kind = { 1: 'internal', 2: 'server', 3: 'client' }[one.kind];
      const ms = Number(BigInt(one.endTimeUnixNano) - BigInt(one.startTimeUnixNano)) / 1e6;
      const text = `${'  '.repeat(depth)}${one.service} ${kind} ${one.name}`;
      return [`${text.padEnd(62)} ${ms.toFixed(2).padStart(7)} ms`, ...tree(spans, one.spanId, depth + 1)];
    });
}

async function listening(program, env, file) {
  const path = join(folder, `${program}.yaml`);
  await writeFile(path, JSON.stringify(file));
  const child = start(process.execPath, [command, program, '--config', path, '--port', '0'], env);
  child.stdout.resume();
  return JSON.parse(await lineOf(child, (line) => line.includes('"listening on')));
}

function start(program, args, env) {
  const { PATH, HOME } = process.env;
  const child = spawn(program, args, {
    env: { PATH, HOME, LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.on('error', () => {});
  children.push(child);
  return child;
}

/** The line of its standard error that is meant. */
function lineOf(child, matches) {
  return new Promise((found, fail) => {
    const said = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      if (matches(line)) found(line);
    });
    child.once('exit', (status) => fail(new Error(`ended with ${status}: ${said.join('\n')}`)));
  });
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
