import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../../support/folder.js';
import {
  everything,
  filesystem,
  gatewayCommand,
  legacyClient,
  memory,
  modernClient,
  startGateway,
  stdioClient,
} from '../../support/gateway-run.js';

type Result = Record<string, unknown>;
/** One request, and its result as it came. */
type Ask = (method: string, params?: object) => Promise<Result>;

const anything = z.record(z.string(), z.unknown());

/** Nothing is validated on the way: what is compared is what was sent. */
function asker(client: Pick<Client, 'request'>, legacy = true): Ask {
  return async (method, params = {}) => {
    try {
      return (await client.request({ method, params } as never, anything as never)) as Result;
    } catch (error) {
      // The first generation of the SDK puts this before what the server said.
      const message = (error as Error).message.replace(legacy ? /^MCP error -?\d+: / : '', '');
      return { error: { code: (error as { code?: unknown }).code, message } };
    }
  };
}

/** Every page of a list. */
async function all(ask: Ask, method: string, key: string): Promise<Result[]> {
  const items: Result[] = [];
  for (let cursor: unknown; ; ) {
    const page = await ask(method, cursor === undefined ? {} : { cursor });
    items.push(...((page[key] ?? []) as Result[]));
    cursor = page['nextCursor'];
    if (cursor === undefined) return items;
  }
}

async function lists(ask: Ask) {
  return {
    tools: await all(ask, 'tools/list', 'tools'),
    prompts: await all(ask, 'prompts/list', 'prompts'),
    resources: await all(ask, 'resources/list', 'resources'),
    templates: await all(ask, 'resources/templates/list', 'resourceTemplates'),
  };
}

/** Calls for every tool that gives the same twice, in an order that builds on itself. */
const everythingCalls: [string, object][] = [
  ['echo', { message: 'grüße {"a": 1} \u0000 \ud83d\ude00' }],
  ['get-sum', { a: 1, b: 2.5 }],
  ['get-sum', { a: 'x' }],
  ['get-tiny-image', {}],
  ['get-annotated-message', { messageType: 'error', includeImage: true }],
  ['get-resource-links', { count: 3 }],
  ['get-resource-reference', { resourceType: 'Text', resourceId: 1 }],
  ['get-structured-content', { location: 'Chicago' }],
  ['no-such-tool', {}],
];

const filesystemCalls = (folder: string): [string, object][] => {
  const path = (name: string) => join(folder, name);
  return [
    ['list_allowed_directories', {}],
    ['create_directory', { path: path('made') }],
    ['write_file', { path: path('made/a.txt'), content: 'one\ntwo\n' }],
    ['edit_file', { path: path('made/a.txt'), edits: [{ oldText: 'two', newText: 'zwei' }], dryRun: true }],
    ['read_file', { path: path('made/a.txt') }],
    ['read_text_file', { path: path('made/a.txt'), head: 1 }],
    ['read_media_file', { path: path('pixel.png') }],
    ['read_multiple_files', { paths: [path('b.txt'), path('none.txt')] }],
    ['move_file', { source: path('made/a.txt'), destination: path('c.txt') }],
    ['list_directory', { path: folder }],
    ['list_directory_with_sizes', { path: folder, sortBy: 'size' }],
    ['directory_tree', { path: folder }],
    ['search_files', { path: folder, pattern: '*.txt' }],
    ['read_text_file', { path: '/etc/passwd' }],
  ];
};

const memoryCalls: [string, object][] = [
  ['create_entities', { entities: [{ name: 'Ada', entityType: 'person', observations: ['first'] }] }],
  ['create_entities', { entities: [{ name: 'Engine', entityType: 'thing', observations: [] }] }],
  ['create_relations', { relations: [{ from: 'Ada', to: 'Engine', relationType: 'programs' }] }],
  ['add_observations', { observations: [{ entityName: 'Ada', contents: ['countess'] }] }],
  ['search_nodes', { query: 'countess' }],
  ['open_nodes', { names: ['Ada', 'Engine'] }],
  ['delete_observations', { deletions: [{ entityName: 'Ada', observations: ['first'] }] }],
  ['delete_relations', { relations: [{ from: 'Ada', to: 'Engine', relationType: 'programs' }] }],
  ['read_graph', {}],
  ['delete_entities', { entityNames: ['Ada', 'Engine'] }],
  ['read_graph', {}],
  ['add_observations', { observations: [{ entityName: 'Nobody', contents: [] }] }],
];

/** What both eras have in common: the newer one says more about a result, around it. */
function plain({ resultType, _meta, ttlMs, cacheScope, ...result }: Result): Result {
  const meta = Object.entries((_meta ?? {}) as Result).filter(([name]) => !name.endsWith('/serverInfo'));
  return meta.length === 0 ? result : { ...result, _meta: Object.fromEntries(meta) };
}

async function prepared(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'b.txt'), 'three');
  await writeFile(join(folder, 'pixel.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47]));
  return folder;
}

/** Three ways into the same gateway, and the server without it. */
const ways = {
  'a session client': async (upstream: object) => {
    const { url } = await startGateway({ gateway: { upstreams: { one: upstream } } });
    return asker(await legacyClient(url));
  },
  'a stateless client': async (upstream: object) => {
    const { url } = await startGateway({ gateway: { upstreams: { one: upstream } } });
    const client = await modernClient(url);
    const ask = asker(client as unknown as Client, false);
    return async (method: string, params?: object) => plain(await ask(method, params));
  },
  'a client that launches it': async (upstream: object) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '.mcp.json'), JSON.stringify({ mcpServers: { one: upstream } }));
    return asker(await stdioClient(gatewayCommand('--servers', '.mcp.json', '--stdio'), folder));
  },
} as const;

describe.each(Object.entries(ways))(
  '%s gets byte for byte what a direct one gets',
  { timeout: 90_000 },
  (way, through) => {
    const straighten = (result: Result) => (way === 'a stateless client' ? plain(result) : result);

    it('of server-everything', async () => {
      const direct = asker(await stdioClient(everything));
      const gateway = await through(everything);
      const [wanted, got] = [await lists(direct), await lists(gateway)];
      expect(JSON.stringify(got)).toBe(JSON.stringify(wanted));
      expect(wanted.tools.length).toBeGreaterThan(5);
      const compare = async (method: string, params: object) => {
        const [a, b] = [straighten(await direct(method, params)), await gateway(method, params)];
        expect([params, normal(b)]).toEqual([params, normal(a)]);
      };
      for (const [name, args] of everythingCalls) await compare('tools/call', { name, arguments: args });
      for (const { name, arguments: args = [] } of wanted.prompts) {
        const given = (args as { name: string }[]).map((arg) => [arg.name, promptArguments[arg.name] ?? 'x']);
        await compare('prompts/get', { name, arguments: Object.fromEntries(given) });
      }
      for (const { uri } of wanted.resources) await compare('resources/read', { uri });
      await compare('resources/read', { uri: 'demo://resource/static/none' });
      const ref = { type: 'ref/prompt', name: 'completable-prompt' };
      await compare('completion/complete', { ref, argument: { name: 'department', value: 'E' } });
    });

    it('of server-filesystem', async () => {
      const folders = [await prepared(), await prepared()] as const;
      const direct = asker(await stdioClient(filesystem(folders[0])));
      const gateway = await through(filesystem(folders[1]));
      expect(JSON.stringify(await lists(gateway))).toBe(JSON.stringify(await lists(direct)));
      const calls = folders.map(filesystemCalls);
      for (const [i, [name, args]] of (calls[0] ?? []).entries()) {
        const wanted = straighten(await direct('tools/call', { name, arguments: args }));
        const got = await gateway('tools/call', { name, arguments: calls[1]?.[i]?.[1] });
        expect(JSON.stringify(got).replaceAll(folders[1], folders[0])).toBe(JSON.stringify(wanted));
      }
    });

    it('of server-memory', async () => {
      const folder = await temporaryFolder();
      const direct = asker(await stdioClient(memory(join(folder, 'a.jsonl'))));
      const gateway = await through(memory(join(folder, 'b.jsonl')));
      expect(JSON.stringify(await lists(gateway))).toBe(JSON.stringify(await lists(direct)));
      for (const [name, args] of memoryCalls) {
        const params = { name, arguments: args };
        const wanted = straighten(await direct('tools/call', params));
        expect(JSON.stringify(await gateway('tools/call', params))).toBe(JSON.stringify(wanted));
      }
    });
  },
);

const promptArguments: Record<string, string> = {
  resourceType: 'Text',
  resourceId: '1',
  city: 'Bern',
  department: 'Engineering',
  name: 'Alice',
};

/** Some of its resources say what time it is. */
function normal(result: Result): string {
  return JSON.stringify(result).replace(/\d{1,2}:\d{2}:\d{2}\s?[AP]M|\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
}
