import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shellWord } from '../errors.js';
import type { CommandIo } from './io.js';

/** How this command was started, as far as what it is called by follows from that. */
export interface Started {
  readonly env: CommandIo['env'];
  readonly cwd: string;
  /** The root of the package whose command runs. */
  readonly root: string;
  /** The names of its commands: what follows `sallyport` where that is the command, not the product. */
  readonly commands: readonly string[];
}

/** This very process. */
export const thisPackage = realpathSync(fileURLToPath(new URL('../..', import.meta.url)));

/**
 * Texts as whoever reads them can run the commands in them: `sallyport` where a shell finds that, else by npx, by the path of
 * the program, or as a target of make. Where it was found out once, it stays.
 */
export function inWordsOf(started: Started): (text: string) => string {
  let called: string | undefined;
  let byMake: boolean | undefined;
  const next = `(?:${started.commands.join('|')})\\b|--|<command>|\\[options\\]`;
  const command = new RegExp(`(?<![\\w./@-]|npx )sallyport (?=${next})`, 'g');
  return (text) => {
    if (!text.includes('sallyport ')) return text;
    called ??= calledBy(started);
    byMake ??= started.env['MAKELEVEL'] !== undefined && hasTargets(started.cwd);
    const written = byMake ? inWordsOfMake(text) : text;
    return called === 'sallyport' ? written : written.replace(command, `${called.replaceAll('$', '$$$$')} `);
  };
}

/** Make is the command of a clone, and says so by MAKELEVEL. Options stay with the command itself. */
function inWordsOfMake(text: string): string {
  const one = /\bsallyport certs (all|ca|gateway|check|crl|ca-rotate \w+)(?=\s*$|[.,;:)\n]| (?!-))/gm;
  const named = /\bsallyport certs (plugin|renew|revoke) (\w[\w-]*)(?=\s*$|[.,;:)\n]| (?!-))/gm;
  return text
    .replace(one, (_, words: string) => `make certs-mcp-${words.replace(' ', '-')}`)
    .replace(named, 'make certs-mcp-$1 PLUGIN_NAME=$2');
}

/** The words by which a shell in the folder that this was started in starts it again. */
function calledBy(started: Started): string {
  const { env, cwd, root } = started;
  // What npm starts has the folders of its packages on its PATH; the shell before it has not.
  const byNpm = env['npm_execpath'] !== undefined || env['npm_lifecycle_event'] !== undefined;
  const onPath = (name: string) =>
    (env['PATH'] ?? '')
      .split(delimiter)
      .filter((folder) => folder !== '' && !(byNpm && /\/node_modules\/\.bin\/?$/.test(folder)))
      .map((folder) => resolve(cwd, folder, name))
      .find((file) => existsSync(file));
  const found = onPath('sallyport');
  if (found !== undefined && isWithin(realpath(found) ?? '', root)) return 'sallyport';
  if (onPath('npx') !== undefined) {
    if (isClone(started) || isInstalled(started)) return 'npx sallyport';
    const fetched = fetchedAs(root);
    if (fetched !== undefined) return fetched;
  }
  const main = join(root, 'dist/cli/main.js');
  const node = onPath('node') === undefined ? shellWord(process.execPath) : 'node';
  const path = isWithin(main, cwd) ? main.slice(cwd.length + 1) : main;
  // A log in JSON has it within a string.
  return /["\\\n]/.test(path) ? 'sallyport' : `${node} ${shellWord(path)}`;
}

const isWithin = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

const realpath = (path: string): string | undefined => {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
};

function foldersFrom(cwd: string): readonly string[] {
  const above = dirname(cwd);
  return above === cwd ? [cwd] : [cwd, ...foldersFrom(above)];
}

/** Whether make in `folder` knows the targets. Whose own make starts this command has none of them. */
function hasTargets(folder: string): boolean {
  try {
    return /^certs-mcp-all:/m.test(readFileSync(join(folder, 'Makefile'), 'utf8'));
  } catch {
    return false;
  }
}

/** Whether the package that this was started in is this one itself: a clone. */
function isClone({ cwd, root }: Started): boolean {
  return (
    realpath(foldersFrom(cwd).find((folder) => existsSync(join(folder, 'package.json'))) ?? '/') === root
  );
}

/** Whether npx finds this one first, in a project that has it as a dependency. */
function isInstalled({ cwd, root }: Started): boolean {
  const modules = foldersFrom(cwd)
    .map((folder) => join(folder, 'node_modules'))
    .find((folder) => existsSync(join(folder, '.bin/sallyport')));
  return modules !== undefined && realpath(join(modules, 'sallyport')) === root;
}

/** As npx was asked for a package that it fetched for one run, where it did: it notes what it was asked for. */
function fetchedAs(root: string): string | undefined {
  const folder = dirname(dirname(root));
  if (!/\/_npx\/[^/]+$/.test(folder)) return undefined;
  try {
    const { _npx } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      _npx?: { packages?: readonly string[] };
    };
    const packages = _npx?.packages ?? [];
    const [first = ''] = packages;
    if (packages.length === 1 && /^sallyport(@[\w.^~-]*)?$/.test(first)) return `npx ${first}`;
    if (packages.length === 0 || packages.some((name) => /["\\\n]/.test(name))) return undefined;
    return `npx ${packages.map((name) => `--package=${shellWord(name)}`).join(' ')} sallyport`;
  } catch {
    return undefined;
  }
}
