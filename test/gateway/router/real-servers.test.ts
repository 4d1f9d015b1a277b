import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { UpstreamSettings } from '../../../src/config/index.js';
import type { JsonObject } from '../../../src/mcp/messages.js';
import { temporaryFolder } from '../../support/folder.js';
import {
  everythingScript,
  filesystemScript,
  memoryScript,
  open,
  patient,
  sessionRequest,
  stdioUpstream,
} from '../../support/upstreams.js';
import { ask, client, routerOver } from './world.js';

type Calls = readonly (readonly [method: string, params: JsonObject])[];

const lists: Calls = [
  ['tools/list', {}],
  ['prompts/list', {}],
  ['resources/list', {}],
  ['resources/templates/list', {}],
];

/** What differs from one call to the next is no difference between two ways. */
const steady = (text: string) => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|\d+:\d\d:\d\d [AP]M/g, 'a time');

/** Each call through the router and straight at a session of the same upstream: byte for byte the same. */
async function same(settings: UpstreamSettings, calls: Calls): Promise<void> {
  const [direct, through] = [open(settings), open(settings)];
  const session = await direct.session(sessionRequest(), patient());
  const router = routerOver([through]);
  const from = client('legacy');
  for (const [method, params] of [...lists, ...calls]) {
    const expected = await session.request(method, params, { signal: patient() });
    const { answer } = await ask(router, from, method, params);
    expect(steady(JSON.stringify(answer)), method).toBe(steady(JSON.stringify(expected)));
  }
}

const tool = (name: string, args: JsonObject = {}): readonly [string, JsonObject] => [
  'tools/call',
  { name, arguments: args },
];

it('[M1] gives of server-everything byte for byte what a direct session gives', async () => {
  await same(stdioUpstream([everythingScript]), [
    tool('echo', { message: 'grüße \u2028 "x"' }),
    tool('echo', { message: 7 }),
    tool('no-such-tool'),
    tool('get-sum', { a: 1.5, b: -2e-7 }),
    tool('get-tiny-image'),
    tool('get-annotated-message', { messageType: 'error', includeImage: true }),
    tool('get-resource-links', { count: 3 }),
    tool('get-resource-reference', { resourceType: 'Text', resourceId: 1 }),
    tool('get-structured-content', { location: 'New York' }),
    ['prompts/get', { name: 'simple-prompt' }],
    ['prompts/get', { name: 'args-prompt', arguments: { city: 'Ulm', state: 'BW' } }],
    ['prompts/get', { name: 'no-such-prompt' }],
    ['resources/read', { uri: 'demo://resource/dynamic/text/1' }],
    ['resources/read', { uri: 'demo://resource/none' }],
    [
      'completion/complete',
      {
        ref: { type: 'ref/prompt', name: 'completable-prompt' },
        argument: { name: 'department', value: 'E' },
      },
    ],
    [
      'completion/complete',
      {
        ref: { type: 'ref/resource', uri: 'demo://resource/dynamic/text/{resourceId}' },
        argument: { name: 'resourceId', value: '1' },
      },
    ],
  ]);
});

it('gives of server-filesystem byte for byte what a direct session gives', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'a.txt'), 'one\r\ntwo\u0000');
  await same(stdioUpstream([filesystemScript, folder]), [
    tool('read_text_file', { path: join(folder, 'a.txt') }),
    tool('read_text_file', { path: '/etc/passwd' }),
    tool('list_directory', { path: folder }),
    tool('get_file_info', { path: join(folder, 'a.txt') }),
    tool('list_allowed_directories'),
  ]);
});

it('gives of server-memory byte for byte what a direct session gives', async () => {
  const file = join(await temporaryFolder(), 'memory.jsonl');
  await writeFile(file, '{"type":"entity","name":"Ada","entityType":"person","observations":["first"]}\n');
  await same(stdioUpstream([memoryScript], { env: { MEMORY_FILE_PATH: file } }), [
    tool('read_graph'),
    tool('search_nodes', { query: 'ada' }),
    tool('open_nodes', { names: ['Ada', 'Nobody'] }),
    tool('delete_entities', { entityNames: 'no list' }),
  ]);
});

it('has sampling, elicitation and roots answered by the client that an upstream of its own asks', async () => {
  const upstream = open(stdioUpstream([everythingScript], { share: 'session' }));
  const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
  const router = routerOver([upstream]);
  const answer = (method: string) => {
    const answers: Record<string, JsonObject> = {
      'sampling/createMessage': { role: 'assistant', content: { type: 'text', text: 'sampled' }, model: 'm' },
      'elicitation/create': { action: 'accept', content: { name: 'Ada' } },
      'roots/list': { roots: [{ uri: 'file:///mine', name: 'mine' }] },
    };
    return { result: answers[method] ?? {} };
  };
  const from = client('legacy', { capabilities, answer });
  const { result } = await ask(router, from, 'tools/list');
  const names = (result['tools'] as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['trigger-sampling-request', 'trigger-elicitation-request']));
  const call = async (name: string, args: JsonObject = {}) =>
    JSON.stringify((await ask(router, from, 'tools/call', { name, arguments: args }, { answer })).answer);
  expect(await call('trigger-sampling-request', { prompt: 'p', maxTokens: 5 })).toContain('sampled');
  expect(await call('trigger-elicitation-request')).toContain('Ada');
  expect(await call('get-roots-list')).toContain('file:///mine');
});

it('keeps clients that can be asked apart, also on a pipe', async () => {
  const router = routerOver([open(stdioUpstream([everythingScript], { share: 'session' }))]);
  const capabilities = { sampling: {} };
  const sampled = (text: string) => () => ({
    result: { role: 'assistant', content: { type: 'text', text }, model: 'm' },
  });
  const calls = ['ada', 'bob'].map(async (user) => {
    const identity = { user, tenant: null, method: 'bearer' } as const;
    const from = client('legacy', { capabilities, identity, answer: sampled(user) });
    const params = { name: 'trigger-sampling-request', arguments: { prompt: 'p' } };
    return JSON.stringify((await ask(router, from, 'tools/call', params, { answer: sampled(user) })).answer);
  });
  const [ada, bob] = await Promise.all(calls);
  expect(ada).toContain('ada');
  expect(bob).toContain('bob');
});
