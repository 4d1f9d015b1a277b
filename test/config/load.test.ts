import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { externalPluginNames, loadConfig } from '../../src/config/index.js';
import { external, listed } from './helpers.js';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'sallyport-config-'));
});
afterAll(() => rm(cwd, { recursive: true }));

async function file(content: string | Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(cwd, 'conf-'));
  await writeFile(join(folder, 'p.yaml'), content);
  return join(folder, 'p.yaml').slice(cwd.length + 1);
}
const load = (path: string) => loadConfig({ path, cwd, env: {}, side: 'gateway' });
const names = (path: string, env: Record<string, string> = {}) => externalPluginNames({ path, cwd, env });
const thrown = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: unknown) => error,
  );

describe('loadConfig', () => {
  it('[S2] reads a file, byte order mark or not, and finds certificates beside it', async () => {
    const path = await file(`\ufeff${external('https://h/mcp', ['ca_bundle: ca.crt'])}`);
    const folder = join(cwd, path, '..');
    await writeFile(join(folder, 'ca.crt'), '');
    const config = await load(path);
    expect([config.path, config.folder, config.cwd]).toEqual([join(cwd, path), folder, cwd]);
    expect(config.plugins[0]?.mcp).toMatchObject({ tls: { caBundle: join(folder, 'ca.crt') } });
  });

  it('expands ~ in its own path', async () => {
    const path = await file('plugins: []');
    const config = await loadConfig({ path: `~/${path}`, cwd: '/', env: {}, home: cwd, side: 'server' });
    expect(config.path).toBe(join(cwd, path));
  });

  it('[S7] says what is wrong with a file that cannot be read', async () => {
    const folder = await mkdtemp(join(cwd, 'd-'));
    expect(await thrown(load('nope.yaml'))).toMatchObject({
      code: 'SALLY_FILE_UNREADABLE',
      message: 'cannot read the configuration nope.yaml: no such file',
    });
    expect(await thrown(load(folder))).toMatchObject({ message: expect.stringContaining('it is a folder') });
  });

  it.each([
    ['empty', '', 'is empty'],
    ['not UTF-8', new Uint8Array([0x70, 0xff, 0xfe]), 'is not UTF-8 text'],
    ['huge', 'a'.repeat(1024 * 1024 + 1), 'is larger than 1 MiB'],
  ])('[S7] refuses a file that is %s', async (_, content, reason) => {
    expect(await thrown(load(await file(content)))).toMatchObject({
      code: 'SALLY_CONFIG_INVALID',
      exitStatus: 3,
      message: expect.stringContaining(reason),
    });
  });
});

describe('externalPluginNames', () => {
  const list = [
    'plugins:',
    '  - {name: First, kind: external, mcp: {url: nonsense, tls: {certfile: "{{ env.NOT_SET }}"}}, whatever: 1}',
    '  - {name: Local, kind: x.js}',
    '  - {name: "{{ env.SECOND }}", kind: external}',
    'unknown: {}',
    '',
  ].join('\n');

  it('[C1] lists external plugins, though nothing else is right yet', async () => {
    expect(await names(await file(list), { SECOND: 'Second' })).toEqual(['First', 'Second']);
    expect(await names(await file('plugins: []'))).toEqual([]);
  });

  it('[C3] is undefined where there is no file', async () => {
    expect(await names('plugins/external/config.yaml')).toBeUndefined();
    expect(await names(join(await file('plugins: []'), 'below.yaml'))).toBeUndefined();
  });

  it('[C3] throws where something is there that cannot be read', async () => {
    const folder = await mkdtemp(join(cwd, 'd-'));
    await mkdir(join(folder, 'as-folder.yaml'));
    await symlink('/nowhere/at/all', join(folder, 'dangling.yaml'));
    expect(await thrown(names(join(folder, 'as-folder.yaml')))).toMatchObject({
      code: 'SALLY_FILE_UNREADABLE',
    });
    expect(await thrown(names(join(folder, 'dangling.yaml')))).toMatchObject({
      code: 'SALLY_FILE_UNREADABLE',
    });
  });

  it.each([
    ['a name that needs a variable', list, 'VARIABLE_UNSET'],
    ['broken YAML', 'plugins: [', 'SYNTAX'],
    ['no plugins', 'other: 1', 'MISSING_KEY'],
    ['plugins that are no list', 'plugins: {a: 1}', 'WRONG_TYPE'],
    ['plugins that are empty', 'plugins:', 'WRONG_TYPE'],
    ['an entry without a name', 'plugins: [{kind: external}]', 'MISSING_KEY'],
    [
      'duplicate names',
      'plugins: [{name: a, kind: external}, {name: A, kind: external}]',
      'DUPLICATE_PLUGIN',
    ],
    ['a list', '- a', 'WRONG_TYPE'],
    ['an empty file', '', 'FILE'],
  ])('[C3] throws for %s', async (_, content, code) => {
    const problems = listed(await thrown(names(await file(content))));
    expect(problems.map((problem) => problem.split(' ').at(-1))).toContain(code);
  });
});
