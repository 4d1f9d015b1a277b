import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PluginEntry } from '../config/index.js';
import { messageWithCauses, PluginModuleUnusable, shellWord } from '../errors.js';
import { parseJson } from '../json/index.js';
import { nearest } from '../nearest.js';
import type { PluginDefinition } from './define.js';

/** Where `kind` is looked up: the working directory first, then the folder of the plugin file. */
export interface ModuleBase {
  readonly cwd: string;
  readonly folder: string;
}

/** Why a module cannot be used, and what mends it where that is known. */
interface Unusable {
  readonly reason: string;
  readonly mend?: string | undefined;
}

/**
 * Imports the module that `kind` names, `./file.js`, `package` or either with `#Export`. `bundled`: the kinds that need no
 * module, one of which may be meant.
 */
export async function importPlugin(
  entry: PluginEntry,
  base: ModuleBase,
  bundled: readonly string[] = [],
): Promise<PluginDefinition> {
  const unusable = (why: Unusable) => PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, ...why });
  const hash = entry.kind.lastIndexOf('#');
  const specifier = hash === -1 ? entry.kind : entry.kind.slice(0, hash);
  const exported = hash === -1 ? 'default' : entry.kind.slice(hash + 1);
  const url = await locate(specifier, base);
  if (url === undefined) throw unusable(notFound(specifier, base, bundled));
  // Node would wait for somebody to write to it.
  if (url.startsWith('file:') && statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFIFO())
    throw unusable({ reason: 'it is a named pipe', mend: 'name the file of the module' });
  let module: Record<string, unknown>;
  try {
    module = (await import(url)) as Record<string, unknown>;
  } catch (error) {
    throw PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, ...importFailure(error, url) }, error);
  }
  const found = exportOf(module, exported);
  if (found === undefined) throw unusable(notExported(specifier, exported, module));
  if (!isDefinition(found))
    throw unusable({ reason: `its export '${exported}' is not what definePlugin() returns` });
  return found;
}

/** The URL of the module of a `kind`, without its export; undefined where there is none. */
export async function locate(specifier: string, { cwd, folder }: ModuleBase): Promise<string | undefined> {
  if (specifier.startsWith('file:')) return specifier;
  if (specifier.startsWith('.') || specifier.startsWith('~/') || isAbsolute(specifier)) {
    const path = specifier.startsWith('~/') ? join(homedir(), specifier.slice(2)) : specifier;
    const found = [resolve(cwd, path), resolve(folder, path)].find((candidate) => existsSync(candidate));
    return found && pathToFileURL(found).href;
  }
  const { resolve: resolvePackage } = await import('import-meta-resolve');
  for (const from of [cwd, folder]) {
    try {
      const url = resolvePackage(specifier, pathToFileURL(join(from, 'noop.js')).href);
      if (!url.startsWith('file:') || existsSync(fileURLToPath(url))) return url;
    } catch {
      // Not installed there: the next place.
    }
  }
  return undefined;
}

function notFound(specifier: string, base: ModuleBase, bundled: readonly string[]): Unusable {
  if (/^[.~/]/.test(specifier))
    return { reason: 'no such file, neither from the working directory nor beside the plugin file' };
  if ([base.cwd, base.folder].some((from) => existsSync(join(from, specifier))))
    return { reason: 'a path begins with ./, and no package has this name', mend: `kind: ./${specifier}` };
  const meant = nearest(specifier, bundled) ?? bundledAs(specifier, bundled);
  const mend = meant && `did you mean ${meant}?`;
  if (/^[\w]+(\.\w+)+$/.test(specifier))
    return { reason: 'it is the name of a Python class that is not bundled here', mend };
  if (specifier.startsWith('sallyport/')) {
    const own = bundled.filter((kind) => kind.startsWith('sallyport/')).join(', ');
    return { reason: `no plugin of this name is bundled; there is ${own}`, mend: mend ?? `kind: ${own}` };
  }
  return notExportedBy(specifier, base) ?? { reason: 'no package of this name is installed', mend };
}

/** The bundled plugin that is meant by the last part of its name alone, in whatever way that is written. */
function bundledAs(specifier: string, bundled: readonly string[]): string | undefined {
  const last = (kind: string) =>
    (/[^./]+$/.exec(kind)?.[0] ?? '')
      .replace(/[-_\s]/g, '')
      .replace(/plugin$/i, '')
      .toLowerCase();
  const meant = nearest(last(specifier), bundled.map(last));
  const kinds = bundled.filter((kind) => last(kind) === meant);
  return kinds.find((kind) => kind.endsWith(specifier)) ?? kinds[0];
}

/** Of a package that is installed, and has no such module; undefined where it is not installed. */
function notExportedBy(specifier: string, { cwd, folder }: ModuleBase): Unusable | undefined {
  const [name, rest] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(specifier)?.slice(1) ?? [];
  if (name === undefined) return undefined;
  const found = [cwd, folder].map((from) => packageFile(name, from)).find((path) => path !== undefined);
  if (found === undefined) return undefined;
  const keys = exportsOf(found);
  const exported = keys.map((key) => key.replace('.', name));
  const reason = rest
    ? `the package '${name}' is installed, and has no '${specifier}'`
    : `the package '${name}' is installed, and has no module that can be imported by its name alone`;
  if (exported.length === 0) return { reason, mend: `name a file of the package: ${name}/FILE.js` };
  const meant = nearest(`.${rest}`, keys)?.replace('.', name);
  return {
    reason: `${reason}; it exports ${listed(exported)}`,
    mend: meant ? `did you mean ${meant}?` : `name one of what '${name}' exports`,
  };
}

/** The package.json of an installed package, as Node looks for it: in each node_modules upwards. */
function packageFile(name: string, from: string): string | undefined {
  const path = join(from, 'node_modules', name, 'package.json');
  if (existsSync(path)) return path;
  return dirname(from) === from ? undefined : packageFile(name, dirname(from));
}

/** What a package exports by name: `.`, `./path`; nothing where it does not say. */
function exportsOf(packagePath: string): string[] {
  try {
    const { exports } = parseJson(readFileSync(packagePath, 'utf8')) as { exports?: unknown };
    if (exports === undefined) return [];
    const keys = Object.keys(Object(exports)).filter((key) => key.startsWith('.'));
    return keys.length === 0 ? ['.'] : keys.filter((key) => !/\*|\.json$/.test(key));
  } catch {
    return [];
  }
}

/** A module that is there without the export that is asked for. */
function notExported(specifier: string, exported: string, module: Record<string, unknown>): Unusable {
  const whole = module['default'] as Record<string, unknown> | undefined;
  const names = Object.keys(whole?.['__esModule'] === true ? whole : module);
  const has = names.filter((name) => name !== '__esModule' && name !== 'module.exports');
  const lacks = exported === 'default' ? 'it has no default export' : `it has no export '${exported}'`;
  const plugins = has.filter((name) => isDefinition(exportOf(module, name)));
  const kindOf = (name: string) => (name === 'default' ? specifier : `${specifier}#${name}`);
  const meant = exported === 'default' ? undefined : nearest(exported, plugins);
  return {
    reason: `${lacks}; it exports ${listed(has)}`,
    mend: meant
      ? `did you mean ${kindOf(meant)}?`
      : plugins.length > 0
        ? `name the export that is the plugin: ${plugins.map(kindOf).join(', ')}`
        : `export what definePlugin() returns: export default definePlugin({ … })`,
  };
}

/** Names for a message, not all where there are many. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12).join(', ') || 'nothing';
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown;
}

/**
 * An export of a module. Of one that a compiler has turned into CommonJS, Node has `module.exports` as the default export,
 * and that has the one which the source names so.
 */
function exportOf(module: Record<string, unknown>, name: string): unknown {
  const whole = module['default'] as Record<string, unknown> | undefined | null;
  const compiled = typeof whole === 'object' && whole?.['__esModule'] === true;
  return compiled && Object.hasOwn(whole, name) ? whole[name] : module[name];
}

/** Why a module could not be imported, and its file: Node names no way out for TypeScript that it does not read. */
function importFailure(error: unknown, url: string): Unusable & { path?: string | undefined } {
  const { code } = Object(error) as NodeJS.ErrnoException;
  const message = messageWithCauses(error);
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts\b/.test(message))
    return {
      reason: `Node ${process.version} does not read TypeScript: compile it and name the JavaScript file, or use Node 22.18 or newer`,
    };
  if (code === 'ERR_UNSUPPORTED_DIR_IMPORT' && message.includes(`'${fileURLToPath(url)}'`))
    return { reason: 'it is a folder', mend: 'name the file in it: kind: ./my-filter/index.js' };
  if (/\.json$/.test(url))
    return { reason: 'it is JSON, not JavaScript', mend: 'name the module of the plugin' };
  const [, lacking] = /^Cannot find package '([^']+)' imported from /.exec(message) ?? [];
  if (code === 'ERR_MODULE_NOT_FOUND' && lacking !== undefined && !lacking.startsWith('/'))
    return { reason: message, mend: `in the folder of its package.json: npm install ${shellWord(lacking)}` };
  return code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' ||
    code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING'
    ? { reason: `${message}: compile it and name the JavaScript file` }
    : { reason: message, path: url.startsWith('file:') ? fileURLToPath(url) : undefined };
}

function isDefinition(value: unknown): value is PluginDefinition {
  return (
    typeof value === 'object' && value !== null && typeof (value as PluginDefinition).setup === 'function'
  );
}
