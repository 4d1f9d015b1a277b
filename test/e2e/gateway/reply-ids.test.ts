import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/config/index.js';
import { silentLogger } from '../../../src/log.js';
import { openPluginManager } from '../../../src/manager/index.js';
import { asStream, type Forge, forgeries } from '../../support/forged.js';
import { callTool, errorOf, openGateway } from '../../support/gateway.js';
import { serve } from '../../support/mcp-fixture.js';

const verdict = { plugin_name: 'P', result: { continue_processing: true, modified_payload: null } };
const results: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 'p', version: '1' },
  },
  get_plugin_config: { name: 'P', hooks: ['tool_pre_invoke'], mode: 'enforce' },
  invoke_hook: verdict,
};

/** A plugin server that answers the first call of the hook as `forge` says, and what `at` names likewise. */
async function open(forge: Forge, { stream = false, tls = false, at = 'invoke_hook' } = {}) {
  const ids: unknown[] = [];
  const sockets: Socket[] = [];
  let forged = 0;
  const { url } = await serve(
    (request, response) => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      const { id, method, params } = JSON.parse(request.text);
      if (id === undefined) return response.writeHead(202).end();
      if (method === 'server/discover') {
        const error = { code: -32601, message: 'Method not found' };
        return response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id, error }));
      }
      const what: string = params.name ?? method;
      const found = results[what] ?? {};
      const text = JSON.stringify(found);
      const result = method === 'tools/call' ? { content: [{ type: 'text', text }] } : found;
      ids.push(id);
      if (what === 'invoke_hook') sockets.push(request.socket);
      const messages = what === at && forged++ === 0 ? forge(id, result) : [{ jsonrpc: '2.0', id, result }];
      const type = stream ? 'text/event-stream' : 'application/json';
      const body = stream ? asStream(messages) : JSON.stringify(messages[0]);
      return response.writeHead(200, { 'content-type': type }).end(body);
    },
    { tls },
  );
  const manager = await openGateway({ url, name: 'P', settings: { plugin_timeout: 10 } });
  onTestFinished(() => manager.close());
  return { manager, ids, sockets };
}

const kinds = Object.keys(forgeries).flatMap((name) => [
  [name, 'a body', {}],
  [name, 'a stream', { stream: true }],
  [name, 'a body over mutual TLS', { tls: true }],
]) as [string, string, object][];

it.each(kinds)(
  '%s in %s of a plugin server is no verdict, and its connection carries no other call',
  async (name, _how, how) => {
    const { forge, says } = forgeries[name] as (typeof forgeries)[string];
    const { manager, sockets } = await open(forge, how);
    expect(await errorOf(callTool(manager))).toMatchObject({
      code: 'SALLY_WIRE_REPLY_ID',
      message: expect.stringMatching(says),
    });
    expect(await callTool(manager, 'fine')).toBe('fine');
    expect(new Set(sockets).size).toBe(2);
  },
);

it('two replies in one stream are none', async () => {
  const twice: Forge = (id, result) => [
    { jsonrpc: '2.0', id, result },
    { jsonrpc: '2.0', id, result },
  ];
  const { manager } = await open(twice, { stream: true });
  expect(await errorOf(callTool(manager))).toMatchObject({
    code: 'SALLY_WIRE_REPLY_ID',
    message: expect.stringContaining('two replies'),
  });
  expect(await callTool(manager, 'fine')).toBe('fine');
});

it.each([{}, { stream: true }])(
  'an error of a plugin server that could not read the id keeps its text: %j',
  async (how) => {
    const { manager } = await open(
      () => [{ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'cannot be read' } }],
      how,
    );
    expect(await errorOf(callTool(manager))).toMatchObject({
      code: 'SALLY_WIRE_REPLY',
      message: expect.stringContaining('cannot be read'),
    });
  },
);

it('a request of the plugin server with the id of ours is not the reply to it', async () => {
  const ping: Forge = (id, result) => [
    { jsonrpc: '2.0', id, method: 'ping' },
    { jsonrpc: '2.0', id, result },
  ];
  const { manager } = await open(ping, { stream: true });
  expect(await callTool(manager, 'fine')).toBe('fine');
});

it('a handshake whose reply has another id fails, and the next one has another connection', async () => {
  const { manager } = await open((_id, result) => [{ jsonrpc: '2.0', id: 0, result }], { at: 'initialize' });
  expect(await errorOf(callTool(manager))).toMatchObject({
    code: 'SALLY_WIRE_REPLY_ID',
    message: expect.stringContaining('initialize'),
  });
  expect(await callTool(manager, 'fine')).toBe('fine');
});

it('ids of calls do not follow from those before, and none comes twice', async () => {
  const { manager, ids } = await open((id, result) => [{ jsonrpc: '2.0', id, result }]);
  for (let i = 0; i < 20; i += 1) await callTool(manager);
  expect(new Set(ids).size).toBe(ids.length);
  const tails = ids.map((id) => String(id).split('-').at(-1));
  expect(new Set(tails).size).toBe(ids.length);
  expect(tails.every((tail) => (tail as string).length >= 3)).toBe(true);
});

describe('of a child process', () => {
  /** A plugin server that answers the first call of the hook with what `messages` gives, of `id` and `result`. */
  const openChild = async (messages: string) => {
    const script = `
      const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
      const results = ${JSON.stringify(results)};
      let forged = 0;
      require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
        const { id, method, params } = JSON.parse(line);
        if (id === undefined) return;
        const found = results[params.name ?? method] ?? {};
        const result = method === 'tools/call' ? { content: [{ type: 'text', text: JSON.stringify(found) }] } : found;
        const first = params.name === 'invoke_hook' && forged++ === 0;
        for (const message of first ? ${messages} : [{ jsonrpc: '2.0', id, result }]) say(message);
      });`;
    const mcp = { proto: 'STDIO', cmd: [process.execPath, '-e', script] };
    const manager = await openPluginManager(
      parseConfig(
        stringify({
          plugins: [{ name: 'P', kind: 'external', mcp }],
          plugin_settings: { plugin_timeout: 10 },
        }),
        {
          path: '/test/plugins.yaml',
          cwd: '/test',
          env: {},
          side: 'gateway',
          exists: () => true,
        },
      ),
      { log: silentLogger, connect: 'on-first-call' },
    );
    onTestFinished(() => manager.close());
    return manager;
  };

  it.each(['another id', 'an id of another type'])('%s is no verdict', async (name) => {
    const { forge, says } = forgeries[name] as (typeof forgeries)[string];
    const manager = await openChild(`(${forge})(id, result)`);
    expect(await errorOf(callTool(manager))).toMatchObject({
      code: 'SALLY_WIRE_REPLY_ID',
      message: expect.stringMatching(says),
    });
    expect(await callTool(manager, 'fine')).toBe('fine');
  });

  it('a number that the client of the SDK would take for its own id is no verdict', async () => {
    const guesses = '[0, 1, 2, 3, 4].map((guess) => ({ jsonrpc: "2.0", id: guess, result }))';
    expect((await errorOf(callTool(await openChild(guesses)))).code).toBe('SALLY_WIRE_REPLY_ID');
  });
});
