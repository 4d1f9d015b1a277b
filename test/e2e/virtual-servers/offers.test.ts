import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  everything,
  filesystem,
  firstText,
  legacyClient,
  modernClient,
  type RunningGateway,
  startGateway,
} from '../../support/gateway-run.js';

const servers = {
  research: {
    title: 'Research',
    instructions: 'Ask the echo.',
    tools: [
      'one__get-sum',
      { name: 'one__echo', as: 'say', title: 'Say it', description: 'Says what it is given.' },
      { name: 'one__get-sum', as: 'add-one', defaults: { a: 40 }, fixed: { b: 1 } },
    ],
    prompts: [{ name: 'one__args-prompt', as: 'weather', fixed: { city: 'Oslo' } }],
    resources: ['demo://resource/static/document/arch*', 'demo://resource/dynamic/text/{resourceId}'],
  },
  all: { tools: ['*'], prompts: ['*'], resources: ['*'] },
  two: { tools: ['two__*'] },
};

const start = (more: object = {}) =>
  startGateway({ gateway: { upstreams: { one: everything, two: everything }, servers, ...more } });

const at = ({ url }: RunningGateway, server: string) => url.replace('/mcp', `/servers/${server}/mcp`);

describe.each([
  ['with sessions', legacyClient],
  ['without sessions', modernClient],
] as const)('a virtual server, to a client %s,', (_, connect) => {
  it('offers what it lists, under its names, and nothing else', async () => {
    const gateway = await start();
    const client = await connect(at(gateway, 'research'));
    expect(client.getServerVersion()).toMatchObject({ name: 'research', title: 'Research' });
    expect(client.getInstructions()).toBe('Ask the echo.');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual(['add-one', 'one__get-sum', 'say']);
    expect(tools.find(({ name }) => name === 'say')).toMatchObject({
      title: 'Say it',
      description: 'Says what it is given.',
    });
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(['weather']);
    expect(prompts[0]?.arguments?.map(({ name }) => name)).toEqual(['state']);
    const { resources } = await client.listResources();
    const architecture = 'demo://resource/static/document/architecture.md';
    expect(resources.map(({ uri }) => uri).sort()).toEqual([
      `sallyport://one/${architecture}`,
      `sallyport://two/${architecture}`,
    ]);
    const said = await client.callTool({ name: 'say', arguments: { message: 'hello' } });
    expect(firstText(said)).toBe('Echo: hello');
    const prompt = await client.getPrompt({ name: 'weather', arguments: {} });
    expect(JSON.stringify(prompt.messages)).toContain('Oslo');
    const read = await client.readResource({ uri: 'demo://resource/dynamic/text/7' });
    expect(read.contents).toHaveLength(1);
    for (const name of ['echo', 'one__echo', 'two__get-sum', 'get-sum'])
      await expect(client.callTool({ name, arguments: { message: 'hello' } }), name).rejects.toThrow(
        `there is no tool '${name}'`,
      );
    await expect(
      client.getPrompt({ name: 'one__args-prompt', arguments: { city: 'Rome' } }),
    ).rejects.toThrow();
    await expect(client.readResource({ uri: 'demo://resource/dynamic/blob/7' })).rejects.toThrow();
    await expect(
      client.readResource({ uri: 'demo://resource/static/document/features.md' }),
    ).rejects.toThrow();
  });

  it('fills in arguments: those that are fixed are in no schema and in every call', async () => {
    const gateway = await start();
    const client = await connect(at(gateway, 'research'));
    const { tools } = await client.listTools();
    const { inputSchema } = tools.find(({ name }) => name === 'add-one') as (typeof tools)[number];
    expect(Object.keys(inputSchema.properties ?? {})).toEqual(['a']);
    expect(inputSchema.properties?.['a']).toMatchObject({ default: 40 });
    expect(inputSchema.required ?? []).toEqual([]);
    const call = async (args: object) =>
      firstText(await client.callTool({ name: 'add-one', arguments: { ...args } }));
    expect(await call({})).toContain('41');
    expect(await call({ a: 1 })).toContain('is 2');
    expect(await call({ a: 1, b: 50 })).toContain('is 2');
  });

  it('takes patterns of names as they are at /mcp', async () => {
    const gateway = await start();
    const plain = await connect(gateway.url);
    const all = await connect(at(gateway, 'all'));
    const two = await connect(at(gateway, 'two'));
    expect((await all.listTools()).tools).toEqual((await plain.listTools()).tools);
    expect((await all.listResources()).resources).toEqual((await plain.listResources()).resources);
    const { tools } = await two.listTools();
    expect(tools.length).toBeGreaterThan(3);
    expect(tools.filter(({ name }) => !name.startsWith('two__'))).toEqual([]);
    expect(Object.keys(two.getServerCapabilities() ?? {})).not.toContain('prompts');
  });
});

it('is there below base_path and with a slash at its end, and no other is', async () => {
  const gateway = await start({ base_path: '/gw' });
  expect(gateway.url).toContain('/gw/mcp');
  const slash = await legacyClient(`${at(gateway, 'two')}/`);
  expect((await slash.listTools()).tools.length).toBeGreaterThan(3);
  for (const path of ['/servers/two/mcp', '/gw/servers/three/mcp', '/gw/servers//mcp', '/gw/servers/two']) {
    const reply = await fetch(new URL(path, gateway.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(reply.status, path).toBe(404);
  }
});

it('gives aliases to names that are no names of tools, and renames what has one', async () => {
  const gateway = await startGateway({
    gateway: {
      upstreams: { 'files.of.the.house': filesystem(join(import.meta.dirname)), one: everything },
      servers: {
        dots: {
          tools: ['files.of.the.house__list_*', { name: 'files.of.the.house__read_text_file', as: 'read' }],
        },
      },
    },
  });
  const client = await modernClient(at(gateway, 'dots'));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name.replace(/_[0-9a-f]{8}$/, ''))).toEqual([
    'read',
    'files_of_the_house__list_directory',
    'files_of_the_house__list_directory_with_sizes',
    'files_of_the_house__list_allowed_directories',
  ]);
  const alias = tools.at(-1)?.name ?? '';
  expect(firstText(await client.callTool({ name: alias, arguments: {} }))).toContain('virtual-servers');
  const path = join(import.meta.dirname, 'offers.test.ts');
  const read = await client.callTool({ name: 'read', arguments: { path, head: 1 } });
  expect(firstText(read)).toContain('node:path');
});
