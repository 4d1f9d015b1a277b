import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileUnreadable, fileReason } from '../errors.js';
import type { Purpose, Subject } from './certificate.js';
import { parsePluginName } from './names.js';
import type { San } from './sans.js';

export const defaultDir = 'certs/mcp';

/** One folder of certificates: the authority's, the gateway's, or a plugin's. */
export type Target =
  | { readonly role: 'ca' }
  | { readonly role: 'gateway' }
  | { readonly role: 'plugin'; readonly name: string };

/** Paths of the files of one target. */
export interface Layout {
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
  /** The folder's copy of the CA certificate; absent in the CA's own folder. */
  readonly caCopy?: string;
  /** Certificate and key in one file, as `curl --cert` takes it. */
  readonly pem?: string;
  /** Who is revoked: the CA's list, or the folder's copy of it. */
  readonly crl: string;
  /** The request that the certificate was made for, where the key is kept elsewhere. */
  readonly request?: string;
}

/** Where the files of `target` are, below `dir`. */
export function layoutOf(dir: string, target: Target): Layout {
  const at = (folder: string, base: string) => ({
    folder,
    cert: join(folder, `${base}.crt`),
    key: join(folder, `${base}.key`),
    crl: join(folder, 'ca.crl'),
  });
  if (target.role === 'ca') return at(join(dir, 'ca'), 'ca');
  if (target.role === 'gateway') {
    const files = at(join(dir, 'gateway'), 'client');
    return { ...files, caCopy: join(files.folder, 'ca.crt'), pem: join(files.folder, 'client.pem') };
  }
  const files = at(join(dir, 'plugins', target.name), 'server');
  return {
    ...files,
    caCopy: join(files.folder, 'ca.crt'),
    request: join(files.folder, 'server.csr'),
  };
}

/** What a leaf's certificate says of its role. */
export interface LeafProfile {
  readonly subject: Subject;
  readonly purpose: Purpose;
  readonly sans: readonly San[];
}

export type LeafTarget = Exclude<Target, { role: 'ca' }>;

/** The gateway is a client and needs no host name; a plugin is found under its name and on this host. */
export function profileOf(target: LeafTarget, trustDomain: string): LeafProfile {
  if (target.role === 'gateway') {
    return {
      subject: { CN: 'mcp-gateway-client', O: 'Sallyport', OU: 'Gateway' },
      purpose: 'clientAuth',
      sans: [{ type: 'uri', value: `spiffe://${trustDomain}/gateway` }],
    };
  }
  const name = parsePluginName(target.name);
  return {
    subject: { CN: `mcp-plugin-${name}`, O: 'Sallyport', OU: 'Plugins' },
    purpose: 'serverAuth',
    sans: [
      { type: 'dns', value: name },
      { type: 'dns', value: `mcp-plugin-${name}` },
      { type: 'dns', value: 'localhost' },
      { type: 'uri', value: `spiffe://${trustDomain}/plugin/${name}` },
    ],
  };
}

/** Names of the folders in `plugins/`, sorted; none where there is no such folder. */
export async function pluginFolders(dir: string): Promise<readonly string[]> {
  const path = join(dir, 'plugins');
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw FileUnreadable({ path, what: 'the folder', reason: fileReason(error) }, error);
  }
}

/**
 * How the user makes (or checks) the files of `target`: the make target where the folder is the one that
 * make uses.
 *
 * @example
 * ```ts
 * import { makeCommand } from 'sallyport/pki';
 *
 * export const next: string = makeCommand('certs/mcp', { role: 'check' }); // make certs-mcp-check
 * ```
 */
export function makeCommand(dir: string, target: Target | { readonly role: 'all' | 'check' }): string {
  const words = target.role === 'plugin' ? ['plugin', target.name] : [target.role];
  if (dir !== defaultDir) return ['sallyport certs', ...words, '--dir', shellWord(dir)].join(' ');
  return target.role === 'plugin'
    ? `make certs-mcp-plugin PLUGIN_NAME=${shellWord(target.name)}`
    : `make certs-mcp-${target.role}`;
}

/**
 * A command of `sallyport certs` on `dir`, as the user types it.
 *
 * @example
 * ```ts
 * import { certsCommandLine } from 'sallyport/pki';
 *
 * export const next: string = certsCommandLine('certs/mcp', 'renew', 'gateway'); // sallyport certs renew gateway
 * ```
 */
export function certsCommandLine(dir: string, ...words: readonly string[]): string {
  const line = ['sallyport certs', ...words.map(shellWord)].join(' ');
  return dir === defaultDir ? line : `${line} --dir ${shellWord(dir)}`;
}

/** The name by which commands know a target. */
export const targetName = (target: Target): string => (target.role === 'plugin' ? target.name : target.role);

/** The gateway and the plugins that have a folder, in this order. */
export async function leafTargets(dir: string): Promise<readonly LeafTarget[]> {
  const plugins = await pluginFolders(dir);
  return [{ role: 'gateway' }, ...plugins.map((name) => ({ role: 'plugin' as const, name }))];
}

/** How the user deletes the folder of `target` and has it made again. */
export function remakeCommand(dir: string, target: Target): string {
  if (target.role === 'ca') {
    const folders = ['ca', 'gateway', 'plugins'].map((name) => shellWord(join(dir, name)));
    return `rm -rf ${folders.join(' ')} && ${makeCommand(dir, { role: 'all' })}`;
  }
  return `rm -r ${shellWord(layoutOf(dir, target).folder)} && ${makeCommand(dir, target)}`;
}

export function shellWord(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
