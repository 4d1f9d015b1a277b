import { request } from 'undici';
import { expect, it } from 'vitest';
import { everything, legacyClient, modernClient, plugin, startGateway } from '../../support/gateway-run.js';
import { clientTls, startPluginServer } from '../../support/plugin-server.js';

/** The samples of a page, by their names and sorted labels. */
async function samplesOf(url: string, accept?: string) {
  const { body, headers } = await request(url, accept === undefined ? {} : { headers: { accept } });
  const text = await body.text();
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const sorted = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([pair]) => pair).sort();
    samples.set(`${name}{${sorted.join(',')}}`, Number(value));
  }
  return { text, samples, type: headers['content-type'] };
}

const pageOf = (url: string) => url.replace(/\/(mcp|health)$/, '/metrics');
const two = (first: string, second: string) =>
  [first, second].map((kind) => plugin('rewriter.mjs', { name: kind }));

it('the metrics of a gateway say what passed, what plugins decided and what each part took', async () => {
  const server = await startPluginServer({ plugins: two('First', 'Second') });
  const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
  const gateway = await startGateway({
    plugins: ['First', 'Second'].map((name, i) => ({ name, kind: 'external', priority: i, mcp })),
    gateway: { upstreams: { one: everything } },
  });
  const [legacy, modern] = [await legacyClient(gateway.url), await modernClient(gateway.url)];
  await legacy.listTools();
  for (let i = 0; i < 3; i += 1) await legacy.callTool({ name: 'echo', arguments: { message: 'hi' } });
  await modern.callTool({ name: 'echo', arguments: { message: 'hi' } });
  await legacy.callTool({ name: 'made-up', arguments: {} }).catch(() => {});
  await legacy
    .request({ method: 'made/up', params: {} }, { parse: (all: unknown) => all } as never)
    .catch(() => {});
  await request(gateway.url, { method: 'PUT' }).then(({ body }) => body.dump());

  const { samples, type, text } = await samplesOf(pageOf(gateway.url));
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
  const count = (name: string, labels: string) => samples.get(`${name}{${labels}}`);
  const requests = 'mcp_server_operation_duration_seconds_count';
  const call = 'mcp_method_name="tools/call",outcome="ok",upstream="one"';
  expect(count(requests, `era="legacy",${call}`)).toBe(3);
  expect(count(requests, `era="modern",${call}`)).toBe(1);
  expect(count(requests, 'era="legacy",mcp_method_name="other",outcome="error",upstream="one"')).toBe(1);
  expect(count('sallyport_tool_calls_total', 'outcome="ok",tool="echo",upstream="one"')).toBe(4);
  expect(text).not.toContain('made-up');
  expect(text).not.toContain('made/up');
  expect(count('mcp_client_operation_duration_seconds_count', `era="legacy",${call}`)).toBe(4);
  expect(count('sallyport_refusals_total', 'reason="http_405"')).toBe(1);
  for (const name of ['First', 'Second'])
    for (const hook of ['tool_pre_invoke', 'tool_post_invoke']) {
      const decided = `decision="modified",hook="${hook}",plugin="${name}",reason=""`;
      expect(count('sallyport_hook_calls_total', decided)).toBeGreaterThanOrEqual(4);
    }
  // What each took by itself in the chain is less than the round trip of both together.
  const total = (name: string) =>
    [...samples].filter(([key]) => key.startsWith(name)).reduce((sum, [, value]) => sum + value, 0);
  const all = total('mcp_server_operation_duration_seconds_sum');
  expect(total('sallyport_request_own_seconds_sum')).toBeLessThan(all);
  expect(total('sallyport_hook_call_seconds_sum')).toBeLessThan(all);
  expect(count('sallyport_upstream_up', 'upstream="one"')).toBe(1);
  expect(count('sallyport_upstream_connections', 'upstream="one"')).toBeGreaterThanOrEqual(1);
  expect(count('sallyport_sessions', '')).toBe(1);
  expect(count('sallyport_bytes_total', 'direction="in"')).toBeGreaterThan(1_000);
  expect(count('process_cpu_seconds_total', '')).toBeGreaterThan(0);

  const open = await samplesOf(
    pageOf(gateway.url),
    'application/openmetrics-text;version=1.0.0,text/plain;q=0.3',
  );
  expect(open.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(open.text.endsWith('# EOF\n')).toBe(true);
  expect(open.text).toContain('# TYPE sallyport_tool_calls counter\n');
  expect(open.samples.get('sallyport_tool_calls_total{outcome="ok",tool="echo",upstream="one"}')).toBe(4);

  const own = await samplesOf(pageOf(server.healthUrl ?? ''));
  const runs = 'decision="modified",hook="tool_pre_invoke",plugin="First",reason=""';
  expect(own.samples.get(`sallyport_hook_calls_total{${runs}}`)).toBeGreaterThanOrEqual(4);
  expect(own.samples.get('sallyport_bytes_total{direction="out"}')).toBeGreaterThan(1_000);
});

it('tools are counted without their names where the file says so, and violations by their codes', async () => {
  const gateway = await startGateway({
    plugins: [plugin('rewriter.mjs', { name: 'Guard' })],
    gateway: { upstreams: { one: everything }, metrics: { tool_names: false } },
  });
  const client = await legacyClient(gateway.url);
  await client.listTools();
  await client.callTool({ name: 'echo', arguments: { message: 'block' } }).catch(() => {});
  const { text, samples } = await samplesOf(pageOf(gateway.url));
  const blocked = 'decision="blocked",hook="tool_pre_invoke",plugin="Guard",reason="NO"';
  expect(samples.get(`sallyport_hook_calls_total{${blocked}}`)).toBe(1);
  expect(text).not.toContain('sallyport_tool_calls_total');
  expect(text).not.toContain('echo');
});

it('the metrics of several workers are one page, whichever of them is asked', async () => {
  const gateway = await startGateway(
    { gateway: { upstreams: { one: everything } } },
    { args: ['--workers', '2'] },
  );
  for (let i = 0; i < 4; i += 1) {
    const client = await legacyClient(gateway.url);
    await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
  }
  const up = async () =>
    (await samplesOf(pageOf(gateway.url))).samples.get('sallyport_upstream_up{upstream="one"}');
  // Each reaches the upstream by itself, and the last one counts.
  await expect.poll(up).toBe(1);
  for (let i = 0; i < 4; i += 1) {
    const { samples } = await samplesOf(pageOf(gateway.url));
    const call = 'era="legacy",mcp_method_name="tools/call",outcome="ok",upstream="one"';
    expect(samples.get(`mcp_server_operation_duration_seconds_count{${call}}`)).toBe(4);
    expect(samples.get('sallyport_sessions{}')).toBe(4);
  }
});
