import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { runProgram } from '../../interop/lib/processes.mjs';
import { findPython } from '../../interop/lib/python.mjs';

/** The folder of the project, this part of it, and where everything is installed. */
export const root = resolve(import.meta.dirname, '../..');
const here = join(root, 'realworld');
export const cache = join(root, '.cache', 'realworld');

/** A program of a package in `npm/servers`. */
export function npm(name, script) {
  const folder = join(cache, 'npm-servers', 'node_modules', name);
  return {
    package: name,
    from: 'npm',
    needs: ['npm-servers'],
    version: () => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version,
    program: { command: process.execPath, args: [join(folder, script)] },
  };
}

/** A program of a package in a virtual environment. */
export function pypi(environment, name, program = name) {
  return {
    package: name,
    from: 'PyPI',
    needs: [`python-${environment}`],
    version: () => pinned(`python-${environment}.txt`, name),
    program: { command: join(cache, `python-${environment}`, 'bin', program), args: [] },
  };
}

/** The Python of a virtual environment. */
export const pythonOf = (environment) => join(cache, `python-${environment}`, 'bin', 'python');

/** A program that Go compiles; `name` where two packages end alike. */
export function go(path, name = basename(path)) {
  return {
    package: path,
    from: 'Go',
    needs: ['go'],
    version: () => pinned('go.txt', path),
    program: { command: join(cache, 'go', name), args: [] },
  };
}

/** What the list of requirements says about a package, whatever its spelling. */
export function pinned(list, name) {
  const lines = readFileSync(join(here, list), 'utf8').split('\n');
  const same = (one) => one.toLowerCase().replaceAll('_', '-') === name.toLowerCase();
  const [, version] =
    lines.map((line) => line.trim().split(/==|@v(?=\d)| v(?=\d)/)).find(([one]) => same(one)) ?? [];
  return version ?? '?';
}

/** What speaks HTTP for a server that has standard input and output only. */
const bridges = {
  supergateway: ({ command, args }, { port }) => {
    const script = join(cache, 'npm-servers/node_modules/supergateway/dist/index.js');
    const line = [command, ...args].map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `"${word}"`));
    const options = [
      '--outputTransport',
      'streamableHttp',
      '--stateful',
      '--port',
      port,
      '--logLevel',
      'none',
    ];
    return { command: process.execPath, args: [script, '--stdio', line.join(' '), ...options] };
  },
  'mcp-proxy': ({ command, args }, { port }) => ({
    command: join(cache, 'python-proxy/bin/mcp-proxy'),
    args: ['--port', port, '--pass-environment', '--', command, ...args],
  }),
};

export function wrapped(bridge) {
  const start = (place, stdio) => ({ ...bridges[bridge](stdio, place), env: stdio.env, bare: true });
  return Object.assign(start, { bridge });
}

/** The file that says what a group is made of. */
const lists = { npm: (group) => `${group}/package-lock.json`, goclients: () => 'clients/go/go.sum' };

/** Installs what of the groups is not there yet as its list has it today. */
export async function install(groups, say) {
  for (const group of groups) {
    const [kind] = group.split('-');
    const list = join(here, lists[kind]?.(group) ?? `${group}.txt`);
    const wanted = await readFile(list, 'utf8');
    const folder = join(cache, group);
    const mark = join(folder, '.installed');
    if (existsSync(mark) && (await readFile(mark, 'utf8')) === wanted) continue;
    say(`installing ${group}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await installers[kind](folder, { group, list, wanted });
    await writeFile(mark, wanted);
  }
}

const installers = {
  async npm(folder, { group }) {
    for (const name of ['package.json', 'package-lock.json'])
      await cp(join(here, group, name), join(folder, name));
    // No package of these needs its install script, and one of them would fetch a browser.
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await runProgram('npm', ['ci', ...options], { cwd: folder, env: process.env });
  },
  async python(folder, { list }) {
    const env = process.env;
    await runProgram(await findPython(), ['-m', 'venv', folder], { env });
    const options = ['--quiet', '--disable-pip-version-check', '--no-deps'];
    await runProgram(join(folder, 'bin/python'), ['-m', 'pip', 'install', ...options, '-r', list], { env });
  },
  async go(folder, { wanted }) {
    for (const line of wanted.split('\n').filter((one) => one.includes('@'))) {
      await runProgram('go', ['install', line], { env: { ...process.env, GOBIN: folder } });
    }
  },
  async goclients(folder) {
    const options = { cwd: join(here, 'clients/go'), env: process.env };
    await runProgram('go', ['build', '-o', `${folder}/`, './...'], options);
  },
};
