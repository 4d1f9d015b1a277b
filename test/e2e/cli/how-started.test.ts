import { existsSync } from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inWordsOf, thisPackage } from '../../../src/cli/words.js';
import { commandPath, run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { patience } from '../../support/patience.js';

/** A PATH on which a shell finds no `sallyport`, and nothing of npm that was there when the tests were started. */
const plain = {
  PATH: (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !existsSync(join(folder, 'sallyport')))
    .join(delimiter),
  ...Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => /^(npm_|INIT_CWD$)/.test(name))
      .map((name) => [name, undefined]),
  ),
};

/** A project that has this package among its dependencies. */
async function project(): Promise<string> {
  const folder = await temporaryFolder();
  const bin = join(folder, 'node_modules/.bin/sallyport');
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
  await symlink(thisPackage, join(folder, 'node_modules/sallyport'));
  await writeFile(bin, `#!/bin/sh\nexec ${process.execPath} ${commandPath} "$@"\n`);
  await chmod(bin, 0o755);
  const scripts = { check: 'sallyport certs check' };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ scripts }));
  return folder;
}

interface Situation {
  readonly cwd: string;
  /** How the command is started there. */
  readonly started: string;
  readonly env?: Record<string, string>;
  /** What its remedies call it. */
  readonly called: string;
}

const situations: Record<string, () => Promise<Situation>> = {
  'on the PATH, as after a global install': async () => ({
    cwd: await temporaryFolder(),
    started: 'sallyport certs check',
    env: { PATH: process.env['PATH'] ?? '' },
    called: 'sallyport',
  }),
  'by npx in a project': async () => ({
    cwd: await project(),
    started: 'npx --no sallyport certs check',
    called: 'npx sallyport',
  }),
  'by a script of a project': async () => ({
    cwd: await project(),
    started: 'npm run --silent check',
    called: 'npx sallyport',
  }),
  'by its path in a project': async () => ({
    cwd: await project(),
    started: './node_modules/.bin/sallyport certs check',
    called: 'npx sallyport',
  }),
  'by the path of a clone that lies elsewhere': async () => ({
    cwd: await temporaryFolder(),
    started: `node ${commandPath} certs check`,
    called: `node ${commandPath}`,
  }),
  'by make of a project that is no clone': async () => ({
    cwd: await project(),
    started: 'npx --no sallyport certs check',
    env: { MAKELEVEL: '1' },
    called: 'npx sallyport',
  }),
  'in a clone': async () => ({
    cwd: thisPackage,
    started: `node dist/cli/main.js certs check --dir ${await temporaryFolder()}/certs`,
    called: 'npx sallyport',
  }),
};

describe('a command that is to be run next works as printed', () => {
  it.each(Object.entries(situations))(
    'where this one was started %s',
    async (_, situation) => {
      const { cwd, started, env, called } = await situation();
      const shell = (line: string, extra = {}) =>
        run('sh', ['-c', line], { cwd, env: { ...plain, ...(called === 'sallyport' && env), ...extra } });
      const { stderr } = await shell(started, env);
      const [, remedy = ''] = /→ (.*certs all.*)\n/.exec(stderr) ?? [];
      expect(remedy.startsWith(`${called} certs all`)).toBe(true);
      const made = await shell(remedy);
      expect([made.status, made.stderr]).toEqual([0, '']);
      const [, next = ''] = /Next: (.*)\n/.exec(made.stdout) ?? [];
      expect(next.startsWith(`${called} certs check`)).toBe(true);
      expect((await shell(next)).status).toBe(0);
    },
    patience(60_000),
  );

  it('in the log too', async () => {
    const { stderr } = await run('npx', ['--no', 'sallyport', 'serve', '--port', '0'], {
      cwd: await project(),
      env: { ...plain, LOG_FORMAT: 'json', PLUGINS_CONFIG_PATH: 'missing.yaml' },
    });
    expect(stderr).not.toMatch(/(?<!npx )\bsallyport serve --config/);
  });
});

describe('in words of', () => {
  const commands = ['certs', 'serve'];
  const clone = { cwd: thisPackage, root: thisPackage, env: { ...plain, PATH: '' }, commands };

  it.each([
    ['sallyport certs check', 'make certs-mcp-check'],
    ['sallyport certs plugin NAME, then', 'make certs-mcp-plugin PLUGIN_NAME=NAME, then'],
    ['sallyport certs ca-rotate prepare.', 'make certs-mcp-ca-rotate-prepare.'],
    ['sallyport certs renew gateway --force', 'node dist/cli/main.js certs renew gateway --force'],
    ["sallyport certs renew 'My Plugin'", "node dist/cli/main.js certs renew 'My Plugin'"],
    ['rm -f a && sallyport certs all', 'rm -f a && make certs-mcp-all'],
    ['what sallyport is', 'what sallyport is'],
    ['/opt/sallyport certs', '/opt/sallyport certs'],
  ])('make in a clone: %s', (written, read) => {
    const node = { ...clone.env, MAKELEVEL: '1' };
    const said = inWordsOf({ ...clone, env: node })(written);
    expect(said.replace(`${process.execPath} `, 'node ')).toBe(read);
  });

  it.each([
    [['sallyport@0.2.0'], 'npx sallyport@0.2.0 serve'],
    [['/tmp/a b/sallyport-0.1.0.tgz'], "npx --package='/tmp/a b/sallyport-0.1.0.tgz' sallyport serve"],
    [['sallyport', 'iovalkey'], 'npx --package=sallyport --package=iovalkey sallyport serve'],
  ])('npx that fetched %j for one run', async (packages, read) => {
    const cache = join(await temporaryFolder(), '_npx/0123abcd');
    await mkdir(join(cache, 'node_modules/sallyport'), { recursive: true });
    await writeFile(join(cache, 'package.json'), JSON.stringify({ _npx: { packages } }));
    const root = join(cache, 'node_modules/sallyport');
    const started = { cwd: await temporaryFolder(), root, env: plain, commands };
    expect(inWordsOf(started)('sallyport serve')).toBe(read);
  });

  it('the shell that finds another version first: its path', async () => {
    const bin = await temporaryFolder();
    await writeFile(join(bin, 'sallyport'), '', { mode: 0o755 });
    const env = { PATH: `${bin}${delimiter}${plain.PATH}` };
    const started = { cwd: bin, root: thisPackage, env, commands };
    expect(inWordsOf(started)('sallyport serve')).toBe(`node ${commandPath} serve`);
  });

  it('whoever reads the words once more: the same', () => {
    const words = inWordsOf({ ...clone, env: plain });
    expect(words(words('sallyport serve'))).toBe('npx sallyport serve');
  });
});
