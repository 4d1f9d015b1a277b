import assert from 'node:assert/strict';
import test from 'node:test';
import { call, fuzz, testGateway } from 'sallyport/testing';
import plugin from '../src/plugin.js';

const config = { denied: ['delete_everything'], except: ['ada@example.org'] };

for (const over of ['process', 'mtls'] as const) {
  test(`blocks the tool, and lets pass who may call it (${over})`, async () => {
    const payload = { name: 'delete_everything', args: {} };
    const blocked = await call(plugin, 'tool_pre_invoke', payload, { config, over });
    assert.equal(blocked.violation?.code, 'TOOL_DENIED');
    for (const user of ['ada@example.org', { email: 'ada@example.org' }]) {
      const context = { global_context: { user } };
      const passed = await call(plugin, 'tool_pre_invoke', payload, { config, context, over });
      assert.equal(passed.continue_processing, true);
    }
  });

  test(`the MCP server never hears of the call (${over})`, async (t) => {
    const tools = { delete_everything: () => 'gone', search: () => 'found' };
    const gateway = await testGateway({ plugin, config, over, upstream: { tools }, test: t });
    assert.match((await gateway.callTool('delete_everything')).error?.message ?? '', /not allowed here/);
    assert.equal((await gateway.callTool('search')).text, 'found');
    assert.deepEqual(
      gateway.upstreamCalls.map(({ params }) => params['name']),
      ['search'],
    );
  });
}

test('a config that is not valid keeps it from starting', async () => {
  const started = call(plugin, 'tool_pre_invoke', { name: 'search' }, { config: { denyed: [] } });
  await assert.rejects(started, { code: 'SALLY_PLUGIN_CONFIG' });
});

test('whatever comes: it answers, and blocks what it has to', async () => {
  await fuzz(plugin, {
    config,
    words: config.denied,
    check: ({ hook, payload, called }) => {
      const denied = hook === 'tool_pre_invoke' && config.denied.includes(String(payload['name']));
      assert.equal(called.continue_processing, !denied);
    },
  });
});
