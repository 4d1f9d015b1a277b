import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { PluginContext } from '../../src/hooks/index.js';
import { importPlugin } from '../../src/plugin/module.js';
import { temporaryFolder } from '../support/folder.js';
import { call, start, withHooks } from './started.js';

type Ruined = { global_context?: unknown; state: unknown };

it.each<[string, (context: Ruined) => unknown]>([
  ['no global context', (context) => void delete context.global_context],
  ['a state that is a text', (context) => Object.assign(context, { state: 'gone' })],
  ['a BigInt', (context) => Object.assign(context, { state: { big: 1n } })],
])('[S9] a context left with %s is the failure of the plugin', async (_what, ruin) => {
  const plugin = await withHooks({
    tool_pre_invoke: (_payload, context: PluginContext) => {
      ruin(context as unknown as Ruined);
      return undefined;
    },
  });
  await expect(call(plugin)).rejects.toMatchObject({ code: 'SALLY_PLUGIN_RESULT' });
});

it('[S9] a payload that cannot be written is not valid', async () => {
  const plugin = await withHooks({ tool_pre_invoke: () => undefined });
  const payload = { name: 't', args: { big: 1n } };
  await expect(call(plugin, payload)).rejects.toMatchObject({ code: 'SALLY_HOOK_PAYLOAD' });
});

it('[S9] a config schema that throws is an error with its words', async () => {
  const validate = () => {
    throw new TypeError('bad');
  };
  const config = { '~standard': { version: 1, vendor: 'x', validate } };
  await expect(start({ config, setup: () => ({ hooks: {} }) })).rejects.toMatchObject({
    code: 'SALLY_PLUGIN_CONFIG',
    message: expect.stringContaining('bad'),
  });
});

it('[S9] a package that is an ES module only', async () => {
  const folder = await temporaryFolder();
  const own = join(folder, 'node_modules/esm-only');
  await mkdir(own, { recursive: true });
  await writeFile(
    join(own, 'package.json'),
    '{"name":"esm-only","type":"module","exports":{".":{"import":"./index.js"}}}',
  );
  await writeFile(join(own, 'index.js'), 'export const Filter = { setup: () => ({ hooks: {} }) };');
  const definition = await importPlugin({ name: 'P', kind: 'esm-only#Filter' }, { cwd: '/', folder });
  expect(definition.setup).toBeTypeOf('function');
});
