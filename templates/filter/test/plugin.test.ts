import assert from 'node:assert/strict';
import test from 'node:test';
import { fuzz, openPlugin, testGateway } from 'sallyport/testing';
import plugin from '../src/plugin.js';

const config = { words: ['hunter2', 'secret'] };

for (const over of ['process', 'mtls'] as const) {
  test(`hides words in arguments and results, at any depth (${over})`, async (t) => {
    const filter = await openPlugin(plugin, { config, over, test: t });
    const before = { name: 'echo', args: { list: [{ message: 'my secret: hunter2' }], count: 2 } };
    const { payload } = await filter.call('tool_pre_invoke', before);
    assert.deepEqual(payload.args, { list: [{ message: 'my ***: ***' }], count: 2 });
    const result = { content: [{ type: 'text', text: 'a secret' }] };
    const after = await filter.call('tool_post_invoke', { name: 'echo', result });
    assert.deepEqual(after.payload.result, { content: [{ type: 'text', text: 'a ***' }] });
  });

  test(`the MCP server never sees the word (${over})`, async (t) => {
    const gateway = await testGateway({ plugin, config, over, test: t });
    assert.equal((await gateway.callTool('echo', { message: 'it is hunter2' })).text, 'it is ***');
    assert.deepEqual(gateway.upstreamCalls[0]?.params, { name: 'echo', arguments: { message: 'it is ***' } });
  });
}

test('whatever comes: it answers, and leaves the rest alone', async () => {
  // What has no arguments, or no result, gets none: undefined is no JSON.
  await fuzz(plugin, { config, words: config.words, mayDrop: ['args', 'result'] });
});
