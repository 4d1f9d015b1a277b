import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { resolve as resolvePackage } from 'import-meta-resolve';
import type { PluginEntry } from '../config/index.js';
import { messageWithCauses, PluginModuleUnusable } from '../errors.js';
import type { PluginDefinition } from './define.js';

/** Where `kind` is looked up: the working directory first, then the folder of the plugin file. */
export interface ModuleBase {
  readonly cwd: string;
  readonly folder: string;
}

/** Imports the module that `kind` names, `./file.js`, `package` or either with `#Export`. */
export async function importPlugin(entry: PluginEntry, base: ModuleBase): Promise<PluginDefinition> {
  const unusable = (reason: string) => PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, reason });
  const hash = entry.kind.lastIndexOf('#');
  const specifier = hash === -1 ? entry.kind : entry.kind.slice(0, hash);
  const exported = hash === -1 ? 'default' : entry.kind.slice(hash + 1);
  const url = locate(specifier, base);
  if (url === undefined) throw unusable(notFound(specifier));
  let module: Record<string, unknown>;
  try {
    module = (await import(url)) as Record<string, unknown>;
  } catch (error) {
    throw PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, ...importFailure(error, url) }, error);
  }
  const found = exportOf(module, exported);
  if (found === undefined) {
    const has = Object.keys(module).join(', ') || 'nothing';
    throw unusable(
      exported === 'default' ? `it has no default export; it exports ${has}` : `it exports ${has}`,
    );
  }
  if (!isDefinition(found)) throw unusable(`its export '${exported}' is not what definePlugin() returns`);
  return found;
}

/** The URL of the module of a `kind`, without its export; undefined where there is none. */
export function locate(specifier: string, { cwd, folder }: ModuleBase): string | undefined {
  if (specifier.startsWith('file:')) return specifier;
  if (specifier.startsWith('.') || specifier.startsWith('~/') || isAbsolute(specifier)) {
    const path = specifier.startsWith('~/') ? join(homedir(), specifier.slice(2)) : specifier;
    const found = [resolve(cwd, path), resolve(folder, path)].find((candidate) => existsSync(candidate));
    return found && pathToFileURL(found).href;
  }
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

function notFound(specifier: string): string {
  if (/^[.~/]/.test(specifier))
    return 'no such file, neither from the working directory nor beside the plugin file';
  return /^[\w]+(\.\w+)+$/.test(specifier)
    ? 'it is the name of a Python class that is not bundled here'
    : 'no package of this name is installed';
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
function importFailure(error: unknown, url: string): { reason: string; path?: string | undefined } {
  const { code } = Object(error) as NodeJS.ErrnoException;
  const message = messageWithCauses(error);
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts\b/.test(message))
    return {
      reason: `Node ${process.version} does not read TypeScript: compile it and name the JavaScript file, or use Node 22.18 or newer`,
    };
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
