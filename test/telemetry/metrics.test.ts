import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { PluginTimeout, UpstreamDown } from '../../src/errors.js';
import { exposition, openTrafficMetrics } from '../../src/telemetry/index.js';
import { metricTable } from '../../src/telemetry/metric-table.js';
import type { Observer, ServedCall } from '../../src/telemetry/observer.js';

const methods: ReadonlySet<string> = new Set(['tools/call', 'tools/list']);

async function open() {
  const registry = new Registry();
  const observer = openTrafficMetrics(registry, { methods, toolNames: true, of: 'gateway' });
  const page = async () => (await exposition(registry)).text;
  const sample = async (name: string) => {
    const line = (await page()).split('\n').find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  };
  return { observer, page, sample };
}

const call = (method: string): ServedCall => ({
  id: 1,
  requestId: 'r',
  method,
  params: {},
  client: {
    era: 'legacy',
    revision: '2025-11-25',
    info: {},
    identity: { user: null, tenant: null, method: 'none' },
  },
  abandoned: undefined,
});

function serve(observer: Observer, target: string, upstream = 'one'): void {
  const watched = observer.request?.({ method: 'POST', headers: {} });
  watched?.serves?.(call('tools/call'));
  watched?.routed?.(upstream, target);
  watched?.end({ kind: 'served', response: { result: {} } });
}

const list = (names: readonly string[]) => ({ result: { tools: names.map((name) => ({ name })) } });

describe('labels are bounded', () => {
  it('tools are known once a list of their upstream had them', async () => {
    const { observer, sample } = await open();
    const named = (tool: string) =>
      sample(`sallyport_tool_calls_total{upstream="one",tool="${tool}",outcome="ok"}`);
    serve(observer, 'echo');
    observer
      .upstreamCall?.({
        upstream: 'one',
        method: 'tools/list',
        era: 'modern',
        params: {},
        revision: '2026-07-28',
        server: undefined,
      })
      ?.end(list(['echo']));
    serve(observer, 'echo');
    serve(observer, 'made-up');
    expect([await named('echo'), await named('other'), await named('made-up')]).toEqual([1, 2, undefined]);
    // Of another upstream it is another tool.
    serve(observer, 'echo', 'two');
    expect(await sample('sallyport_tool_calls_total{upstream="two",tool="other",outcome="ok"}')).toBe(1);
  });

  it('a plugin has a hundred codes, and no more', async () => {
    const { observer, page } = await open();
    for (let i = 0; i < 1_000; i += 1) {
      const start = { plugin: 'P', hook: 'tool_pre_invoke', request: 'r' };
      observer.hookCall?.(start)?.end({ decision: 'blocked', violation: `V${i}` });
    }
    const lines = (await page()).split('\n').filter((line) => line.startsWith('sallyport_hook_calls_total{'));
    expect(lines).toHaveLength(101);
    expect(lines.find((line) => line.includes('reason="other"'))).toMatch(/ 900$/);
  });

  it('methods that are none of MCP are one', async () => {
    const { observer, page } = await open();
    for (const method of ['a', 'b', 'tools/call']) {
      const watched = observer.request?.({ headers: {} });
      watched?.serves?.(call(method));
      watched?.end({ kind: 'served', response: { error: { code: -32601 } } });
    }
    const text = await page();
    expect(text).toMatch(/duration_seconds_count\{mcp_method_name="other",[^}]*outcome="error"\} 2/);
    expect(text).toMatch(/duration_seconds_count\{mcp_method_name="tools\/call",[^}]*\} 1/);
  });
});

describe('what is counted', () => {
  it('failures by the codes of the registry, of others only that they failed', async () => {
    const { observer, page } = await open();
    const upstreamCall = () =>
      observer.upstreamCall?.({
        upstream: 'one',
        method: 'tools/call',
        era: 'legacy',
        params: {},
        revision: '2025-11-25',
        server: undefined,
      });
    upstreamCall()?.end({ failed: UpstreamDown({ upstream: 'one', reason: 'it is not connected' }) });
    upstreamCall()?.end({ failed: Object.assign(new Error('x'), { code: 'SALLY_OF_NOBODY' }) });
    const watched = observer.request?.({ headers: {} });
    watched?.serves?.(call('tools/call'));
    watched?.end({ kind: 'served', response: { error: { code: 1, data: { code: 'SALLY_UPSTREAM_DOWN' } } } });
    observer
      .hookCall?.({ plugin: 'P', hook: 'h', request: 'r' })
      ?.end({ decision: 'failed', error: PluginTimeout({ plugin: 'P', hook: 'h', seconds: 1 }) });
    const text = await page();
    expect(text).toContain('outcome="SALLY_UPSTREAM_DOWN"');
    expect(text).toContain('outcome="failed"');
    expect(text).not.toContain('SALLY_OF_NOBODY');
    expect(text).toContain('sallyport_errors_total{code="SALLY_UPSTREAM_DOWN"} 1');
    expect(text).toContain('decision="failed",reason="SALLY_PLUGIN_TIMEOUT"');
  });

  it('of plugins in one round trip what each took, where their server says so', async () => {
    const { observer, sample } = await open();
    const start = { plugin: 'P', hook: 'h', request: 'r' };
    observer.hookCall?.(start)?.end({ decision: 'continue', tookMs: 250 });
    observer.hookCall?.(start)?.end({ decision: 'skipped' });
    expect(await sample('sallyport_hook_call_seconds_sum{plugin="P",hook="h"}')).toBe(0.25);
    expect(await sample('sallyport_hook_call_seconds_count{plugin="P",hook="h"}')).toBe(1);
  });
});

describe('the table', () => {
  it('has names by the rules of Prometheus, which stay apart in OpenMetrics too', () => {
    const rows = Object.values(metricTable);
    for (const { name, kind } of rows) {
      expect(name).toMatch(/^(sallyport|mcp)_[a-z_]+$/);
      expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter']);
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
    }
    const families = rows.map(({ name }) => name.replace(/_total$/, ''));
    expect(new Set(families).size).toBe(families.length);
  });
});
