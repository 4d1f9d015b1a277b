import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandPath, run, sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { patience } from '../../support/patience.js';

const root = resolve(import.meta.dirname, '../../..');

/** The text of a file that `sallyport new` has made. */
const made = (folder: string, path: string) => readFile(join(folder, path), 'utf8');

describe('sallyport new plugin', () => {
  it(
    'makes a project that builds, passes its tests, serves behind mutual TLS and is called through a gateway',
    async () => {
      const { status, stdout, stderr } = await run(process.execPath, [
        join(root, 'interop/scaffold.mjs'),
        '--linked',
        'filter/ts',
        'guard/js',
      ]);
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^ok {2}filter\/ts .*\nok {2}guard\/js /);
    },
    patience(120_000),
  );

  it('says what it made and what comes next, asks nothing, and leaves nothing else', async () => {
    const cwd = await temporaryFolder();
    const { status, stdout, stderr } = await sallyport(['new', 'plugin', 'my-filter'], { cwd });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^made my-filter: the plugin MyFilter/);
    expect(stdout).toContain('Next:\n  cd my-filter\n  npm install\n');
    expect(await readdir(cwd)).toEqual(['my-filter']);
    expect(await readdir(join(cwd, 'my-filter'))).toContain('.gitignore');
  });

  it('makes a project that others may read, and whose calls say what is missing where nothing is served', async () => {
    const cwd = await temporaryFolder();
    await sallyport(['new', 'plugin', 'p', '--js'], { cwd });
    const folder = join(cwd, 'p');
    expect((await stat(folder)).mode & 0o777).toBe(0o777 & ~process.umask());
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules/sallyport'));
    const { status, stderr } = await run(process.execPath, ['example/call.js'], { cwd: folder });
    expect(status).toBe(3);
    expect(stderr).toMatch(/ca\.crt.*\n→ does `npm run serve` run\?/);
    expect(stderr).not.toContain('    at ');
  });

  it.each(['filter', 'guard', 'rate-limit', 'external-service'])(
    'makes the template %s in JavaScript, with no type and no blank left',
    async (template) => {
      const cwd = await temporaryFolder();
      const args = ['new', 'plugin', 'p', '--template', template, '--js', '--json'];
      const { folder, files, plugin } = JSON.parse((await sallyport(args, { cwd })).stdout);
      expect(plugin).toBe('P');
      expect(files).not.toContain('tsconfig.json');
      for (const file of files as string[]) {
        const text = await made(folder, file);
        expect(text).not.toMatch(/\{\{\w/);
        if (!file.endsWith('.js')) continue;
        const checked = await run(process.execPath, ['--check', join(folder, file)]);
        expect(checked).toEqual({ status: 0, stdout: '', stderr: '' });
      }
    },
  );

  it.each([
    ['My Filter', 'my-filter'],
    ['../elsewhere', 'elsewhere'],
    ['MyFilter', 'my-filter'],
    ['1st', 'st'],
    ['zod', 'my-plugin'],
    ['a'.repeat(61), 'a'.repeat(60)],
    ['', 'my-plugin'],
  ])("refuses the name '%s'", async (name, like) => {
    const cwd = await temporaryFolder();
    const { status, stderr } = await sallyport(['new', 'plugin', name], { cwd });
    expect(status).toBe(2);
    expect(stderr).toContain('SALLY_NEW_NAME');
    expect(stderr).toContain(`sallyport new plugin ${like}\n`);
    expect(await readdir(cwd)).toEqual([]);
  });

  it('refuses a folder with something in it, and takes an empty one', async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, 'full'));
    await writeFile(join(cwd, 'full/mine.txt'), 'mine');
    await writeFile(join(cwd, 'file'), 'mine');
    for (const name of ['full', 'file']) {
      const { status, stderr } = await sallyport(['new', 'plugin', name], { cwd });
      expect(status).toBe(2);
      expect(stderr).toContain('SALLY_NEW_FOLDER');
    }
    expect(await readdir(join(cwd, 'full'))).toEqual(['mine.txt']);
    await mkdir(join(cwd, 'empty'));
    expect(await sallyport(['new', 'plugin', 'empty'], { cwd })).toMatchObject({ status: 0 });
    expect((await readdir(cwd)).sort()).toEqual(['empty', 'file', 'full']);
  });

  it('takes an unknown template, and no name, for wrong use', async () => {
    const cwd = await temporaryFolder();
    for (const args of [['plugin', 'p', '--template', 'filtre'], ['plugin'], ['plugn'], []]) {
      expect(await sallyport(['new', ...args], { cwd })).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('SALLY_USAGE'),
      });
    }
  });
});

describe('what a project depends on', () => {
  const dependency = async (cwd: string, args: readonly string[] = [], command = commandPath) => {
    const { stdout } = await run(process.execPath, [command, 'new', 'plugin', 'p', '--json', ...args], {
      cwd,
    });
    return (JSON.parse(stdout) as { dependency: string }).dependency;
  };

  it('is the clone that the command runs from, or what --sallyport says', async () => {
    expect(await dependency(await temporaryFolder())).toBe(`file:${root}`);
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'sallyport.tgz'), '');
    expect(await dependency(cwd, ['--sallyport', 'sallyport.tgz'])).toBe(
      `file:${join(cwd, 'sallyport.tgz')}`,
    );
    expect(await dependency(await temporaryFolder(), ['--sallyport', '^1.2.0'])).toBe('^1.2.0');
  });

  it.each([
    ['a registry', { version: '0.1.0', integrity: 'sha512-x' }, /^\^\d+\.\d+\.\d+/],
    ['a tarball', { resolved: 'file:packed.tgz' }, /^file:.*packed\.tgz$/],
    ['a tarball that is gone', { resolved: 'file:gone.tgz' }, /^file:.*node_modules\/sallyport$/],
  ])('follows where npm has installed the package from: %s', async (_where, entry, expected) => {
    const cwd = await temporaryFolder();
    const installed = join(cwd, 'node_modules/sallyport');
    await mkdir(installed, { recursive: true });
    for (const part of ['templates', 'package.json']) await symlink(join(root, part), join(installed, part));
    // Node takes a module by where it is, not by the link to it.
    await run('cp', ['-r', join(root, 'dist'), installed]);
    for (const name of await readdir(join(root, 'node_modules')))
      if (!name.startsWith('.'))
        await symlink(join(root, 'node_modules', name), join(cwd, 'node_modules', name));
    await writeFile(join(cwd, 'packed.tgz'), '');
    const lock = { packages: { 'node_modules/sallyport': entry } };
    await writeFile(join(cwd, 'node_modules/.package-lock.json'), JSON.stringify(lock));
    expect(await dependency(cwd, [], join(installed, 'dist/cli/main.js'))).toMatch(expected);
  });
});
