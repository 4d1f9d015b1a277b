import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { CaUnusable } from '../errors.js';
import { createCa, type Issued, signingDefect } from './certificate.js';
import {
  type FoundFile,
  type NewFile,
  privateFile,
  publicFile,
  publish,
  readIfExists,
  replaceEach,
  untilComplete,
} from './files.js';
import {
  describe,
  type EnsureResult,
  type FolderState,
  layoutOf,
  makeCommand,
  readState,
  remakeCommand,
  type Settings,
  stateOf,
} from './folder.js';
import { judgeCa, type Trust, trustIn } from './judge.js';
import { certificatesIn, isKeyOf, isSame, pemOfKey, readKey } from './pem.js';
import { validityOf } from './validity.js';

/** A CA in waiting, beside the one that issues: `ca/next/` before it takes over, `ca/previous/` after. */
export interface Slot {
  readonly folder: string;
  readonly paths: { readonly cert: string; readonly key: string };
  readonly cert: FoundFile | undefined;
  readonly key: FoundFile | undefined;
  readonly certificate: X509Certificate | undefined;
}

export type SlotName = 'next' | 'previous';

/** Everything in `ca/` at a moment. */
export interface Authorities {
  readonly state: FolderState<{ readonly role: 'ca' }>;
  /** The certificate that issues. */
  readonly active: X509Certificate | undefined;
  /** All certificates of `ca/ca.crt`. */
  readonly bundle: readonly X509Certificate[];
  readonly next: Slot;
  readonly previous: Slot;
}

/** @param settings opens the key that issues, where it is encrypted. Default: it stays as it is. */
export async function readAuthorities(dir: string, settings?: Settings): Promise<Authorities> {
  const found = await readState(dir, { role: 'ca' });
  const state = settings ? await withOpenKey(found, settings) : found;
  return {
    state,
    active: state.certificate,
    bundle: state.certificates,
    next: await readSlot(dir, 'next'),
    previous: await readSlot(dir, 'previous'),
  };
}

/** The CA's folder with its key opened, where that is encrypted. */
export async function withOpenKey<T extends FolderState>(state: T, settings: Settings): Promise<T> {
  const { target, layout, key, keyContent } = state;
  if (!key || keyContent?.kind !== 'encrypted') return state;
  return { ...state, ...stateOf(target, layout, state, { kind: 'key', key: await settings.openKey(key) }) };
}

export const isEncrypted = (file: FoundFile | undefined): boolean =>
  file !== undefined && readKey(file.text).kind === 'encrypted';

async function readSlot(dir: string, name: SlotName): Promise<Slot> {
  const folder = join(layoutOf(dir, { role: 'ca' }).folder, name);
  const paths = { cert: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
  const [cert, key] = [await readIfExists(paths.cert), await readIfExists(paths.key)];
  return { folder, paths, cert, key, certificate: certificatesIn(cert?.text)[0] };
}

export const isOccupied = (slot: Slot): boolean => (slot.cert ?? slot.key) !== undefined;

/** The CA with its key, from wherever in `ca/` that is; undefined where the key is kept elsewhere. */
export async function withKey(
  certificate: X509Certificate,
  { state, next, previous }: Authorities,
  settings: Settings,
): Promise<Issued | undefined> {
  for (const file of [state.key, next.key, previous.key]) {
    const content = file && readKey(file.text);
    if (!file || !content || isKeyOf(file.text, content, certificate) === false) continue;
    const key = content.kind === 'key' ? content.key : await settings.openKey(file);
    if (certificate.checkPrivateKey(key)) return { certPem: certificate.toString(), keyPem: pemOfKey(key) };
  }
  return undefined;
}

/** Where the key of a CA belongs that is not there. */
export function keyPathFor(ca: X509Certificate, { state, next, previous }: Authorities): string {
  const slot = [next, previous].find(
    ({ certificate }) => certificate !== undefined && isSame(certificate, ca),
  );
  return slot?.paths.key ?? state.layout.key;
}

/**
 * Throws unless the CA in `state` can issue certificates that verify: it has both files, or a key that its
 * certificate is yet to be made for (an interrupted run), or neither.
 *
 * @throws SALLY_CA_UNUSABLE
 */
export function assertCaUsable(state: FolderState, settings: Settings): void {
  const { cert, key, keyContent: content, layout } = state;
  const anew = `start anew: ${remakeCommand(settings.dir, state.target)}`;
  const unusable = (path: string, reason: string, remedy = `to ${anew}`) =>
    CaUnusable({ path, reason, remedy });
  if (content?.kind === 'bad')
    throw unusable(layout.key, `is not a private key in PEM form (${content.reason})`);
  const defect = content?.kind === 'key' ? signingDefect(content.key) : undefined;
  if (defect !== undefined) throw unusable(layout.key, defect);
  if (!cert) return;
  const findings = judgeCa(state, { ...settings, warnDays: 0 });
  const worst = findings.find(({ verdict }) => !harmless.has(verdict));
  if (worst) throw unusable(worst.path, worst.detail, worst.remedy);
  if (!key)
    throw unusable(
      layout.cert,
      `has no ${layout.key} beside it`,
      `put ${layout.key} back for as long as this command runs; if it is lost, ${anew}`,
    );
}

/** What a CA can issue certificates with all the same. */
const harmless: ReadonlySet<string> = new Set([
  'key readable by others',
  'not strict',
  'ca.crl unusable',
  'ca.crl expired',
  'ca.crl expires soon',
]);

/** The CA that issues, with what goes into the folders of its leaves. */
export interface Authority extends Trust {
  readonly ca: Issued;
  readonly issuing: X509Certificate;
  /** The file of the bundle. */
  readonly text: string;
}

/** What a whole CA folder says; undefined without certificate or key. */
export function authorityIn(state: FolderState): Authority | undefined {
  const { certificate, cert, keyContent } = state;
  if (!certificate || !cert || keyContent?.kind !== 'key') return undefined;
  const ca = { certPem: certificate.toString(), keyPem: pemOfKey(keyContent.key) };
  return { ...trustIn(state), issuing: certificate, ca, text: cert.text };
}

/**
 * The CA on disk, which has to be there and be able to issue.
 *
 * @throws SALLY_CA_UNUSABLE, SALLY_FILE_UNREADABLE
 */
export async function readAuthority(settings: Settings): Promise<Authority> {
  const state = await withOpenKey(await readState(settings.dir, { role: 'ca' }), settings);
  assertCaUsable(state, settings);
  const authority = authorityIn(state);
  if (authority) return authority;
  const remedy = makeCommand(settings.dir, { role: 'ca' });
  throw CaUnusable({ path: state.layout.cert, reason: 'is not there', remedy });
}

/** The CA on disk, made if it is not there; a key without certificate gets one. */
export async function ensureAuthority(
  settings: Settings,
): Promise<{ authority: Authority; result: EnsureResult }> {
  const made: string[] = [];
  let newKey: string | undefined;
  return untilComplete(`${settings.dir}/ca`, async () => {
    const state = await withOpenKey(await readState(settings.dir, { role: 'ca' }), settings);
    assertCaUsable(state, settings);
    const { cert, keyContent, layout } = state;
    const authority = authorityIn(state);
    if (authority) {
      const findings = judgeCa(state, { ...settings, warnDays: 0 });
      const notes = findings.map((finding) => `${finding.path} ${finding.detail}`);
      return { authority, result: describe(state, authority.ca.certPem, made, notes) };
    }
    const key = keyContent?.kind === 'key' ? pemOfKey(keyContent.key) : undefined;
    const sealed = key === undefined && settings.encryptCaKey;
    if (key === undefined) newKey ??= await settings.newKey();
    const ca = await createCa({ ...validityOf(settings), keyPem: key ?? newKey ?? '' });
    const text = sealed ? await settings.sealKey(ca.keyPem, layout.key) : ca.keyPem;
    const files = key === undefined ? [privateFile(layout.key, text)] : [];
    if (!cert) files.push(publicFile(layout.cert, ca.certPem));
    made.push(...(await publish(files)));
    return undefined;
  });
}

/** Encrypts the keys of `ca/` that are not, and returns their paths. Only while the lock is held. */
export async function encryptKeys(settings: Settings): Promise<readonly string[]> {
  const { state, next, previous } = await readAuthorities(settings.dir);
  const files: NewFile[] = [];
  for (const file of [state.key, next.key, previous.key]) {
    const content = file && readKey(file.text);
    if (file && content?.kind === 'key')
      files.push(privateFile(file.path, await settings.sealKey(pemOfKey(content.key), file.path)));
  }
  return replaceEach(files);
}
