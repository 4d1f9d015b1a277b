import type { X509Certificate } from 'node:crypto';
import { open, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CaElsewhere,
  CertsMissing,
  CertUnknown,
  CertWriteFailed,
  FileUnreadable,
  fileReason,
} from '../errors.js';
import { parseJson } from '../json/index.js';
import { type BeforeChange, lockedFolder, readIfExists, settle, sweep } from './files.js';
import {
  defaultDir,
  type EnsureOptions,
  type FolderState,
  isEmpty,
  type LeafTarget,
  layoutOf,
  leafTargets,
  makeCommand,
  readState,
  targetName,
} from './folder.js';
import { certificatesIn, normalSerial } from './pem.js';
import { type DuePolicy, defaultDue, dueAt, validityIn } from './validity.js';

/** How certificates that exist are changed. */
export interface ChangeOptions extends EnsureOptions {
  /** Told of each file just before it changes. */
  readonly onChange?: BeforeChange;
}

/**
 * Runs `work` on the folders in `dir` while no other run changes them, after whatever a killed run left
 * half-replaced is whole again.
 *
 * @throws SALLY_CERTS_MISSING, SALLY_CA_ELSEWHERE where there is no CA: nothing is created in a folder that was mistyped.
 */
export async function changing<T>(
  dir: string,
  work: (leaves: readonly FolderState<LeafTarget>[]) => Promise<T>,
): Promise<T> {
  await assertCa(dir);
  return lockedFolder(dir, async () => {
    const ca = layoutOf(dir, { role: 'ca' }).folder;
    await sweep(ca);
    for (const slot of [join(ca, 'next'), join(ca, 'previous')]) {
      await sweep(slot);
      // It goes only where it is empty.
      await rmdir(slot).catch(() => {});
    }
    const targets = await leafTargets(dir);
    for (const target of targets) {
      const layout = layoutOf(dir, target);
      await settle(layout);
      await sweep(layout.folder);
    }
    return work(await presentLeaves(dir, targets));
  });
}

/**
 * A host that has but its own folder is told where to go: a second CA made there would be one that nobody trusts.
 *
 * @throws SALLY_CERTS_MISSING, SALLY_CA_ELSEWHERE
 */
export async function assertCa(dir: string): Promise<void> {
  const path = layoutOf(dir, { role: 'ca' }).cert;
  if (await readIfExists(path)) return;
  const leaves = await presentLeaves(dir, await leafTargets(dir));
  throw leaves.length > 0
    ? CaElsewhere({ dir, path })
    : CertsMissing({ dir, remedy: makeCommand(dir, { role: 'all' }) });
}

/** The folders that hold anything. */
export async function presentLeaves(
  dir: string,
  targets: readonly LeafTarget[],
): Promise<readonly FolderState<LeafTarget>[]> {
  const states = await Promise.all(targets.map((target) => readState(dir, target)));
  return states.filter((state) => !isEmpty(state));
}

/**
 * The leaf that `name` means: the gateway or a plugin by name, or the path of its folder or of a file in it.
 *
 * @throws SALLY_CERT_UNKNOWN
 */
export function leafNamed(
  name: string,
  dir: string,
  leaves: readonly FolderState<LeafTarget>[],
): FolderState<LeafTarget> {
  const path = name.replace(/^\.\//, '').replace(/\/+$/, '');
  const found = leaves.find(
    ({ target, layout }) =>
      targetName(target) === name || layout.folder === path || path.startsWith(`${layout.folder}/`),
  );
  if (found) return found;
  throw CertUnknown({ name, dir, known: leaves.map(({ target }) => targetName(target)) });
}

/** One line of the list of issued certificates. */
export interface IssuedRecord {
  /** Hexadecimal, upper case, without leading zeros. */
  readonly serial: string;
  /** `gateway` or the plugin's name. */
  readonly name: string;
  /** SHA-256 fingerprint of the CA certificate. */
  readonly issuer: string;
  readonly notAfter: string;
}

/** Beside the folders, not in one of them: no host needs it. */
const pathIn = (dir: string): string => join(dir, 'issued.jsonl');

/**
 * Adds a certificate to the list, so that it can be revoked by its number when it is in no folder any more. One
 * line, one write at the end of the file: runs side by side do not disturb each other.
 *
 * @throws SALLY_CERT_WRITE
 */
export async function recordIssued(
  dir: string,
  name: string,
  certificate: X509Certificate,
  ca: X509Certificate,
): Promise<void> {
  const record: IssuedRecord = {
    serial: normalSerial(certificate.serialNumber),
    name,
    issuer: ca.fingerprint256,
    notAfter: validityIn(certificate).notAfter.toISOString(),
  };
  const path = pathIn(dir);
  try {
    const file = await open(path, 'a', 0o644);
    try {
      await file.write(`${JSON.stringify(record)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw CertWriteFailed({ path, reason: fileReason(error) }, error);
  }
}

/** What is in the list; a line that a full disk cut off is passed over. */
export async function readIssued(dir: string): Promise<readonly IssuedRecord[]> {
  const file = await readIfExists(pathIn(dir));
  return (file?.text ?? '')
    .split('\n')
    .flatMap((line) => parse(line.slice(Math.max(line.lastIndexOf('{'), 0))));
}

function parse(line: string): IssuedRecord[] {
  try {
    const record = parseJson(line) as Partial<IssuedRecord>;
    const { serial, name, issuer, notAfter } = record;
    return typeof serial === 'string' && typeof name === 'string' && typeof issuer === 'string'
      ? [{ serial, name, issuer, notAfter: String(notAfter) }]
      : [];
  } catch {
    return [];
  }
}

/** Whether a certificate is to be renewed. */
export type NeedsRenewal =
  | {
      readonly kind: 'due' | 'not due';
      readonly path: string;
      readonly notAfter: Date;
      readonly dueAt: Date;
    }
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string };

/**
 * Whether a certificate is due. Only its own dates count: it may be of any CA.
 *
 * @param what a certificate's file, or `gateway` or a plugin's name.
 * @example
 * ```ts
 * import { needsRenewal, parseExpiresIn } from 'sallyport/pki';
 *
 * const answer = await needsRenewal('certs/mcp/gateway/client.crt', { due: parseExpiresIn('30d') });
 * if (answer.kind === 'due') console.log(`${answer.path} ends on ${answer.notAfter.toISOString()}`);
 * ```
 */
export async function needsRenewal(
  what: string,
  options: { readonly dir?: string; readonly due?: DuePolicy; readonly now?: () => Date } = {},
): Promise<NeedsRenewal> {
  const { dir = defaultDir, due = defaultDue, now = () => new Date() } = options;
  let path = what;
  try {
    path = await certificatePath(what, dir);
    const file = await readIfExists(path);
    if (!file) return { kind: 'missing', path };
    const [certificate] = certificatesIn(file.text);
    if (!certificate) return { kind: 'unreadable', path, reason: 'it is not a certificate in PEM form' };
    const validity = validityIn(certificate);
    const at = dueAt(validity, due);
    return { kind: now() < at ? 'not due' : 'due', path, notAfter: validity.notAfter, dueAt: at };
  } catch (error) {
    if (FileUnreadable.is(error)) return { kind: 'unreadable', path, reason: error.context.reason };
    throw error;
  }
}

/** A name wins over a file of that name, as it does for `renew`. */
async function certificatePath(what: string, dir: string): Promise<string> {
  if (/[/\\]/.test(what) && /\.\w+$/.test(what)) return what;
  const leaves = await presentLeaves(dir, await leafTargets(dir));
  try {
    return leafNamed(what, dir, leaves).layout.cert;
  } catch {
    return what;
  }
}
