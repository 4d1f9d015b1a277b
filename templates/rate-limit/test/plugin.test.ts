import assert from 'node:assert/strict';
import test from 'node:test';
import { fuzz, openPlugin, testGateway } from 'sallyport/testing';
import plugin from '../src/plugin.js';

const config = { calls: 2, seconds: 60 };

for (const over of ['process', 'mtls'] as const) {
  test(`counts for each user (${over})`, async (t) => {
    const limit = await openPlugin(plugin, { config, over, test: t });
    const call = async (user: string) => {
      const context = { global_context: { user } };
      const { violation } = await limit.call('tool_pre_invoke', { name: 'search' }, { context });
      return violation?.code ?? 'passed';
    };
    assert.deepEqual(
      [await call('ada'), await call('ada'), await call('ada')],
      ['passed', 'passed', 'RATE_LIMIT'],
    );
    assert.equal(await call('grace'), 'passed');
  });

  test(`the client reads when to try again (${over})`, async (t) => {
    const gateway = await testGateway({ plugin, config, over, test: t });
    for (let i = 0; i < 2; i += 1)
      assert.equal((await gateway.callTool('echo', { message: 'hi' })).text, 'hi');
    assert.match((await gateway.callTool('echo')).error?.message ?? '', /try again in \d+ s/);
    assert.equal(gateway.upstreamCalls.length, 2);
  });
}

test('goes on once the time is over', async (t) => {
  const limit = await openPlugin(plugin, { config: { calls: 1, seconds: 0.05 }, test: t });
  await limit.call('tool_pre_invoke', { name: 'search' });
  await new Promise((done) => setTimeout(done, 60));
  assert.equal((await limit.call('tool_pre_invoke', { name: 'search' })).violation, null);
});

test('whatever comes: it answers', async () => {
  await fuzz(plugin, { config });
});
