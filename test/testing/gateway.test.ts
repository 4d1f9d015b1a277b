import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { block, definePlugin, modify } from '../../src/plugin/index.js';
import { replay, testGateway } from '../../src/testing/index.js';
import { temporaryFolder } from '../support/folder.js';
import { legacyClient } from '../support/gateway-run.js';

const plugin = definePlugin({
  setup: () => ({
    hooks: {
      tool_pre_invoke: ({ name, args }) => {
        if (args?.['message'] === 'boom') throw new Error('no, not this');
        return name === 'rm'
          ? block({ reason: 'Denied', code: 'DENIED' })
          : modify({ name, args: { ...args, seen: 1.5 } });
      },
    },
  }),
});

const upstream = {
  tools: {
    rm: () => 'never',
    sum: ({ a, b }: Record<string, unknown>) => Number(a) + Number(b),
    fail: () => {
      throw new Error('no disk');
    },
    whole: () => ({ content: [], structuredContent: { a: 1 } }),
  },
  prompts: { hello: ({ name }: Record<string, string>) => `Hello, ${name}` },
  resources: { 'note://one': () => 'one' },
};

describe.each(['process', 'mtls'] as const)('a test gateway, its plugin over %s', (over) => {
  it('says what the client got, what reached the upstream, and what the plugin was asked', async (test) => {
    const gateway = await testGateway({ plugin, over, upstream, test });
    expect(await gateway.callTool('sum', { a: 1, b: 2 })).toMatchObject({ text: '3' });
    expect((await gateway.callTool('rm')).error?.message).toBe('Plugin Violation: Denied');
    expect((await gateway.callTool('sum', { message: 'boom' })).error?.message).toContain('Plugin');
    expect(gateway.upstreamCalls).toEqual([
      { method: 'tools/call', params: { name: 'sum', arguments: { a: 1, b: 2, seen: 1.5 } } },
    ]);
    expect(gateway.exchanges).toMatchObject([
      {
        hook: 'tool_pre_invoke',
        payload: { name: 'sum' },
        answer: { modified_payload: { args: { seen: 1.5 } } },
      },
      { hook: 'tool_pre_invoke', payload: { name: 'rm' }, answer: { continue_processing: false } },
      { hook: 'tool_pre_invoke', payload: { name: 'sum' }, error: 'no, not this' },
    ]);
  });

  it('what was recorded is replayed, and what differs is told', async (test) => {
    const gateway = await testGateway({ plugin, over, upstream, test });
    await gateway.callTool('sum', { a: 1, b: 2 });
    await gateway.callTool('rm');
    await gateway.callTool('sum', { message: 'boom' });
    const recorded = JSON.parse(JSON.stringify(gateway.exchanges));
    await replay(plugin, recorded, { over });
    const other = definePlugin({ setup: () => ({ hooks: { tool_pre_invoke: () => undefined } }) });
    await expect(replay(other, recorded, { over })).rejects.toMatchObject({
      code: 'SALLY_TESTING_REPLAY',
      context: { index: 0, hook: 'tool_pre_invoke', now: 'was answered with null' },
    });
  });
});

describe('a test gateway', () => {
  it('has tools, prompts and resources behind it, and is there for another client', async (test) => {
    const gateway = await testGateway({ upstream, test });
    expect(await gateway.callTool('fail')).toMatchObject({ text: 'no disk', result: { isError: true } });
    expect((await gateway.callTool('whole')).result).toMatchObject({ structuredContent: { a: 1 } });
    expect((await gateway.callTool('none')).error?.code).toBe(-32602);
    expect(await gateway.request('prompts/get', { name: 'hello', arguments: { name: 'Ada' } })).toMatchObject(
      {
        result: { messages: [{ role: 'user', content: { type: 'text', text: 'Hello, Ada' } }] },
      },
    );
    expect(await gateway.request('resources/read', { uri: 'note://one' })).toMatchObject({
      result: { contents: [{ uri: 'note://one', text: 'one' }] },
    });
    const client = await legacyClient(await gateway.listen());
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['rm', 'sum', 'fail', 'whole']);
  });

  it('runs a file as it is, its upstream from serveUpstream', async (test) => {
    const folder = await temporaryFolder();
    const library = resolve(import.meta.dirname, '../../dist/testing/index.js');
    const server = `import { serveUpstream } from ${JSON.stringify(library)};\nawait serveUpstream({ tools: { hi: ({ name }) => \`Hi, \${name}\` } });\n`;
    await writeFile(join(folder, 'upstream.mjs'), server);
    const file = join(folder, 'gateway.yaml');
    const command = JSON.stringify([process.execPath, join(folder, 'upstream.mjs')]);
    const [program, script] = JSON.parse(command) as string[];
    await writeFile(
      file,
      JSON.stringify({ plugins: [], gateway: { upstreams: { u: { command: program, args: [script] } } } }),
    );
    const gateway = await testGateway({ file, test });
    expect(await gateway.callTool('hi', { name: 'Ada' })).toMatchObject({ text: 'Hi, Ada' });
  });

  it('where the plugin cannot be set up says why, and leaves nothing open', async () => {
    const broken = definePlugin({
      setup: () => {
        throw new Error('no database');
      },
    });
    for (const over of ['process', 'mtls'] as const)
      await expect(testGateway({ plugin: broken, over })).rejects.toMatchObject({
        code: 'SALLY_PLUGIN_SETUP',
        message: expect.stringContaining('no database'),
      });
  });
});
