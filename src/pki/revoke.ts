import { X509Certificate } from 'node:crypto';
import { dirname } from 'node:path';
import {
  CertAlreadyRevoked,
  CertForeign,
  CertUnknown,
  FileUnreadable,
  RevocationReasonInvalid,
} from '../errors.js';
import { type Authorities, readAuthorities } from './authorities.js';
import { fingerprint, issuerIn } from './bundle.js';
import { changing, leafNamed } from './change.js';
import { crlsIn, isCrlOf, type RevocationReason, revocationOf, revocationReasons } from './crl.js';
import { type CrlOptions, type CrlResult, writeCrls } from './crl-files.js';
import { readIfExists } from './files.js';
import { type LeafTarget, targetName } from './folder.js';
import { normalSerial, readIssued, serialOf } from './issued.js';
import { settingsOf } from './settings.js';
import { type FolderState, parseCertificate } from './state.js';

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
  const { dir, now } = settingsOf(options);
  const { reason = 'unspecified' } = options;
  return changing(dir, async (leaves) => {
    const authorities = await readAuthorities(dir);
    const found = await find(what, dir, leaves, authorities);
    const since = await revokedSince(found, authorities);
    if (since) throw CertAlreadyRevoked({ name: found.name, dir, serial: found.serial, since });
    const add = { issuer: found.issuer, revocation: revocationOf(found.serial, now, reason) };
    const crl = await writeCrls(authorities, leaves, { ...options, now, add });
    return { name: found.name, serial: found.serial, reason, crl };
  });
}

interface ToRevoke {
  readonly name: string;
  readonly serial: string;
  /** The certificate of its CA. */
  readonly issuer: string;
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
  if (file) return ofCertificate(file.text, what, what, authorities);
  const serial = /^(?:0x)?[0-9a-f:]+$/i.test(what) ? normalSerial(what) : undefined;
  if (serial !== undefined) {
    const record = (await readIssued(dir)).findLast((issued) => issued.serial === serial);
    const issuer = authorities.bundle.find((pem) => fingerprint(pem) === record?.issuer);
    if (record && issuer !== undefined) return { name: record.name, serial, issuer };
    if (record) {
      const bundle = authorities.state.layout.cert;
      throw CertForeign({ path: `${record.name} (${serial})`, issuer: 'a CA that was retired', bundle });
    }
    const current = leaves.find(
      ({ cert }) => cert && parseCertificate(cert.text) && serialOf(cert.text) === serial,
    );
    if (current) return inFolder(current, authorities);
  }
  // Its error lists what there is.
  return inFolder(leafNamed(what, dir, leaves), authorities);
}

function inFolder({ cert, target, layout }: FolderState<LeafTarget>, authorities: Authorities): ToRevoke {
  return ofCertificate(cert?.text ?? '', targetName(target), layout.cert, authorities);
}

function ofCertificate(pem: string, name: string, path: string, { state, bundle }: Authorities): ToRevoke {
  if (!parseCertificate(pem)) throw CertUnknown({ name: path, dir: dirname(state.layout.folder), known: [] });
  const certificate = new X509Certificate(pem);
  const issuer = issuerIn(bundle.join(''), certificate);
  const self = bundle.some((ca) => fingerprint(ca) === certificate.fingerprint256);
  if (issuer === undefined || self) {
    const by = self ? 'itself (a CA is replaced with ca-rotate, not revoked)' : oneLine(certificate.issuer);
    throw CertForeign({ path, issuer: by, bundle: state.layout.cert });
  }
  return { name, serial: serialOf(pem), issuer };
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ');

async function revokedSince({ serial, issuer }: ToRevoke, { state }: Authorities): Promise<Date | undefined> {
  for (const crl of crlsIn(state.crl?.text ?? '') ?? []) {
    const entry = crl.revoked.find((revoked) => revoked.serial === serial);
    if (entry && (await isCrlOf(crl, issuer))) return entry.date;
  }
  return undefined;
}
