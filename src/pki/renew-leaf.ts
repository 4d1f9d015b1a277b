import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { RequestInvalid } from '../errors.js';
import type { Authority } from './authority.js';
import { issuerIn } from './bundle.js';
import { certifyLike } from './certificate.js';
import type { ChangeOptions } from './change.js';
import type { NewFile } from './files.js';
import { type LeafTarget, targetName } from './folder.js';
import { readIssued, recordIssued, serialOf } from './issued.js';
import { type KeyType, keyTypeOf } from './keys.js';
import { leafValidity } from './leaf.js';
import { replaceEach, replaceTogether } from './replace.js';
import { requestKey } from './request.js';
import type { Settings } from './settings.js';
import { type FolderState, parseCertificate, parseKey, validityIn } from './state.js';
import { dayMs, defaultDays, type Validity } from './validity.js';

/** A leaf with a certificate that can be read. */
export interface Renewable extends FolderState<LeafTarget> {
  readonly cert: NonNullable<FolderState['cert']>;
}

/** Where the key of the next certificate comes from. */
type NextKey =
  | { readonly kind: 'new'; readonly pem: string }
  /** It stays: it is kept elsewhere, or encrypted with a password that is not known here. */
  | { readonly kind: 'kept'; readonly publicKey: KeyObject; readonly note: string };

/**
 * The folder's certificate anew, from the CA that issues now: same names and purposes, another key.
 *
 * @returns the new certificate, what changed, and what to tell of it.
 */
export async function renewLeaf(
  leaf: Renewable,
  authority: Authority,
  settings: Settings,
  options: ChangeOptions,
): Promise<{ certPem: string; made: readonly string[]; notes: readonly string[] }> {
  const { layout, target, cert } = leaf;
  const next = await nextKey(leaf, settings, options.keyType);
  const publicKey = next.kind === 'new' ? createPublicKey(next.pem) : next.publicKey;
  const validity = nextValidity(cert.text, authority, settings, options.days);
  const certPem = await certifyLike(cert.text, publicKey, { ...validity, ca: authority.ca });
  await record(settings.dir, targetName(target), [cert.text, certPem], authority);
  const keyPem = next.kind === 'new' ? next.pem : leaf.key?.text;
  const files: NewFile[] = [
    ...(next.kind === 'new' ? [{ path: layout.key, mode: 0o600, text: next.pem }] : []),
    { path: layout.cert, mode: 0o644, text: certPem },
    ...(layout.pem !== undefined && keyPem !== undefined
      ? [{ path: layout.pem, mode: 0o600, text: `${certPem}${keyPem}` }]
      : []),
  ];
  if (files.length === 1) await replaceEach(files, options.onChange);
  else await replaceTogether(files, options.onChange);
  return { certPem, made: files.map(({ path }) => path), notes: next.kind === 'kept' ? [next.note] : [] };
}

async function nextKey(leaf: Renewable, settings: Settings, asked: KeyType | undefined): Promise<NextKey> {
  const { key, request, cert } = leaf;
  if (!key && request) {
    const publicKey = requestKey(request.text);
    if (!publicKey) throw RequestInvalid({ path: request.path, reason: 'it cannot be read' });
    return { kind: 'kept', publicKey, note: `for the same key, which is kept elsewhere (${request.path})` };
  }
  const { publicKey } = new X509Certificate(cert.text);
  if (key && parseKey(key.text).kind === 'encrypted')
    return {
      kind: 'kept',
      publicKey,
      note: `for the same key: ${key.path} is encrypted, and its password not known here`,
    };
  return { kind: 'new', pem: await settings.newKey(asked ?? keyTypeOf(publicKey)) };
}

/**
 * From now on for as long as the old certificate was made for; but one that had ended with its CA was cut short, and
 * says nothing of how long it should live.
 */
export function nextValidity(
  certPem: string,
  authority: Pick<Authority, 'ca' | 'bundle'>,
  settings: Settings,
  asked: number | undefined,
): Validity {
  const certificate = new X509Certificate(certPem);
  const issuer = issuerIn(authority.bundle, certificate);
  const ca = issuer === undefined ? undefined : parseCertificate(issuer);
  const old = validityIn(certificate);
  const cut = ca !== undefined && validityIn(ca).notAfter.getTime() - old.notAfter.getTime() < dayMs;
  const days = asked ?? (cut ? defaultDays : lifeInDays(old));
  return leafValidity(authority.ca, { ...settings, days });
}

export const lifeInDays = ({ notBefore, notAfter }: Validity): number =>
  Math.min(Math.max(Math.round((notAfter.getTime() - notBefore.getTime()) / dayMs), 1), 36_500);

/** The old one too: it may have been made by a version that kept no list. */
async function record(
  dir: string,
  name: string,
  pems: readonly string[],
  { bundle }: Authority,
): Promise<void> {
  const known = new Set((await readIssued(dir)).map(({ serial }) => serial));
  for (const pem of pems) {
    // A new one's issuer is in the bundle in any case; an old one of no CA here needs no place in the list.
    const issuer = issuerIn(bundle, new X509Certificate(pem));
    if (issuer !== undefined && !known.has(serialOf(pem))) await recordIssued(dir, name, pem, issuer);
  }
}
