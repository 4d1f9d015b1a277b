import { resolve } from 'node:path';
import { shellWord } from '../errors.js';
import { expandHome, type PathBase, resolvePath } from './files.js';
import { given, type Reading } from './reading.js';
import { type Field, type Fields, type SettingsOf, settingsOf } from './schema.js';
import { toolsLockKeys } from './tools-lock-keys.js';

/** What upstreams may show clients, and what becomes of anything else. */
export interface ToolsLockSettings extends Omit<SettingsOf<typeof toolsLockKeys>, 'file'> {
  readonly file: string;
  /** The options by which `sallyport tools` finds the same upstreams and the same lock, as they stand behind its name. */
  readonly options: string;
}

/** `gateway.tools_lock`; undefined where it is not whole, which its problems say. */
export function toolsLockSettings(
  field: Field<Fields<typeof toolsLockKeys>> | undefined,
  { paths }: Reading,
): ToolsLockSettings | undefined {
  if (field?.value === undefined) return undefined;
  const { file: found, ...settings } = settingsOf(toolsLockKeys, field.value, paths);
  const named = field.value.file?.value;
  if (found === undefined || named === undefined) return undefined;
  // One that is to be written belongs beside the file that names it, wherever the command is called.
  const file = paths.exists(found) ? found : resolve(paths.folder, expandHome(named, paths.home));
  return { ...settings, file, options: '' };
}

/** Where a configuration was read from, as the command line has it. */
interface Sources {
  readonly config?: string | undefined;
  readonly servers?: string | undefined;
  /** A lock in place of that of the file. */
  readonly toolsLock?: string | undefined;
}

/** The settings of a gateway with the lock that the command line names, and with the options that lead to it. */
export function withLock<S extends { readonly toolsLock?: ToolsLockSettings }>(
  gateway: S,
  { config, servers, toolsLock }: Sources,
  paths: PathBase,
): S {
  const named = toolsLock === undefined ? undefined : resolvePath(toolsLock, paths);
  const before = gateway.toolsLock ?? settingsOf(toolsLockKeys, {}, paths);
  const file = named ?? gateway.toolsLock?.file;
  if (file === undefined) return gateway;
  const options = Object.entries({ config, servers, 'tools-lock': toolsLock })
    .flatMap(([name, value]) => (value ? [`--${name} ${shellWord(value)}`] : []))
    .join(' ');
  return { ...gateway, ...given('toolsLock', { ...before, file, options }) };
}
