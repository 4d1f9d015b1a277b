import type { KeyObject, X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CaUnusable, FileUnreadable, fileReason, type SallyError, shellWord } from '../errors.js';
import { generateKeyPem, type KeyType, keyTypes, type Purpose, type Subject } from './certificate.js';
import { type FoundFile, readIfExists } from './files.js';
import { parsePluginName, parseTrustDomain, type San } from './names.js';
import { certificatesIn, encryptedKey, isKeyOf, type KeyContent, readKey } from './pem.js';
import { checkDays, defaultDays, validityIn } from './validity.js';

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
 * How the user makes (or checks) the files of `target`.
 *
 * @example
 * ```ts
 * import { makeCommand } from 'sallyport/pki';
 *
 * export const next: string = makeCommand('certs/mcp', { role: 'check' }); // sallyport certs check
 * ```
 */
export function makeCommand(dir: string, target: Target | { readonly role: 'all' | 'check' }): string {
  const words = target.role === 'plugin' ? ['plugin', target.name] : [target.role];
  return certsCommandLine(dir, ...words);
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

/** What one folder holds at a moment. */
export interface FolderState<T extends Target = Target> {
  readonly target: T;
  readonly layout: Layout;
  readonly cert: FoundFile | undefined;
  readonly key: FoundFile | undefined;
  readonly caCopy: FoundFile | undefined;
  readonly pem: FoundFile | undefined;
  readonly crl: FoundFile | undefined;
  readonly request: FoundFile | undefined;
  /** What `cert` holds; none where it cannot be read. */
  readonly certificates: readonly X509Certificate[];
  /** The one that the folder is about: that of its key, or the first where none is or the key cannot be read. */
  readonly certificate: X509Certificate | undefined;
  /** What `key` holds. */
  readonly keyContent: KeyContent | undefined;
}

type Files = Partial<Pick<FolderState, 'cert' | 'key' | 'caCopy' | 'pem' | 'crl' | 'request'>>;

/**
 * Reads the folder of `target`, in the reverse of the order in which its files are made: whoever sees one here
 * sees those that it was made from too, however busy another run is.
 *
 * @param unreadable is given what cannot be read, which then counts as absent. Default: that is thrown.
 * @throws SALLY_FILE_UNREADABLE
 */
export async function readState<T extends Target>(
  dir: string,
  target: T,
  unreadable?: SallyError[],
): Promise<FolderState<T>> {
  const layout = layoutOf(dir, target);
  const files: { -readonly [K in keyof Files]: Files[K] } = {};
  for (const name of ['pem', 'crl', 'caCopy', 'cert', 'key', 'request'] as const) {
    const path = layout[name];
    try {
      files[name] = path === undefined ? undefined : await readIfExists(path);
    } catch (error) {
      if (!unreadable || !FileUnreadable.is(error)) throw error;
      unreadable.push(error);
    }
  }
  return stateOf(target, layout, files);
}

/** The files of a folder, and what they hold. */
export function stateOf<T extends Target>(
  target: T,
  layout: Layout,
  files: Files,
  keyContent = files.key && readKey(files.key.text),
): FolderState<T> {
  const { cert, key, caCopy, pem, crl, request } = files;
  const certificates = certificatesIn(cert?.text);
  // Of a bundle the CA that issues is the one whose key is `ca.key`: a run that is cut off between the two files of a CA
  // so leaves nothing ambiguous. Without the key (it may be kept elsewhere) it is the first. A leaf whose CA stands before
  // it is told as that, and all else that is said is of the leaf.
  const own =
    key && keyContent && certificates.length > 1
      ? certificates.find((certificate) => isKeyOf(key.text, keyContent, certificate))
      : undefined;
  const certificate = own ?? certificates[0];
  return { target, layout, cert, key, caCopy, pem, crl, request, certificates, certificate, keyContent };
}

export function isEmpty(state: FolderState): boolean {
  return !(state.cert ?? state.key ?? state.caCopy ?? state.pem ?? state.request);
}

/** How certificates are made on disk. Every field has a default. */
export interface EnsureOptions {
  /** The folder of all certificates, from the working directory. Default `certs/mcp`. */
  readonly dir?: string;
  /** Days of validity from now, 1 to 36500. Default 825: Apple's TLS clients refuse servers with more. */
  readonly days?: number;
  /** Kind of new keys. Default `rsa-4096`. */
  readonly keyType?: KeyType;
  /** Host of the SPIFFE name that says a certificate's role. Default `sallyport.local`. */
  readonly trustDomain?: string;
  /** Names that plugins' certificates have beside their own. */
  readonly extraSans?: readonly San[];
  /** The password of the CA's key, where that is encrypted, or how to ask for it: once, and only where it is needed. */
  readonly caPassword?:
    | string
    | ((asked: { readonly path: string; readonly isNew: boolean }) => Promise<string | undefined>);
  /** Encrypt the key of a CA that is made, and with `ensureCa` those that are there, with `caPassword`. Default false. */
  readonly encryptCaKey?: boolean;
  /** The clock. It is asked once. */
  readonly now?: () => Date;
  /** Told whenever a new key is ready. */
  readonly onKey?: (progress: { readonly ready: number; readonly wanted: number }) => void;
}

export interface Settings extends Required<Omit<EnsureOptions, 'now' | 'onKey' | 'caPassword'>> {
  readonly now: Date;
  /** The private key of a CA from an encrypted file. @throws SALLY_CA_UNUSABLE without its password. */
  openKey(file: FoundFile): Promise<KeyObject>;
  /** The private key of a CA as it is to be in the file of that name. */
  sealKey(keyPem: string, path: string): Promise<string>;
  /** A new key, of the chosen kind unless another is asked for. */
  newKey(type?: KeyType): Promise<string>;
}

function passwordWanted(path: string, reason = 'is encrypted, and no password was given') {
  const remedy = 'set MCP_CERT_CA_PASSWORD to its password, or run this on a terminal, where it is asked for';
  return CaUnusable({ path, reason, remedy });
}

/** The options checked, so that nothing is written before all of them are known to be usable. */
export function settingsOf(options: EnsureOptions): Settings {
  const keyType = options.keyType ?? keyTypes[0] ?? 'rsa-4096';
  let wanted = 0;
  let ready = 0;
  const { caPassword } = options;
  let asked: Promise<string | undefined> | undefined;
  const password = (path: string, isNew = false) => {
    asked ??= typeof caPassword === 'function' ? caPassword({ path, isNew }) : Promise.resolve(caPassword);
    return asked;
  };
  return {
    dir: options.dir ?? defaultDir,
    days: checkDays(options.days ?? defaultDays),
    keyType,
    trustDomain: parseTrustDomain(options.trustDomain ?? 'sallyport.local'),
    extraSans: options.extraSans ?? [],
    now: options.now?.() ?? new Date(),
    encryptCaKey: options.encryptCaKey ?? false,
    async openKey({ path, text }) {
      const given = await password(path);
      const content = readKey(text, given);
      if (content.kind === 'key') return content.key;
      throw given ? passwordWanted(path, 'does not open with the password given') : passwordWanted(path);
    },
    async sealKey(keyPem, path) {
      const given = await password(path, true);
      if (!given) throw passwordWanted(path, 'is to be encrypted, and no password was given');
      return encryptedKey(keyPem, given);
    },
    newKey: async (type = keyType) => {
      wanted += 1;
      const pem = await generateKeyPem(type);
      ready += 1;
      options.onKey?.({ ready, wanted });
      return pem;
    },
  };
}

/** What became of one folder: all of it made, some missing file added, or everything kept as it was. */
export interface EnsureResult {
  readonly role: 'ca' | 'gateway' | 'plugin';
  /** The plugin's name; absent for the CA and the gateway. */
  readonly name?: string;
  readonly folder: string;
  readonly outcome: 'made' | 'repaired' | 'kept';
  /** Paths of the files that are new. */
  readonly made: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** What the user should know of: a shortened validity, names that the kept certificate lacks. */
  readonly notes: readonly string[];
}

/** `state` as a result; `certPem` is its certificate. */
export function describe(
  state: FolderState,
  certPem: string,
  made: readonly string[],
  notes: readonly string[],
): EnsureResult {
  const { target, layout } = state;
  const [certificate] = certificatesIn(certPem);
  const whole = made.includes(layout.key) && made.includes(layout.cert);
  return {
    role: target.role,
    ...(target.role === 'plugin' ? { name: target.name } : {}),
    folder: layout.folder,
    outcome: whole ? 'made' : made.length > 0 ? 'repaired' : 'kept',
    made,
    ...(certificate ? validityIn(certificate) : { notBefore: new Date(0), notAfter: new Date(0) }),
    notes,
  };
}
