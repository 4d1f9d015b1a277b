/** Projects for the authors of plugins, made from `templates/` of the package. Reading begins with `createProject`. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileReason, ProjectFolderTaken, ProjectNameInvalid, ProjectNotWritten } from '../errors.js';
import { parseJson } from '../json/index.js';
import { packageVersion } from '../version.js';

/** What a project can begin as, and what that is for. */
export const templates = {
  filter: 'it hides words in what goes to tools and in what comes back',
  guard: 'it lets nobody call certain tools, but for those who may',
  'rate-limit': 'so many calls of tools in so many seconds, for each user',
  'external-service': 'it asks a service whether a tool may be called',
} as const;

export type Template = keyof typeof templates;

/** What a project is made of. */
export interface ProjectOptions {
  /** Of the folder, and of the package in it. */
  readonly name: string;
  /** Where the folder is made. */
  readonly cwd: string;
  readonly template: Template;
  readonly language: 'ts' | 'js';
  /** What it depends on: a folder or a tarball of this package, or a version of it. Default: what this program runs from. */
  readonly sallyport?: string | undefined;
}

/** A project that was made. */
export interface Project {
  readonly folder: string;
  /** The name of the plugin in its files. */
  readonly plugin: string;
  /** From the folder, sorted. */
  readonly files: readonly string[];
  /** What its package.json has for this package. */
  readonly dependency: string;
}

const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Makes the folder with all its files, or nothing of it.
 *
 * @throws SALLY_NEW_NAME, SALLY_NEW_FOLDER where there is something in it, SALLY_NEW_WRITE.
 */
export async function createProject(options: ProjectOptions): Promise<Project> {
  const { name, cwd, template, language } = options;
  const plugin = pluginName(name);
  const folder = resolve(cwd, name);
  await assertEmpty(folder);
  const dependency = dependencyOn(options.sallyport, cwd);
  const values = valuesOf(name, plugin, template, language);
  const files = new Map<string, string>([['package.json', manifest(name, template, language, dependency)]]);
  for (const part of ['common', template]) {
    const from = join(packageFolder, 'templates', part);
    for (const path of await filesIn(from)) {
      const written = pathOf(path, language);
      if (written === undefined) continue;
      files.set(written, fill(await readFile(join(from, path), 'utf8'), values, written));
    }
  }
  await writeAll(folder, files);
  return { folder, plugin, dependency, files: [...files.keys()].sort() };
}

/** What npm takes as a name, without what would have to be quoted somewhere; the plugin is `MyFilter` for `my-filter`. */
function pluginName(name: string): string {
  const taken = ['node_modules', 'sallyport', 'zod', 'typescript'];
  if (!/^[a-z][a-z0-9]*([-_][a-z0-9]+)*$/.test(name) || name.length > 60 || taken.includes(name)) {
    const like = name
      .replace(/([a-z0-9])(?=[A-Z])/g, '$1-')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^[^a-z]+|-+$/g, '')
      .slice(0, 60);
    throw ProjectNameInvalid({ name, like: like === '' || taken.includes(like) ? 'my-plugin' : like });
  }
  return name.replace(/(?:^|[-_])([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

async function assertEmpty(folder: string): Promise<void> {
  try {
    if ((await readdir(folder)).length > 0) throw ProjectFolderTaken({ folder });
  } catch (error) {
    if (ProjectFolderTaken.is(error)) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') throw ProjectFolderTaken({ folder });
    if (code !== 'ENOENT') throw ProjectNotWritten({ folder, reason: fileReason(error) }, error);
  }
}

/** `file:` and a path, or a version: what was asked for, or where this program comes from. */
function dependencyOn(asked: string | undefined, cwd: string): string {
  if (asked !== undefined) {
    const path = resolve(cwd, asked);
    return existsSync(path) ? `file:${path}` : asked;
  }
  const version = `^${packageVersion()}`;
  const modules = dirname(packageFolder.replace(/[/\\]$/, ''));
  // A clone, or a folder that was linked: it is not from a registry.
  if (basename(modules) !== 'node_modules') return `file:${packageFolder.replace(/[/\\]$/, '')}`;
  const from = installedFrom(modules);
  if (from === undefined) return version;
  return existsSync(from) ? `file:${from}` : `file:${packageFolder.replace(/[/\\]$/, '')}`;
}

/** The file that npm has installed this package from; undefined where that was a registry. */
function installedFrom(modules: string): string | undefined {
  try {
    const lock = parseJson(readFileSync(join(modules, '.package-lock.json'), 'utf8')) as {
      packages?: Record<string, { resolved?: string }>;
    };
    const resolved = lock.packages?.['node_modules/sallyport']?.resolved;
    return resolved?.startsWith('file:')
      ? resolve(dirname(modules), resolved.slice('file:'.length))
      : undefined;
  } catch {
    // Another package manager: it has installed a published one.
    return undefined;
  }
}

/** What stands for each `{{name}}` of a template. */
function valuesOf(
  name: string,
  plugin: string,
  template: Template,
  language: 'ts' | 'js',
): Readonly<Record<string, string>> {
  const config = readFileSync(join(packageFolder, 'templates', template, 'config.yaml'), 'utf8');
  return {
    name,
    plugin,
    purpose: templates[template],
    entry: language === 'ts' ? 'dist/src/plugin.js' : 'src/plugin.js',
    built: language === 'ts' ? 'compiles src/ and test/ to dist/' : 'looks whether the plugin can be read',
    file: `plugin.${language}`,
    config: config.trimEnd().replaceAll(/^/gm, '      '),
  };
}

function fill(text: string, values: Readonly<Record<string, string>>, path: string): string {
  const filled = text.replaceAll(/\{\{(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole);
  return path.endsWith('.js') ? withoutTypes(filled) : filled;
}

/** Templates have few types, so that they are JavaScript without these. */
const withoutTypes = (text: string): string =>
  text.replaceAll(/(?<=[\w)]): (unknown|string)\b|<string, [\w[\]]+>(?=\()| as const\b/g, '');

/** Where a file of a template goes; undefined where the project has none of it. */
function pathOf(path: string, language: 'ts' | 'js'): string | undefined {
  if (path === 'config.yaml' || (path === 'tsconfig.json' && language === 'js')) return undefined;
  // npm leaves out a .gitignore, and what it names, of what it packs.
  if (path === 'gitignore') return '.gitignore';
  return language === 'js' ? path.replace(/\.ts$/, '.js') : path;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    );
}

function manifest(name: string, template: Template, language: 'ts' | 'js', dependency: string): string {
  const compiled = language === 'ts';
  const service = template === 'external-service' ? '--import ./example/service.js ' : '';
  const scripts = {
    build: compiled ? 'tsc' : 'node --check src/plugin.js',
    test: compiled ? 'tsc && node --test dist/test/*.test.js' : 'node --test test/*.test.js',
    dev: compiled
      ? 'tsc && sallyport dev --config server.yaml --run "tsc --watch --preserveWatchOutput"'
      : 'sallyport dev --config server.yaml',
    certs: 'sallyport certs all --config gateway.yaml --key ec-p256',
    serve: `${compiled ? 'tsc && ' : ''}npm run --silent certs && sallyport serve --config server.yaml`,
    gateway: 'npm run --silent certs && sallyport gateway --config gateway.yaml',
    call: `node ${service}example/call.js`,
  };
  const made = {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    description: `A plugin for Sallyport: ${templates[template]}`,
    exports: compiled ? './dist/src/plugin.js' : './src/plugin.js',
    engines: { node: '>=20.19' },
    scripts,
    dependencies: { sallyport: dependency, zod: '^4.0.0' },
    ...(compiled && { devDependencies: { '@types/node': '^20.19.0', typescript: '^6.0.0' } }),
  };
  return `${JSON.stringify(made, null, 2)}\n`;
}

/** Written aside, and moved into place as a whole. */
async function writeAll(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  let aside: string | undefined;
  try {
    aside = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
    // The temporary folder is this user's alone, which a project need not be.
    const project = join(aside, 'project');
    for (const [path, text] of files) {
      await mkdir(dirname(join(project, path)), { recursive: true });
      await writeFile(join(project, path), text);
    }
    // An empty one may be there.
    await rmdir(folder).catch(() => {});
    await rename(project, folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') throw ProjectFolderTaken({ folder });
    throw ProjectNotWritten({ folder, reason: fileReason(error) }, error);
  } finally {
    if (aside !== undefined) await rm(aside, { recursive: true, force: true });
  }
}
