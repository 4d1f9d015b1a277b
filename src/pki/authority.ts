import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { CaUnusable } from '../errors.js';
import { createCa, type Issued, signingDefect } from './certificate.js';
import { type FoundFile, privateFile, publicFile, publish, readIfExists } from './files.js';
import {
  describe,
  type EnsureResult,
  type FolderState,
  layoutOf,
  makeCommand,
  readState,
  remakeCommand,
  type Settings,
  untilComplete,
} from './folder.js';
import { judgeCa, type Trust, trustIn } from './judge.js';
import { certificatesIn, isSame, readKey } from './pem.js';
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

export async function readAuthorities(dir: string): Promise<Authorities> {
  const state = await readState(dir, { role: 'ca' });
  return {
    state,
    active: state.certificate,
    bundle: state.certificates,
    next: await readSlot(dir, 'next'),
    previous: await readSlot(dir, 'previous'),
  };
}

async function readSlot(dir: string, name: SlotName): Promise<Slot> {
  const folder = join(layoutOf(dir, { role: 'ca' }).folder, name);
  const paths = { cert: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
  const [cert, key] = [await readIfExists(paths.cert), await readIfExists(paths.key)];
  return { folder, paths, cert, key, certificate: certificatesIn(cert?.text)[0] };
}

export const isOccupied = (slot: Slot): boolean => (slot.cert ?? slot.key) !== undefined;

/** The CA with its key, from wherever in `ca/` that is; undefined where the key is kept elsewhere. */
export function withKey(
  certificate: X509Certificate,
  { state, next, previous }: Authorities,
): Issued | undefined {
  for (const file of [state.key, next.key, previous.key]) {
    const content = file && readKey(file.text);
    if (file && content?.kind === 'key' && certificate.checkPrivateKey(content.key))
      return { certPem: certificate.toString(), keyPem: file.text };
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
  if (content?.kind === 'encrypted')
    throw unusable(layout.key, 'is encrypted; it is used without a password');
  if (content?.kind === 'bad')
    throw unusable(layout.key, `is not a private key in PEM form (${content.reason})`);
  const defect = content && signingDefect(content.key);
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
  const { certificate, cert, key } = state;
  if (!certificate || !cert || !key) return undefined;
  const ca = { certPem: certificate.toString(), keyPem: key.text };
  return { ...trustIn(state), issuing: certificate, ca, text: cert.text };
}

/**
 * The CA on disk, which has to be there and be able to issue.
 *
 * @throws SALLY_CA_UNUSABLE, SALLY_FILE_UNREADABLE
 */
export async function readAuthority(settings: Settings): Promise<Authority> {
  const state = await readState(settings.dir, { role: 'ca' });
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
    const state = await readState(settings.dir, { role: 'ca' });
    assertCaUsable(state, settings);
    const { cert, key, layout } = state;
    const authority = authorityIn(state);
    if (authority) {
      const findings = judgeCa(state, { ...settings, warnDays: 0 });
      const notes = findings.map((finding) => `${finding.path} ${finding.detail}`);
      return { authority, result: describe(state, authority.ca.certPem, made, notes) };
    }
    if (!key) newKey ??= await settings.newKey();
    const ca = await createCa({ ...validityOf(settings), keyPem: key?.text ?? newKey ?? '' });
    const files = key ? [] : [privateFile(layout.key, ca.keyPem)];
    if (!cert) files.push(publicFile(layout.cert, ca.certPem));
    made.push(...(await publish(files)));
    return undefined;
  });
}
