import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importPlugin } from '../../src/plugin/module.js';
import { temporaryFolder } from '../support/folder.js';

/** A folder with these files. */
async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** A module whose default export is a plugin that can be told apart by its mark. */
const moduleOf = (mark: string) => `export default { mark: '${mark}', setup: () => ({ hooks: {} }) };\n`;
const bundled = ['sallyport/search-replace', 'plugins.regex_filter.SearchReplacePlugin'];
const load = (kind: string, cwd: string, folder = cwd) =>
  importPlugin({ name: 'P', kind }, { cwd, folder }, bundled);

describe('a path', () => {
  it('[S9] is looked up from the working directory first, then from the folder of the plugin file', async () => {
    const cwd = await folderWith({ 'both.mjs': moduleOf('cwd') });
    const folder = await folderWith({ 'both.mjs': moduleOf('folder'), 'only.mjs': moduleOf('folder') });
    expect(await load('./both.mjs', cwd, folder)).toMatchObject({ mark: 'cwd' });
    expect(await load('./only.mjs', cwd, folder)).toMatchObject({ mark: 'folder' });
  });

  it('[S9] may lead upwards, be absolute, or be a URL', async () => {
    const folder = await folderWith({ 'plugins/a.mjs': moduleOf('a'), 'conf/x': '' });
    const file = join(folder, 'plugins/a.mjs');
    for (const kind of ['../plugins/a.mjs', file, pathToFileURL(file).href]) {
      expect(await load(kind, join(folder, 'conf'))).toMatchObject({ mark: 'a' });
    }
  });

  it('[S9] may hold spaces and letters of any script', async () => {
    const folder = await folderWith({ 'my plugins/größe.mjs': moduleOf('odd') });
    expect(await load('./my plugins/größe.mjs', folder)).toMatchObject({ mark: 'odd' });
  });

  it('[S9] may name a CommonJS module', async () => {
    const folder = await folderWith({ 'a.cjs': 'module.exports = { setup: () => ({ hooks: {} }) };\n' });
    expect(await load('./a.cjs', folder)).toHaveProperty('setup');
  });
});

describe('an export', () => {
  const files = { 'a.mjs': `${moduleOf('default')}export const Other = { mark: 'other', setup() {} };\n` };

  it('[S9] is named after #', async () => {
    const folder = await folderWith(files);
    expect(await load('./a.mjs#Other', folder)).toMatchObject({ mark: 'other' });
    expect(await load('./a.mjs#default', folder)).toMatchObject({ mark: 'default' });
  });

  it.each(['./a.mjs#Missing', './a.mjs#toString', './a.mjs#'])(
    '[S9] %s is not there: the error says what is',
    async (kind) => {
      const folder = await folderWith(files);
      await expect(load(kind, folder)).rejects.toMatchObject({
        code: 'SALLY_PLUGIN_MODULE',
        context: {
          plugin: 'P',
          kind,
          reason: expect.stringMatching(/^it has no export '.*'; it exports .*Other/),
        },
      });
    },
  );
});

describe('a package', () => {
  const manifest = (name: string, more: object = {}) =>
    JSON.stringify({ name, version: '1.0.0', type: 'module', main: './index.js', ...more });
  const installed = {
    'node_modules/their-filter/package.json': manifest('their-filter'),
    'node_modules/their-filter/index.js': `${moduleOf('package')}export const Other = { mark: 'other', setup() {} };\n`,
    'node_modules/@their/filters/package.json': manifest('@their/filters', {
      exports: { './one': './lib/one.js' },
    }),
    'node_modules/@their/filters/lib/one.js': moduleOf('one'),
  };

  it('[S9] is found by its name, with an export and with a path inside it', async () => {
    const cwd = await folderWith(installed);
    expect(await load('their-filter', cwd)).toMatchObject({ mark: 'package' });
    expect(await load('their-filter#Other', cwd)).toMatchObject({ mark: 'other' });
    expect(await load('@their/filters/one', cwd)).toMatchObject({ mark: 'one' });
  });

  it('[S9] may be installed beside the plugin file', async () => {
    const cwd = await temporaryFolder();
    expect(await load('their-filter', cwd, await folderWith(installed))).toMatchObject({ mark: 'package' });
  });
});

describe('what cannot be used', () => {
  const files = {
    'none.mjs': 'export const a = 1;\n',
    'empty.mjs': '\n',
    'text.mjs': "export default 'text';\n",
    'hooks.mjs': 'export default { hooks: {} };\n',
    'null.mjs': 'export default null;\n',
    'syntax.mjs': 'export default {\n',
    'throws.mjs': "throw new TypeError('no database');\n",
    'null-thrown.mjs': 'throw null;\n',
    'caused.mjs':
      "throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED ::1:9') });\n",
    'lacks.mjs': "import './elsewhere.mjs';\n",
  };

  it.each([
    ['./missing.mjs', 'no such file, neither from the working directory nor beside the plugin file'],
    ['/nowhere/a.mjs', 'no such file, neither from the working directory nor beside the plugin file'],
    ['not-installed', 'no package of this name is installed'],
    ['@their/not-installed#Other', 'no package of this name is installed'],
    ['plugins.pii_filter.PIIFilterPlugin', 'it is the name of a Python class that is not bundled here'],
    ['./none.mjs', 'it has no default export; it exports a'],
    ['./empty.mjs', 'it has no default export; it exports nothing'],
    ['./text.mjs', "its export 'default' is not what definePlugin() returns"],
    ['./hooks.mjs', "its export 'default' is not what definePlugin() returns"],
    ['./null.mjs', "its export 'default' is not what definePlugin() returns"],
    ['./throws.mjs', 'no database'],
    ['./null-thrown.mjs', 'null'],
    ['./caused.mjs', 'fetch failed: connect ECONNREFUSED ::1:9'],
    ['./syntax.mjs', expect.stringMatching(/./)],
    ['./lacks.mjs', expect.stringContaining('elsewhere.mjs')],
  ])('[S9] %s', async (kind, reason) => {
    const folder = await folderWith(files);
    await expect(load(kind, folder)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_MODULE',
      context: { plugin: 'P', kind, reason },
    });
  });

  it.each([
    [
      './named.mjs#Filtr',
      "it has no export 'Filtr'; it exports Filter, other",
      'did you mean ./named.mjs#Filter?',
    ],
    [
      './named.mjs',
      'it has no default export; it exports Filter, other',
      'name the export that is the plugin: ./named.mjs#Filter',
    ],
    ['./none.mjs', /it exports a$/, 'export what definePlugin() returns: export default definePlugin({ … })'],
    [
      'their-filter/rule',
      "the package 'their-filter' is installed, and has no 'their-filter/rule'; it exports their-filter, their-filter/rules",
      'did you mean their-filter/rules?',
    ],
    [
      'their-filter/nope',
      /^the package 'their-filter' is installed/,
      "name one of what 'their-filter' exports",
    ],
    [
      'sallyport/serch-replace',
      /there is sallyport\/search-replace$/,
      'did you mean sallyport/search-replace?',
    ],
    ['sallyport/nope', /there is sallyport\/search-replace$/, 'kind: sallyport/search-replace'],
    ['plugins.regex_filter.SearchReplacPlugin', /Python class/, `did you mean ${bundled[1]}?`],
    ['SearchReplacePlugin', /no package/, `did you mean ${bundled[1]}?`],
    ['search_replace', /no package/, `did you mean ${bundled[0]}?`],
    ['filters.SearchReplace', /Python class/, `did you mean ${bundled[0]}?`],
    ['none.mjs', 'a path begins with ./, and no package has this name', 'kind: ./none.mjs'],
  ])('[S9] %s: what is there instead, and what was meant', async (kind, reason, remedy) => {
    const folder = await folderWith({
      ...files,
      'named.mjs': 'export const Filter = { setup() {} };\nexport const other = 1;\n',
      'node_modules/their-filter/package.json': JSON.stringify({
        name: 'their-filter',
        exports: { '.': './index.js', './rules': './rules.js', './package.json': './package.json' },
      }),
    });
    await expect(load(kind, folder)).rejects.toMatchObject({
      context: { reason: typeof reason === 'string' ? reason : expect.stringMatching(reason) },
      remedy,
    });
  });

  it('[S9] for what its code does: Node shows the line, and the remedy how', async () => {
    const folder = await folderWith({ 'my plugins/syntax.mjs': 'export default {\n' });
    await expect(load('./my plugins/syntax.mjs', folder)).rejects.toMatchObject({
      remedy: expect.stringContaining(`: node '${join(folder, 'my plugins/syntax.mjs')}'`),
    });
  });
});
