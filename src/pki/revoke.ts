import type { X509Certificate } from 'node:crypto';
import { dirname } from 'node:path';
import {
  CaUnusable,
  CertAlreadyRevoked,
  CertForeign,
  CertUnknown,
  CrlUnusable,
  FileUnreadable,
  RevocationReasonInvalid,
} from '../errors.js';
import { type Authorities, keyPathFor, readAuthorities, withKey } from './authority.js';
import { mayListRevoked } from './certificate.js';
import { type ChangeOptions, changing, leafNamed, readIssued } from './change.js';
import {
  type Crl,
  crlsIn,
  isCrlOf,
  lifeOf,
  type Revocation,
  type RevocationReason,
  revocationIn,
  revocationOf,
  revocationReasons,
  signCrl,
} from './crl.js';
import { type BeforeChange, publicFile, readIfExists, replaceEach } from './files.js';
import {
  certsCommandLine,
  type FolderState,
  type LeafTarget,
  type Settings,
  settingsOf,
  targetName,
} from './folder.js';
import { crlFromBackup } from './judge.js';
import { bundleHas, certificatesIn, isSame, issuerIn, normalSerial, oneLineName } from './pem.js';
import { backdateMs, checkDays, dayMs, defaultDue, dueAt } from './validity.js';

export interface CrlOptions extends ChangeOptions {
  /** Days until the list has to be made anew, 1 to 36500. Default 30. */
  readonly days?: number;
  /** Sign the lists anew though they are not due. */
  readonly force?: boolean;
}

/** The lists as they are now. */
export interface CrlResult {
  readonly path: string;
  readonly lists: readonly CrlSummary[];
  /** Paths that changed. */
  readonly made: readonly string[];
}

/** One CA's list. */
export interface CrlSummary {
  readonly issuer: string;
  readonly number: string;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** When it is due to be signed anew. */
  readonly dueAt: Date;
  readonly revoked: readonly Revocation[];
}

const defaultCrlDays = 30;

/**
 * Makes `ca/ca.crl` where there is none, signs it anew where less than a third of its life is left, and brings
 * it to every folder. It holds one list for each CA of `ca/ca.crt`: a verifier needs the list of every CA.
 *
 * @throws SALLY_CERT_CRL where the file there is not of these CAs; SALLY_CA_UNUSABLE without a CA's key;
 * SALLY_CERT_DAYS, SALLY_CERTS_MISSING, SALLY_CERT_WRITE, SALLY_CERTS_BUSY.
 * @example
 * ```ts
 * import { refreshCrl } from 'sallyport/pki';
 *
 * const { path, lists } = await refreshCrl({ days: 14 });
 * for (const { number, revoked } of lists) console.log(path, number, revoked.length);
 * ```
 */
export async function refreshCrl(options: CrlOptions = {}): Promise<CrlResult> {
  const settings = settingsOf(options);
  const { dir } = settings;
  return changing(dir, async (leaves) =>
    writeCrls(await readAuthorities(dir), leaves, { ...options, settings }),
  );
}

interface WriteOptions {
  readonly settings: Settings;
  readonly days?: number;
  readonly force?: boolean;
  /** A certificate to add, and the CA that it is of. */
  readonly add?: { readonly issuer: X509Certificate; readonly revocation: Revocation };
  readonly onChange?: BeforeChange;
}

/** The lists on disk as they have to be, first in `ca/`, then in every folder. */
async function writeCrls(
  authorities: Authorities,
  leaves: readonly FolderState<LeafTarget>[],
  options: WriteOptions,
): Promise<CrlResult> {
  const path = authorities.state.layout.crl;
  const text = await crlsFor(authorities, options);
  const files = [path, ...leaves.map(({ layout }) => layout.crl)];
  const made = await replaceEach(
    files.map((file) => publicFile(file, text)),
    options.onChange,
  );
  return { path, lists: (crlsIn(text) ?? []).map(summary), made };
}

/** One list for each CA of the bundle: as it is on disk where it is good for longer, else signed anew. */
export async function crlsFor(authorities: Authorities, options: WriteOptions): Promise<string> {
  const { state, bundle } = authorities;
  const present = state.crl ? crlsIn(state.crl.text) : [];
  if (!present) {
    throw CrlUnusable({ path: state.layout.crl, reason: 'cannot be read', remedy: crlFromBackup });
  }
  const lists: string[] = [];
  for (const ca of bundle) lists.push(await listFor(ca, authorities, present, options));
  return lists.join('');
}

async function listFor(
  ca: X509Certificate,
  authorities: Authorities,
  present: readonly Crl[],
  { settings, days = defaultCrlDays, force = false, add }: WriteOptions,
): Promise<string> {
  const { now } = settings;
  const own = present.filter((crl) => isCrlOf(crl, ca));
  const old = own.reduce<Crl | undefined>((a, b) => (a && a.number > b.number ? a : b), undefined);
  const added = add && isSame(add.issuer, ca) ? [add.revocation] : [];
  if (old && !force && added.length === 0 && now < dueAt(lifeOf(old), defaultDue)) return old.pem;
  const path = authorities.state.layout.cert;
  if (!mayListRevoked(ca)) {
    const reason = 'has a keyUsage that does not allow signing revocation lists (cRLSign)';
    const dir = dirname(authorities.state.layout.folder);
    const remedy = `replace the CA by one that may: ${certsCommandLine(dir, 'ca-rotate', 'prepare')}`;
    throw CrlUnusable({ path, reason, remedy });
  }
  const signer = await withKey(ca, authorities, settings);
  if (!signer) {
    const key = keyPathFor(ca, authorities);
    const remedy = `put ${key} back for as long as this command runs`;
    throw CaUnusable({ path, reason: `has no ${key} to sign its revocation list with`, remedy });
  }
  return signCrl({
    ca: signer,
    number: (old?.number ?? 0n) + 1n,
    // A peer whose clock is a little behind must not find it "not yet valid".
    thisUpdate: new Date(now.getTime() - backdateMs),
    nextUpdate: new Date(now.getTime() + checkDays(days) * dayMs),
    revoked: [...(old?.revoked ?? []), ...added],
  });
}

function summary(crl: Crl): CrlSummary {
  const { issuer, thisUpdate, nextUpdate, revoked } = crl;
  const due = dueAt(lifeOf(crl), defaultDue);
  return { issuer, number: String(crl.number), thisUpdate, nextUpdate, dueAt: due, revoked };
}

/**
 * What the revocation lists in `dir` say, as far as they can be read; undefined where there are none.
 *
 * @throws SALLY_FILE_UNREADABLE
 * @example
 * ```ts
 * import { readCrls } from 'sallyport/pki';
 *
 * for (const { issuer, nextUpdate } of (await readCrls('certs/mcp')) ?? []) console.log(issuer, nextUpdate);
 * ```
 */
export async function readCrls(dir: string): Promise<readonly CrlSummary[] | undefined> {
  const { state } = await readAuthorities(dir);
  if (!state.crl) return undefined;
  return (crlsIn(state.crl.text) ?? []).map(summary);
}

export interface RevokeOptions extends Omit<CrlOptions, 'force'> {
  /** Why. Default `unspecified`. */
  readonly reason?: RevocationReason;
}

export interface RevokeResult {
  readonly name: string;
  readonly serial: string;
  readonly reason: RevocationReason;
  readonly crl: CrlResult;
}

/**
 * A reason by its name, without regard to case.
 *
 * @throws SALLY_CERT_REASON
 * @example
 * ```ts
 * import { parseReason, type RevocationReason } from 'sallyport/pki';
 *
 * export const reason: RevocationReason = parseReason('keyCompromise');
 * ```
 */
export function parseReason(text: string): RevocationReason {
  const reason = revocationReasons.find((known) => known.toLowerCase() === text.trim().toLowerCase());
  if (reason === undefined) throw RevocationReasonInvalid({ value: text, allowed: revocationReasons });
  return reason;
}

/**
 * Revokes a certificate: `ca/ca.crl` names it from now on, and every folder's `ca.crl` with it. Peers that are
 * given the list refuse it from then on; there is no way back but a new certificate.
 *
 * @param what `gateway` or a plugin's name (the certificate that is in its folder now), a certificate's file, or the
 * serial number of one that was issued here, in hexadecimal.
 * @throws SALLY_CERT_UNKNOWN, SALLY_CERT_ALREADY_REVOKED, SALLY_CERT_FOREIGN; and as `refreshCrl`.
 * @example
 * ```ts
 * import { revokeCertificate } from 'sallyport/pki';
 *
 * const { serial, crl } = await revokeCertificate('ReplaceBadWordsPlugin', { reason: 'keyCompromise' });
 * console.log(serial, crl.made);
 * ```
 */
export async function revokeCertificate(what: string, options: RevokeOptions = {}): Promise<RevokeResult> {
  const settings = settingsOf(options);
  const { dir, now } = settings;
  const { reason = 'unspecified' } = options;
  return changing(dir, async (leaves) => {
    const authorities = await readAuthorities(dir);
    const found = await find(what, dir, leaves, authorities);
    const since = revocationIn(authorities.state.crl?.text ?? '', found.serial, found.issuer)?.date;
    if (since) throw CertAlreadyRevoked({ name: found.name, dir, serial: found.serial, since });
    const add = { issuer: found.issuer, revocation: revocationOf(found.serial, now, reason) };
    const crl = await writeCrls(authorities, leaves, { ...options, settings, add });
    return { name: found.name, serial: found.serial, reason, crl };
  });
}

interface ToRevoke {
  readonly name: string;
  readonly serial: string;
  /** The certificate of its CA. */
  readonly issuer: X509Certificate;
}

/** A name before a file before a number: `gateway` is none of the others, and a plugin may be called `cafe`. */
async function find(
  what: string,
  dir: string,
  leaves: readonly FolderState<LeafTarget>[],
  authorities: Authorities,
): Promise<ToRevoke> {
  const named = leaves.find(({ target }) => targetName(target) === what);
  if (named) return inFolder(named, authorities);
  const file = await readIfExists(what).catch((error: unknown) => {
    if (FileUnreadable.is(error)) return undefined;
    throw error;
  });
  if (file) return ofCertificate(certificatesIn(file.text)[0], what, what, authorities);
  const serial = /^(?:0x)?[0-9a-f:]+$/i.test(what) ? normalSerial(what) : undefined;
  if (serial !== undefined) {
    const record = (await readIssued(dir)).findLast((issued) => issued.serial === serial);
    const issuer = authorities.bundle.find((ca) => ca.fingerprint256 === record?.issuer);
    if (record && issuer !== undefined) return { name: record.name, serial, issuer };
    if (record) {
      const bundle = authorities.state.layout.cert;
      throw CertForeign({ path: `${record.name} (${serial})`, issuer: 'a CA that was retired', bundle });
    }
    const current = leaves.find(
      ({ certificate }) => certificate && normalSerial(certificate.serialNumber) === serial,
    );
    if (current) return inFolder(current, authorities);
  }
  // Its error lists what there is.
  return inFolder(leafNamed(what, dir, leaves), authorities);
}

function inFolder(
  { certificate, target, layout }: FolderState<LeafTarget>,
  authorities: Authorities,
): ToRevoke {
  return ofCertificate(certificate, targetName(target), layout.cert, authorities);
}

function ofCertificate(
  certificate: X509Certificate | undefined,
  name: string,
  path: string,
  { state, bundle }: Authorities,
): ToRevoke {
  if (!certificate) throw CertUnknown({ name: path, dir: dirname(state.layout.folder), known: [] });
  const issuer = issuerIn(bundle, certificate);
  const self = bundleHas(bundle, certificate);
  if (issuer === undefined || self) {
    const by = self
      ? 'itself (a CA is replaced with ca-rotate, not revoked)'
      : oneLineName(certificate.issuer);
    throw CertForeign({ path, issuer: by, bundle: state.layout.cert });
  }
  return { name, serial: normalSerial(certificate.serialNumber), issuer };
}
