import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { commandPath, run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { patience } from '../../support/patience.js';
import { writeConfig } from '../../support/plugin-server.js';

const library = resolve(import.meta.dirname, '../../../dist/index.js');
const misbehaving = resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs');

/** A program of a user: what is under way when it closes its plugins, and what it calls after that. */
const program = (server: string) => `
import { openPluginManager, parseConfig } from ${JSON.stringify(library)};
const lines = [];
const keep = (_fields, message) => { if (message.startsWith('begun')) lines.push(message); };
const log = { debug() {}, info: keep, warn: keep, error: keep };
const mcp = { proto: 'STDIO', cmd: ${JSON.stringify([process.execPath, commandPath, 'serve', '--config'])}.concat(${JSON.stringify(server)}), env: { PLUGINS_TRANSPORT: 'stdio' } };
const entries = [
  { name: 'Odd', kind: 'external', mcp },
  { name: 'Gone', kind: 'external', mode: 'permissive', mcp: { proto: 'STDIO', cmd: ['false'] } },
];
const options = { path: 'plugins.yaml', cwd: process.cwd(), env: {}, side: 'gateway' };
const plugins = await openPluginManager(parseConfig(JSON.stringify({ plugins: entries }), options), { log });
const hook = 'tool_pre_invoke';
const codeOf = (work) => work.then(() => 'answered', (error) => error.code);
const request = plugins.request();
const flying = codeOf(request.invoke(hook, { name: 'hang', args: {} }));
await new Promise((wait) => setTimeout(wait, 200));
await Promise.all([plugins.close(), plugins.close()]);
const payload = { name: 't', args: {} };
const one = await plugins.invokeOne({ plugin: 'Odd', hook, payload, context: { state: {}, metadata: {}, global_context: { ...request.global } } });
const signal = new AbortController().signal;
console.log(JSON.stringify({
  flying: await flying,
  same: await codeOf(request.invoke(hook, payload)),
  another: await codeOf(plugins.request().invoke(hook, payload)),
  one: one.error.code,
  handle: await codeOf(plugins.plugins[0].invoke(hook, payload, { state: {}, metadata: {}, global_context: { ...request.global } }, { signal })),
}));
const closedAt = Date.now();
process.on('exit', () => console.log(Date.now() - closedAt));
`;

it('[G6] plugins that were closed are closed: calls reject, no child is started, and the process ends by itself', async () => {
  const server = await writeConfig({ plugins: [{ name: 'Odd', kind: misbehaving }] });
  const script = join(await temporaryFolder(), 'program.mjs');
  await writeFile(script, program(server));
  const { status, stdout, stderr } = await run(process.execPath, [script]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [outcomes = '', lingered] = stdout.split('\n');
  expect(Number(lingered)).toBeLessThan(patience(2_000));
  expect(JSON.parse(outcomes)).toEqual({
    flying: 'SALLY_CONNECT_LOST',
    same: 'SALLY_PLUGINS_CLOSED',
    another: 'SALLY_PLUGINS_CLOSED',
    one: 'SALLY_PLUGINS_CLOSED',
    handle: 'SALLY_CONNECT_LOST',
  });
});
