import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test, { after } from 'node:test';
import { call, fuzz, testGateway } from 'sallyport/testing';
import plugin from '../src/plugin.js';

/** A service that refuses one tool, breaks at another, and never answers a third. */
const service = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  const { tool } = JSON.parse(body);
  if (tool === 'hang') return;
  response.statusCode = tool === 'break' ? 500 : 200;
  response.end(JSON.stringify({ allowed: tool !== 'delete_everything', reason: 'not today' }));
});
await new Promise((listening) => service.listen(0, '127.0.0.1', () => listening(undefined)));
const address = service.address();
const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/verdict`;
const config = { url, timeout_ms: 2_000 };
after(() => {
  service.close();
  service.closeAllConnections();
});

for (const over of ['process', 'mtls'] as const) {
  test(`does as the service says (${over})`, async (t) => {
    const tools = { delete_everything: () => 'gone', search: () => 'found' };
    const gateway = await testGateway({ plugin, config, over, upstream: { tools }, test: t });
    assert.equal((await gateway.callTool('search')).text, 'found');
    assert.match((await gateway.callTool('delete_everything')).error?.message ?? '', /not today/);
    assert.deepEqual(
      gateway.upstreamCalls.map(({ params }) => params['name']),
      ['search'],
    );
  });
}

test('lets nothing pass where there is no verdict', async () => {
  const nowhere = { url: 'http://127.0.0.1:1/verdict' };
  const slow = { url, timeout_ms: 50 };
  for (const [name, given] of [
    ['break', config],
    ['hang', slow],
    ['search', nowhere],
  ] as const) {
    const { violation } = await call(plugin, 'tool_pre_invoke', { name }, { config: given });
    assert.equal(violation?.code, 'NO_VERDICT');
  }
});

test('whatever comes: it answers', async () => {
  await fuzz(plugin, { config, runs: 50 });
});
