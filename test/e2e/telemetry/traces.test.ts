import { join } from 'node:path';
import { expect, it } from 'vitest';
import { legacyClient, modernClient, plugin, startGateway } from '../../support/gateway-run.js';
import { serveModern, serveSessions } from '../../support/mcp-fixture.js';
import { openCollector, type ReceivedSpan, treeOf } from '../../support/otlp.js';
import { clientTls, startPluginServer } from '../../support/plugin-server.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const caller = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${caller}-01`;
const secret = 'the-words-of-nobody';

const metaServer = {
  command: process.execPath,
  args: [join(import.meta.dirname, '../../support/mcp-meta.mjs')],
};

/** A plugin server behind mutual TLS, with these plugins of it in a gateway's file. */
async function hosted(names: readonly string[], env: Record<string, string>, identity?: string) {
  const plugins = names.map((name) => plugin('misbehaving.mjs', { name }));
  const server = await startPluginServer({ plugins, env });
  const mcp = {
    proto: 'STREAMABLEHTTP',
    url: server.url,
    tls: { ...clientTls(), ...(identity && { identity }) },
  };
  const entries = names.map((name, priority) => ({
    name,
    kind: 'external',
    priority,
    mcp,
    hooks: ['tool_pre_invoke'],
  }));
  return { server, plugins: entries };
}

const ofRequest = (name: string) => (spans: readonly ReceivedSpan[]) =>
  spans.some((span) => span.name === name && span.service === 'sallyport-gateway' && span.kind === 'server');

const inTrace = (spans: readonly ReceivedSpan[], id = traceId) => spans.filter((span) => span.traceId === id);
const named = (spans: readonly ReceivedSpan[], name: string) =>
  spans.find((span) => span.name === name) as ReceivedSpan;

/** The ids of a `traceparent`. */
const read = (header: unknown) => {
  const [, trace, span, flags] = String(header).split('-');
  return { trace, span, flags };
};

const isServed = ({ kind, name, service }: ReceivedSpan) =>
  kind === 'server' && name === 'tools/call echo' && service === 'sallyport-gateway';

/** The span of the client's call, and all below it. */
function callIn(all: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  const under = (id: string): readonly ReceivedSpan[] => {
    const own = all.filter(({ parentSpanId }) => parentSpanId === id);
    return [...own, ...own.flatMap(({ spanId }) => under(spanId))];
  };
  return all.filter(isServed).flatMap((call) => [call, ...under(call.spanId)]);
}

/** One plugin after another is asked, in a request each. */
const oneByOne = [
  'sallyport-gateway server tools/call echo',
  '  sallyport-gateway client tool_pre_invoke One',
  '    sallyport-plugin-server server tools/call invoke_hook',
  '      sallyport-plugin-server internal tool_pre_invoke One',
  '  sallyport-gateway client tool_pre_invoke Two',
  '    sallyport-plugin-server server tools/call invoke_hook',
  '      sallyport-plugin-server internal tool_pre_invoke Two',
  '  sallyport-gateway client tools/call echo',
];
/** Both are asked in one request, which went out for the first. */
const inOneRequest = [
  'sallyport-gateway server tools/call echo',
  '  sallyport-gateway client tool_pre_invoke One',
  '    sallyport-plugin-server internal tool_pre_invoke One',
  '    sallyport-plugin-server server tools/call invoke_hooks',
  '  sallyport-gateway client tool_pre_invoke Two',
  '    sallyport-plugin-server internal tool_pre_invoke Two',
  '  sallyport-gateway client tools/call echo',
];

for (const [era, serve, connect, way, identity, tree] of [
  ['2025-11-25', serveSessions, legacyClient, 'one by one', undefined, oneByOne],
  ['2026-07-28', serveModern, modernClient, 'in one request', 'host', inOneRequest],
] as const) {
  it(`makes one trace from a client of ${era} through two plugins, asked ${way}, to an upstream`, async () => {
    const collector = await openCollector();
    const { plugins } = await hosted(['One', 'Two'], collector.env, identity);
    const { url, seen } = await serve();
    const gateway = await startGateway(
      { plugins, gateway: { upstreams: { web: { url } } } },
      { env: collector.env },
    );
    const client = await connect(gateway.url, {
      headers: { traceparent, tracestate: 'vendor=1', baggage: 'k=v' },
    });
    await client.callTool({ name: 'echo', arguments: { text: secret } });
    const spans = callIn(await collector.until((all) => callIn(all).length >= tree.length));
    expect(treeOf(spans)).toEqual(tree);
    expect(new Set(spans.map((one) => one.traceId))).toEqual(new Set([traceId]));
    const server = spans.find(isServed);
    expect(server).toMatchObject({
      parentSpanId: caller,
      failed: false,
      attributes: {
        'mcp.method.name': 'tools/call',
        'mcp.protocol.version': era,
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'echo',
        'network.transport': 'tcp',
        'network.protocol.name': 'http',
        'sallyport.upstream': 'web',
        'jsonrpc.request.id': expect.anything(),
      },
    });
    // What came in one request with others tells where it came in.
    const request = spans.find(({ name }) => name === 'tools/call invoke_hooks');
    for (const run of spans.filter(({ kind }) => kind === 'internal'))
      expect(run.links).toEqual(request ? [request.spanId] : []);
    const toUpstream = spans.find(({ name, kind }) => name === 'tools/call echo' && kind === 'client');
    expect(toUpstream?.attributes).toMatchObject({
      'server.address': 'localhost',
      'mcp.protocol.version': era,
    });
    expect(toUpstream?.attributes['jsonrpc.request.id']).toBeDefined();
    const sent = seen.requests.find(({ body }) => body.includes('"tools/call"'));
    const { _meta } = JSON.parse(sent?.body ?? '').params;
    expect(read(sent?.headers['traceparent'])).toEqual({
      trace: traceId,
      span: toUpstream?.spanId,
      flags: '01',
    });
    expect(_meta).toMatchObject({ traceparent: sent?.headers['traceparent'], tracestate: 'vendor=1' });
    expect(sent?.headers).toMatchObject({ tracestate: 'vendor=1', baggage: 'k=v' });
    expect(collector.exports.join('\n')).not.toContain(secret);
  });
}

it('takes the trace of _meta before that of the headers, and links the two', async () => {
  const collector = await openCollector();
  const { url } = await serveModern();
  const gateway = await startGateway({ gateway: { upstreams: { web: { url } } } }, { env: collector.env });
  const client = await modernClient(gateway.url, { headers: { traceparent } });
  const ofMessage = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
  await client.callTool({ name: 'echo', arguments: {}, _meta: { traceparent: ofMessage } });
  const spans = await collector.until(ofRequest('tools/call echo'));
  const server = spans.find(({ name, kind }) => name === 'tools/call echo' && kind === 'server');
  expect(server).toMatchObject({ traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16), links: [caller] });
});

it('goes on over stdio, in _meta', async () => {
  const collector = await openCollector();
  const gateway = await startGateway(
    { gateway: { upstreams: { meta: metaServer } } },
    { env: collector.env },
  );
  const client = await legacyClient(gateway.url, {
    headers: { traceparent, tracestate: 'vendor=1', baggage: 'k=v' },
  });
  const { content } = await client.callTool({ name: 'meta', arguments: {} });
  const meta = JSON.parse((content as { text: string }[])[0]?.text ?? '');
  const spans = await collector.until(ofRequest('tools/call meta'));
  const call = spans.find(({ name, kind }) => name === 'tools/call meta' && kind === 'client');
  expect(call?.attributes['network.transport']).toBe('pipe');
  expect(read(meta.traceparent)).toEqual({ trace: traceId, span: call?.spanId, flags: '01' });
  expect(meta).toMatchObject({ tracestate: 'vendor=1', baggage: 'k=v' });
});

it('records nothing of a trace that its client does not sample, and says so to those behind', async () => {
  const collector = await openCollector();
  const { plugins, server } = await hosted(['One', 'Two'], { ...collector.env, LOG_LEVEL: 'DEBUG' });
  const { url, seen } = await serveModern();
  const gateway = await startGateway(
    { plugins, gateway: { upstreams: { web: { url } } } },
    { env: collector.env },
  );
  const quiet = await modernClient(gateway.url, { headers: { traceparent: `00-${traceId}-${caller}-00` } });
  await quiet.callTool({ name: 'echo', arguments: {} });
  const { body, headers } = seen.requests.find(({ body }) =>
    body.includes('"tools/call"'),
  ) as (typeof seen.requests)[0];
  const sent = read(headers['traceparent']);
  expect(sent).toMatchObject({ trace: traceId, flags: '00' });
  expect(sent.span).not.toBe(caller);
  expect(body).toContain(sent.span);
  // What comes after it is recorded, and so was everything before.
  const loud = await modernClient(gateway.url, {
    headers: { traceparent: `00-${'3'.repeat(32)}-${caller}-01` },
  });
  await loud.callTool({ name: 'echo', arguments: {} });
  const all = await collector.until((spans) => ofRequest('tools/call echo')(spans));
  expect(inTrace(all)).toEqual([]);
  const run = await server.waitForLog(({ msg, trace_id }) => msg === 'hook call' && trace_id === traceId);
  expect(run['span_id']).toMatch(/^[\da-f]{16}$/);
  const line = gateway.log.find(({ msg, trace_id }) => msg === 'request' && trace_id === traceId);
  expect(line?.['span_id']).not.toBe(caller);
});

it('shows what a plugin blocks by the code of its violation, and nothing else of it', async () => {
  const collector = await openCollector();
  const { plugins } = await hosted(['One'], collector.env);
  const gateway = await startGateway(
    {
      plugins,
      gateway: { upstreams: { told: { ...told, args: [...told.args, '--tools', 'block,throw'] } } },
    },
    { env: collector.env },
  );
  const client = await legacyClient(gateway.url, { headers: { traceparent } });
  await client.callTool({ name: 'block', arguments: { secret } }).catch(() => {});
  const all = inTrace(
    await collector.until(
      (spans) => ofRequest('tools/call block')(spans) && spans.some(({ kind }) => kind === 'internal'),
    ),
  );
  const hook = all.find(({ kind, name }) => kind === 'client' && name === 'tool_pre_invoke One');
  const run = all.find(({ kind }) => kind === 'internal');
  for (const span of [hook, run]) {
    expect(span).toMatchObject({
      failed: false,
      attributes: {
        'sallyport.decision': 'blocked',
        'sallyport.violation.code': 'NOT_THIS',
        'sallyport.plugin': 'One',
        'sallyport.hook': 'tool_pre_invoke',
      },
    });
  }
  const parent = all.find(({ spanId }) => spanId === run?.parentSpanId);
  expect(parent).toMatchObject({
    name: 'tools/call invoke_hook',
    kind: 'server',
    parentSpanId: hook?.spanId,
  });
  expect(
    all.find(({ name, kind }) => kind === 'server' && name.startsWith('tools/call block')),
  ).toMatchObject({
    failed: true,
    attributes: { 'error.type': '-32001', 'rpc.response.status_code': '-32001' },
  });
  const text = collector.exports.join('\n');
  for (const word of [secret, 'not this one', 'No"']) expect(text).not.toContain(word);
});

it('shows what fails by its code: a plugin, an upstream, a tool, a request that is refused', async () => {
  const collector = await openCollector();
  const { plugins } = await hosted(['One'], collector.env);
  const { url } = await serveSessions();
  const gateway = await startGateway(
    {
      plugins: plugins.map((one) => ({ ...one, conditions: [{ tools: ['throw'] }] })),
      gateway: {
        upstreams: {
          web: { url, prefix: 'never' },
          told: { ...told, args: [...told.args, '--tools', 'throw,exit'], prefix: 'never' },
        },
      },
    },
    { env: collector.env },
  );
  const client = await legacyClient(gateway.url, { headers: { traceparent } });
  await client.callTool({ name: 'throw', arguments: {} }).catch(() => {});
  await client.callTool({ name: 'exit', arguments: {} }).catch(() => {});
  await client.callTool({ name: 'nobody-has-it', arguments: {} }).catch(() => {});
  await fetch(gateway.url, { method: 'PUT', headers: { traceparent } });
  const all = inTrace(
    await collector.until(
      (spans) => spans.some(({ name }) => name === 'PUT') && spans.some(({ kind }) => kind === 'internal'),
    ),
  );
  const hook = all.find(({ kind, name }) => kind === 'client' && name === 'tool_pre_invoke One');
  expect(hook).toMatchObject({
    failed: true,
    attributes: { 'sallyport.decision': 'failed', 'error.type': 'SALLY_PLUGIN_ERROR' },
  });
  expect(all.find(({ kind }) => kind === 'internal')).toMatchObject({ failed: true });
  const lost = all.find(({ kind, name }) => kind === 'client' && name === 'tools/call exit');
  expect(lost).toMatchObject({
    failed: true,
    attributes: { 'error.type': expect.stringMatching(/^SALLY_UPSTREAM_/) },
  });
  // A name that no upstream has is in no name of a span: a client could make up as many as it likes.
  const unknown = all.find(({ attributes }) => attributes['gen_ai.tool.name'] === 'nobody-has-it');
  expect(unknown).toMatchObject({ name: 'tools/call', failed: true });
  expect(named(all, 'PUT')).toMatchObject({
    failed: false,
    parentSpanId: caller,
    attributes: { 'http.request.method': 'PUT', 'http.response.status_code': 405 },
  });
});

const told = {
  command: process.execPath,
  args: [join(import.meta.dirname, '../../support/mcp-told.mjs')],
};
