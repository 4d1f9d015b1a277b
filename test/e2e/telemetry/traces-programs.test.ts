import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { createPluginServer, openTraces, parseConfig, silentLogger } from '../../../src/index.js';
import { cert } from '../../support/certs.js';
import { start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import {
  gatewayCommand,
  legacyClient,
  modernClient,
  plugin,
  startGateway,
  stdioClient,
} from '../../support/gateway-run.js';
import { serve, serveModern } from '../../support/mcp-fixture.js';
import { openCollector } from '../../support/otlp.js';
import { clientTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const caller = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${caller}-01`;
const echo = { name: 'echo', arguments: {} };
const inTrace = (one: { traceId: string }) => one.traceId === traceId;

const gatewayBefore = (url: string, plugins: readonly object[] = []) => ({
  plugins,
  gateway: { upstreams: { web: { url } } },
});

it('a gateway without traces passes traceparent on to plugin servers and upstreams, and logs which trace it is', async () => {
  const collector = await openCollector();
  const server = await startPluginServer({
    plugins: [plugin('misbehaving.mjs')],
    env: { ...collector.env, LOG_LEVEL: 'DEBUG' },
  });
  const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
  const { url, seen } = await serveModern();
  const file = gatewayBefore(url, [{ name: 'Plugin', kind: 'external', mcp, hooks: ['tool_pre_invoke'] }]);
  const gateway = await startGateway(file);
  const client = await legacyClient(gateway.url, { headers: { traceparent } });
  await client.callTool(echo);
  const sent = seen.requests.find(({ body }) => body.includes('"tools/call"'));
  expect(sent?.headers['traceparent']).toBe(traceparent);
  const spans = await collector.until((all) => all.filter(inTrace).length >= 2);
  expect(spans.filter(inTrace).find(({ kind }) => kind === 'server')).toMatchObject({
    name: 'tools/call invoke_hook',
    parentSpanId: caller,
  });
  const line = await gateway.waitForLog(({ msg, method }) => msg === 'request' && method === 'tools/call');
  expect(line).toMatchObject({ trace_id: traceId, span_id: caller });
  await expect(client.callTool({ name: 'block', arguments: {} })).rejects.toThrow();
  const blocked = await gateway.waitForLog(({ msg }) => msg === 'blocked by a plugin');
  expect(blocked).toMatchObject({ trace_id: traceId, span_id: caller });
});

it('lines of both programs name the span that they are about', async () => {
  const collector = await openCollector();
  const env = { ...collector.env, LOG_LEVEL: 'DEBUG' };
  const server = await startPluginServer({ plugins: [plugin('misbehaving.mjs')], env });
  const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
  const { url } = await serveModern();
  const gateway = await startGateway(gatewayBefore(url, [{ name: 'Plugin', kind: 'external', mcp }]), {
    env,
  });
  const client = await modernClient(gateway.url);
  await client.callTool({ name: 'throw', arguments: {} }).catch(() => {});
  const spans = await collector.until(
    (all) =>
      all.some(({ kind }) => kind === 'internal') && all.some(({ name }) => name === 'tools/call throw'),
  );
  const idsOf = (kind: string, start: string) => {
    const span = spans.find((one) => one.kind === kind && one.name.startsWith(start));
    return { trace_id: span?.traceId, span_id: span?.spanId };
  };
  const run = await server.waitForLog(({ code }) => code === 'SALLY_PLUGIN_ERROR');
  expect(run).toMatchObject(idsOf('internal', 'tool_pre_invoke'));
  const ended = await gateway.waitForLog(({ msg }) => msg.startsWith('the request ends'));
  expect(ended).toMatchObject(idsOf('client', 'tool_pre_invoke'));
  const line = await gateway.waitForLog(({ msg, method }) => msg === 'request' && method === 'tools/call');
  expect(line).toMatchObject(idsOf('server', 'tools/call throw'));
});

it('several workers make traces, and what waits goes out as they stop', async () => {
  const collector = await openCollector({ OTEL_BSP_SCHEDULE_DELAY: '600000', OTEL_SERVICE_NAME: 'edge' });
  const { url } = await serveModern();
  const gateway = await startGateway(gatewayBefore(url), { env: collector.env, args: ['--workers', '2'] });
  const client = await legacyClient(gateway.url, { headers: { traceparent } });
  await client.callTool(echo);
  expect(await gateway.stop()).toBe(0);
  const spans = collector.spans().filter(inTrace);
  const call = spans.find(({ name, kind }) => name === 'tools/call echo' && kind === 'server');
  expect(call).toMatchObject({ service: 'edge', parentSpanId: caller });
  expect(spans.find(({ kind }) => kind === 'client')).toMatchObject({ parentSpanId: call?.spanId });
});

it('a gateway on stdio takes the trace from _meta, and writes nothing but messages to its output', async () => {
  const collector = await openCollector({ OTEL_TRACES_EXPORTER: 'otlp,console' });
  const { url } = await serveModern();
  const path = await writeConfig(gatewayBefore(url));
  const client = await stdioClient({
    ...gatewayCommand('--stdio', '--config', path),
    env: { ...collector.env, LOG_FORMAT: 'json' },
  });
  await client.callTool({ ...echo, _meta: { traceparent } });
  const spans = await collector.until((all) => all.filter(inTrace).length >= 2);
  expect(spans.filter(inTrace).find(({ kind }) => kind === 'server')).toMatchObject({
    name: 'tools/call echo',
    parentSpanId: caller,
    attributes: { 'network.transport': 'pipe' },
  });
});

it.each([
  ['a variable that means nothing', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 2, 'SALLY_TRACES_VARIABLE'],
  ['a file that is not there', { OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere/ca.pem' }, 3, 'SALLY_TRACES_FILE'],
  [
    'a key of another certificate',
    {
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: cert('client.crt'),
      OTEL_EXPORTER_OTLP_CLIENT_KEY: cert('server.key'),
    },
    3,
    'SALLY_TRACES_FILE',
  ],
])('neither program starts with %s', async (_, env, status, code) => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'https://localhost:4318';
  const config = await writeConfig({ plugins: [], server_settings: { port: 8000 } });
  const gateway = await writeConfig(gatewayBefore('http://localhost:1/mcp'));
  for (const args of [
    ['serve', '--config', config],
    ['gateway', '--config', gateway, '--workers', '2'],
  ]) {
    const child = start([...args, '--port', '0'], { env: { OTEL_EXPORTER_OTLP_ENDPOINT, ...env } });
    let text = '';
    child.stderr?.on('data', (chunk) => {
      text += chunk;
    });
    expect([(await once(child, 'exit'))[0], text]).toEqual([status, expect.stringContaining(code)]);
  }
});

it('a collector that is away is one line of the log, and neither a call nor the end waits for it', async () => {
  const { url } = await serveModern();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://me:hunter2@localhost:1',
    OTEL_EXPORTER_OTLP_TIMEOUT: '200',
    OTEL_BSP_SCHEDULE_DELAY: '10',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=hunter2',
  };
  const gateway = await startGateway(gatewayBefore(url), { env });
  const client = await modernClient(gateway.url);
  for (let i = 0; i < 20; i += 1) await client.callTool(echo);
  const line = await gateway.waitForLog(({ code }) => code === 'SALLY_TRACES_EXPORT');
  expect(line.msg).toMatch(/^http:\/\/localhost:1\/v1\/traces does not take spans: .*ECONNREFUSED/);
  for (let i = 0; i < 20; i += 1) await client.callTool(echo);
  expect(await gateway.stop()).toBe(0);
  // One as it began, and at most one with the rest of them as the gateway stopped.
  expect(gateway.log.filter(({ code }) => code === 'SALLY_TRACES_EXPORT').length).toBeLessThanOrEqual(2);
  expect(JSON.stringify(gateway.log)).not.toContain('hunter2');
});

it('a collector that hangs holds up no more spans than may wait', async () => {
  const hanging = await serve(() => {});
  const { url } = await serveModern();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: hanging.url.replace('/mcp', ''),
    OTEL_BSP_SCHEDULE_DELAY: '1',
    OTEL_BSP_MAX_QUEUE_SIZE: '4',
  };
  const gateway = await startGateway(gatewayBefore(url), { env });
  const client = await modernClient(gateway.url);
  for (let i = 0; i < 10; i += 1) await client.callTool(echo);
  const line = await gateway.waitForLog(({ code }) => code === 'SALLY_TRACES_DROPPED');
  expect(line.msg).toContain('4 were waiting');
  expect(await gateway.stop()).toBe(0);
  expect(gateway.log.at(-1)?.msg).toBe('stopped');
  expect(gateway.log.filter(({ msg }) => msg.includes('no answer within 3 s at the end'))).toHaveLength(1);
});

it('variables about traces alone are set in vain without a place for them to go', async () => {
  const server = await startPluginServer({ env: { OTEL_TRACES_SAMPLER: 'always_on' } });
  expect(server.log.filter(({ code }) => code === 'SALLY_TRACES_UNUSED')).toHaveLength(1);
});

it('with console spans are lines of the log', async () => {
  const { url } = await serveModern();
  const gateway = await startGateway(gatewayBefore(url), { env: { OTEL_TRACES_EXPORTER: 'console' } });
  const client = await modernClient(gateway.url, { headers: { traceparent } });
  await client.callTool(echo);
  expect(
    await gateway.waitForLog(({ msg, kind }) => msg === 'span tools/call echo' && kind === 'server'),
  ).toMatchObject({
    trace_id: traceId,
    parent_span_id: caller,
    attributes: { 'gen_ai.tool.name': 'echo' },
  });
});

it('without the packages the error says which to install, and without the variables nobody looks for them', async () => {
  const root = join(import.meta.dirname, '../../..');
  const folder = await temporaryFolder();
  await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  await cp(join(root, 'package.json'), join(folder, 'package.json'));
  await mkdir(join(folder, 'node_modules'));
  for (const name of await readdir(join(root, 'node_modules')))
    if (name !== '@opentelemetry')
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  const config = await writeConfig({ plugins: [], server_settings: { port: 8000 } });
  const serving = (env: Record<string, string>) => {
    const args = [join(folder, 'dist/cli/main.js'), 'serve', '--config', config, '--port', '0'];
    const child = spawn(process.execPath, args, { env: { ...process.env, LOG_FORMAT: 'json', ...env } });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.on('error', () => {});
    return { child, lines: createInterface({ input: child.stderr }) };
  };
  const { child, lines } = serving({ OTEL_TRACES_EXPORTER: 'otlp' });
  let text = '';
  lines.on('line', (line) => {
    text += line;
  });
  expect((await once(child, 'exit'))[0]).toBe(3);
  expect(text).toMatch(/SALLY_TRACES_NOT_INSTALLED.*npm install @opentelemetry\/api@/);
  const [line] = await once(serving({}).lines, 'line');
  expect(line).toContain('listening on');
});

it('a program with an SDK of its own gets the spans there', async () => {
  const { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } = await import(
    '@opentelemetry/sdk-trace'
  );
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const options = { program: 'server', version: '1', log: silentLogger } as const;
  const traces = await openTraces({ ...options, env: { OTEL_TRACES_EXPORTER: 'zipkin' }, tracerProvider });
  const config = parseConfig(JSON.stringify({ plugins: [plugin('rewriter.mjs')] }), {
    path: 'test.yaml',
    cwd: process.cwd(),
    env: {},
    side: 'server',
    exists: () => true,
  });
  const server = await createPluginServer(config, {
    log: silentLogger,
    version: '1',
    ...(traces && { observer: traces.observer }),
  });
  onTestFinished(() => server.close());
  const { url } = await server.listen({ port: 0 });
  const client = await legacyClient(`${url}`, { headers: { traceparent } });
  await client.callTool({ name: 'get_plugin_configs', arguments: {} });
  const spans = exporter.getFinishedSpans();
  expect(spans.map(({ name }) => name)).toContain('tools/call get_plugin_configs');
  expect(spans.every((one) => one.parentSpanContext?.spanId === caller)).toBe(true);
  expect(await openTraces({ ...options, env: {} })).toBeUndefined();
});
