import { describe, expect, it } from 'vitest';
import { opened, startWatched, stateWhere } from '../../support/console.js';
import { everything, legacyClient, plugin } from '../../support/gateway-run.js';

const plugins = [plugin('blocks-denied.mjs', { name: 'Guard', hooks: ['tool_pre_invoke'] })];
const gateway = { upstreams: { everything } };
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traced = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };

describe('what the page shows', () => {
  it.each([1, 2])('is what passes, with %i workers', { timeout: 120_000 }, async (workers) => {
    const { url, link, page } = await startWatched(
      { plugins, gateway },
      { args: ['--workers', String(workers)] },
    );
    const session = await opened(link);
    const client = await legacyClient(url, { headers: traced });
    await client.callTool({ name: 'echo', arguments: { message: 'a word' } });
    await client.callTool({ name: 'echo', arguments: { message: 'a denied word' } }).catch(() => {});
    const state = await stateWhere(page, session, ({ plugins: [guard], clients: [one], ...rest }) => {
      const [everything] = rest.upstreams;
      return guard?.calls === 2 && (one?.requests ?? 0) >= 3 && (everything?.tools ?? 0) > 0;
    });
    expect(state).toMatchObject({ workers, address: url });
    expect(state.clients).toMatchObject([{ user: null, name: 'legacy', version: '1.0.0', sessions: 1 }]);
    expect(state.plugins).toMatchObject([{ name: 'Guard', state: 'ready', calls: 2, blocked: 1, failed: 0 }]);
    expect(state.upstreams).toMatchObject([
      { name: 'everything', transport: 'stdio', state: 'up', failed: 0 },
    ]);
    const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
    expect(sum(state.traffic.requests)).toBeGreaterThanOrEqual(3);
    expect(sum(state.traffic.refused)).toBe(1);
    const about = { user: null, client: 'legacy/1.0.0', method: 'tools/call', target: 'echo', traceId };
    expect(state.decisions.filter(({ hook }) => hook === 'tool_pre_invoke')).toMatchObject([
      { ...about, plugin: 'Guard', verdict: 'continue' },
      { ...about, plugin: 'Guard', verdict: 'blocked', reason: 'DENIED_WORD' },
    ]);
    expect(JSON.stringify(state)).not.toMatch(/a word|denied word/);
  });

  it('has who was refused at the door, and why', { timeout: 60_000 }, async () => {
    const { url, link, page } = await startWatched({ gateway });
    const session = await opened(link);
    await fetch(url, { method: 'POST', headers: { Origin: 'https://elsewhere.example' }, body: '{}' });
    const { decisions } = await stateWhere(page, session, (state) => state.decisions.length > 0);
    expect(decisions).toMatchObject([{ verdict: 'refused', plugin: '', hook: '', reason: 'http_403' }]);
  });
});
