import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { FileUnreadable, fileReason, noFolder, OauthVault, type SallyError } from '../errors.js';
import { parseJson } from '../json/index.js';
import { locked } from '../lock.js';
import { readFileText } from '../read-file.js';
import type { ClientIdentity } from './registration.js';

/** Whose tokens they are, and for which upstream. */
export interface Owner {
  readonly upstream: string;
  /** Everything that tells users apart; `user` is its name as people know it. */
  readonly principal: string;
  readonly user: string;
}

/** The tokens that a user has consented to. Secret. */
export interface Consented {
  /** The access token as the `Authorization` header has it, and when it ends, in milliseconds since 1970. */
  readonly value: string;
  readonly end?: number | undefined;
  readonly scopes: readonly string[];
  readonly refreshToken?: string | undefined;
  /** The client that they were given to, where no configuration names it. */
  readonly identity?: ClientIdentity | undefined;
}

const Entry = z.object({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  upstream: z.string(),
  user: z.string(),
  created: z.string(),
  sealed: z.string(),
});
const VaultFile = z.object({ upstream_tokens: z.array(Entry) });

type StoredEntry = z.infer<typeof Entry>;

/** Users that tokens are kept of, over all upstreams. */
const maxEntries = 10_000;
const keyBytes = 32;

/** What is in a file of upstream tokens, still sealed; nothing where there is none. */
export async function readVault(path: string): Promise<readonly StoredEntry[]> {
  const text = await readFileText(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw FileUnreadable({ path, what: 'the tokens of upstreams', reason: fileReason(error) }, error);
  });
  if (text === undefined) return [];
  try {
    return VaultFile.parse(parseJson(text, { what: 'it' })).upstream_tokens;
  } catch (error) {
    throw OauthVault({ path, reason: 'it is no file of upstream tokens' }, error);
  }
}

/** Whether a file is one of upstream tokens, whatever else is wrong with it. */
export async function isVault(path: string): Promise<boolean> {
  const text = await readFileText(path).catch(() => '');
  return /^\s*\{\s*"upstream_tokens"/.test(text);
}

/** Why a file of upstream tokens cannot be written: most often its folder. */
export function vaultUnwritable(path: string, error: unknown): SallyError {
  const isFolder = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return OauthVault({ path, reason: isFolder ? noFolder(dirname(path)) : fileReason(error) }, error);
}

/**
 * Changes the entries of a file. Whoever reads it meanwhile sees the old or the new one, whoever changes it at the same time
 * waits, and it is its user's alone.
 */
export async function changeVault(
  path: string,
  change: (entries: readonly StoredEntry[]) => readonly StoredEntry[],
): Promise<void> {
  const lock = `${path}.new`;
  const failed = (error: unknown) => vaultUnwritable(path, error);
  const busy = (holder: string) => OauthVault({ path, reason: `it is being changed by ${holder} (${lock})` });
  await locked({ path: lock, mode: 0o600, patienceMs: 10_000, busy, failed }, async () => {
    const entries = change(await readVault(path));
    const next = `${path}.next`;
    try {
      await rm(next, { force: true });
      const handle = await open(next, 'wx', 0o600);
      await handle
        .writeFile(`${JSON.stringify({ upstream_tokens: entries }, null, 2)}\n`)
        .then(() => handle.sync())
        .finally(() => handle.close());
      await rename(next, path);
    } catch (error) {
      await rm(next, { force: true }).catch(() => {});
      throw failed(error);
    }
  });
}

/** The key in a file: 32 bytes in base64 or hexadecimal digits. */
async function readKey(path: string): Promise<Buffer> {
  const text = await readFileText(path).catch((error: unknown) => {
    throw FileUnreadable({ path, what: 'the key of the upstream tokens', reason: fileReason(error) }, error);
  });
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, /^[0-9a-f]{64}$/i.test(trimmed) ? 'hex' : 'base64');
  if (key.length !== keyBytes)
    throw OauthVault({ path, reason: `it holds no key of ${keyBytes} bytes in base64` });
  return key;
}

/** Bound to its owner: an entry that is moved to another does not open. */
const aboutOf = ({ id, upstream }: Pick<StoredEntry, 'id' | 'upstream'>) => Buffer.from(`${id} ${upstream}`);

function seal(key: Buffer, entry: Pick<StoredEntry, 'id' | 'upstream'>, value: object): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aboutOf(entry));
  const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
}

function unseal(key: Buffer, entry: StoredEntry): Consented | undefined {
  const bytes = Buffer.from(entry.sealed, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(aboutOf(entry));
    decipher.setAuthTag(bytes.subarray(12, 28));
    const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString();
    return parseJson(text) as Consented;
  } catch {
    return undefined;
  }
}

const idOf = ({ upstream, principal }: Owner): string =>
  createHash('sha256')
    .update(JSON.stringify([upstream, principal]))
    .digest('hex')
    .slice(0, 12);

/** Where tokens go that outlive the process; without it they are in memory alone. */
export interface VaultFiles {
  readonly tokensFile: string;
  readonly keyFile: string;
}

/**
 * The tokens that users have consented to: in memory, and on disk, encrypted (AES-256-GCM), where a key is configured. What
 * another process takes out of the file is forgotten here with the next look.
 */
export class TokenVault {
  readonly #files: VaultFiles | undefined;
  readonly #key: Buffer | undefined;
  #entries = new Map<string, { readonly entry: StoredEntry; readonly tokens: Consented }>();
  #seen = '';
  #writing: Promise<void> = Promise.resolve();

  private constructor(files: VaultFiles | undefined, key: Buffer | undefined) {
    this.#files = files;
    this.#key = key;
  }

  /** @throws SALLY_FILE_UNREADABLE, SALLY_OAUTH_VAULT */
  static async open(files: VaultFiles | undefined): Promise<TokenVault> {
    const vault = new TokenVault(files, files && (await readKey(files.keyFile)));
    await vault.look();
    return vault;
  }

  get(owner: Owner): Consented | undefined {
    return this.#entries.get(idOf(owner))?.tokens;
  }

  /**
   * Keeps what a user has consented to; with `renewed`, in place of what is there. False where that was forgotten
   * meanwhile: nobody brings it back.
   */
  async put(owner: Owner, tokens: Consented, renewed = false): Promise<boolean> {
    const id = idOf(owner);
    if (renewed && !this.#entries.has(id)) return false;
    const { upstream, user } = owner;
    const head = { id, upstream, user, created: new Date().toISOString() };
    const sealed = this.#key ? seal(this.#key, head, tokens) : '';
    this.#entries.delete(id);
    this.#entries.set(id, { entry: { ...head, sealed }, tokens });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > maxEntries && oldest !== undefined) this.#entries.delete(oldest);
    await this.#write(id, renewed);
    return this.#entries.has(id);
  }

  async forget(owner: Owner): Promise<void> {
    if (this.#entries.delete(idOf(owner))) await this.#write(idOf(owner));
  }

  /** Looks whether the file has changed; what it does not have any more is forgotten. */
  async look(): Promise<void> {
    await this.#writing;
    const files = this.#files;
    if (files === undefined || this.#key === undefined) return;
    const seen = await statText(files.tokensFile);
    if (seen === this.#seen) return;
    const stored = await readVault(files.tokensFile);
    this.#seen = seen;
    const entries = new Map<string, { readonly entry: StoredEntry; readonly tokens: Consented }>();
    for (const entry of stored) {
      const tokens = unseal(this.#key, entry);
      // Another key has sealed it: nobody can use it, and its user is asked anew.
      if (tokens) entries.set(entry.id, { entry, tokens });
    }
    this.#entries = entries;
  }

  /** Writes one entry, or takes it out: what others have done to the file since stays done. */
  #write(id: string, renewed = false): Promise<void> {
    const files = this.#files;
    if (files === undefined) return Promise.resolve();
    const own = this.#entries.get(id)?.entry;
    const written = this.#writing.then(async () => {
      await changeVault(files.tokensFile, (entries) => {
        const others = entries.filter((entry) => entry.id !== id);
        if (renewed && others.length === entries.length) {
          this.#entries.delete(id);
          return entries;
        }
        return own ? [...others, own].slice(-maxEntries) : others;
      });
    });
    this.#writing = written.catch(() => {});
    return written;
  }
}

async function statText(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found ? `${found.ino} ${found.mtimeNs} ${found.size}` : 'none';
}
