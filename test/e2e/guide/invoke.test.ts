import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { patience } from '../../support/patience.js';
import { clientTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';

const kind = resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs');

/** `sallyport invoke tool_pre_invoke` on a plugin of this process, or of a server at `url`. */
async function invoke(payload: string, more: string[] = [], url?: string) {
  const entry = url
    ? { name: 'Odd', kind: 'external', mcp: { proto: 'STREAMABLEHTTP', url, tls: clientTls() } }
    : { name: 'Odd', kind };
  const path = await writeConfig({ plugins: [entry] });
  return sallyport([
    'invoke',
    'tool_pre_invoke',
    '--config',
    path,
    '--plugin',
    'odd',
    '--payload',
    payload,
    ...more,
  ]);
}

it('[G1] prints the result as JSON, and on one line with --json', async () => {
  const server = await startPluginServer({ plugins: [{ name: 'Odd', kind }] });
  const printed = await invoke('{"name":"t","args":{}}', [], server.url);
  expect(printed).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(printed.stdout)).toEqual({
    continue_processing: true,
    modified_payload: { name: 't', args: { trail: ['Odd'] } },
    violation: null,
    metadata: {},
  });
  expect((await invoke('{"name":"t"}', ['--json'], server.url)).stdout.trim().split('\n')).toHaveLength(1);
});

it('[G6] a violation is printed, with exit status 1', async () => {
  const { status, stdout } = await invoke('{"name":"block"}');
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ continue_processing: false, violation: { code: 'NOT_THIS' } });
});

it('[G5] a plugin that fails: exit status 1, code and remedy', async () => {
  const { status, stdout, stderr } = await invoke('{"name":"throw"}');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('SALLY_PLUGIN_ERROR');
  expect(stderr).toContain('  → ');
});

it.each([
  ['no JSON', '{"name":', [], 2, 'SALLY_USAGE'],
  ['no object', '[1]', [], 2, 'SALLY_USAGE'],
  ['a payload of another shape', '{"args":{}}', [], 2, 'SALLY_HOOK_PAYLOAD'],
  ['a context of another shape', '{"name":"t"}', ['--context', '{"state":1}'], 2, 'SALLY_USAGE'],
  ['a file that is not there', '@/nowhere.json', [], 3, 'SALLY_FILE_UNREADABLE'],
])('[G5] %s', async (_what, payload, more, status, code) => {
  const result = await invoke(payload, more);
  expect(result).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(code) });
});

it('[G5] a plugin that the file does not have: exit status 1, and the names that it has', async () => {
  const path = await writeConfig({ plugins: [{ name: 'Odd', kind }] });
  const result = await sallyport([
    'invoke',
    'tool_pre_invoke',
    '--config',
    path,
    '--plugin',
    'Even',
    '--payload',
    '{}',
  ]);
  expect(result).toMatchObject({ status: 1, stderr: expect.stringContaining('it has Odd') });
});

it('[G5] nothing is left running after a call', async () => {
  const server = await startPluginServer({ plugins: [{ name: 'Odd', kind }] });
  const started = Date.now();
  await invoke('{"name":"t"}', [], server.url);
  // A connection that was kept alive would hold the process for its 30 s.
  expect(Date.now() - started).toBeLessThan(patience(15_000));
});
