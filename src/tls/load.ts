import { constants, type KeyObject, type X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import {
  BundleWithoutRoot,
  CaWeak,
  CertRevoked,
  CredentialsRefused,
  CrlExpired,
  CrlForeign,
  CrlMissing,
  CrlNotYetValid,
  CrlWeak,
  messageOf,
  NotACa,
  type SallyError,
  SelfSignedOwn,
} from '../errors.js';
import { canSign, hasIssued, isSelfSigned, signedOverSha1 } from '../pki/der.js';
import { blocksOf, isSame, normalSerial, oneLineName, readCertificates } from '../pki/pem.js';
import { dateDefect, inDate } from '../pki/validity.js';
import { weakAuthorities } from './chain.js';
import { type CredentialFiles, certificateFile, type FileSnapshot, readFiles } from './files.js';
import { checkChain, checkDates, checkShown, type Loading, loadOwn, type TlsRole } from './own.js';

/**
 * What both sides agree to: TLS 1.2 and 1.3, forward secrecy and AEAD only. Node's own list for TLS 1.2
 * still offers CBC and static RSA.
 */
export const tlsPolicy = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
    // OpenSSL's default level is 1 in Node 20 and 2 from Node 24 on; 2 asks for 112 bits of security.
    '@SECLEVEL=2',
  ].join(':'),
  /** A resumed session is not verified again and outlives its certificate: none is offered (RFC 5077, 8446 4.6.1). */
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/** A handshake that takes longer than this is given up, in milliseconds. */
export const handshakeTimeoutMs = 10_000;

/** A certificate revocation list (RFC 5280 section 5) that is in date, and signed by a CA that is trusted. */
export interface Crl {
  readonly pem: string;
  readonly issuer: X509Certificate;
  /** When the next one was to come: from then on it says nothing any more. */
  readonly nextUpdate: Date;
  /** Signed over a hash for which collisions can be made. */
  readonly weak: boolean;
  /** Serial numbers, as `normalSerial` has them. */
  readonly revoked: ReadonlySet<string>;
}

/**
 * What ends the chain of the other side: a self-signed certificate of the bundle, any certificate of it
 * (X509_V_FLAG_PARTIAL_CHAIN), or a root of the system.
 */
export type Trust = 'roots' | 'partial' | 'system';

/** What a connection is made with. Immutable: a reload makes a new one. */
export interface CredentialSet {
  /** Counts up with every reload; connections remember the one they were made with. */
  readonly version: number;
  readonly files: CredentialFiles;
  /** This side's own certificate, where it has one. */
  readonly certificate?: X509Certificate;
  /** The chain that this side shows, its own certificate first; empty where it has none. */
  readonly chain: readonly X509Certificate[];
  /** What may end the chain of the other side: see `Trust`. */
  readonly trust: Trust;
  /** The CAs that the other side may be of. */
  readonly authorities: readonly X509Certificate[];
  /** Revocation lists of all of them, or none at all. */
  readonly crls: readonly Crl[];
  readonly context: SecureContext;
  /** Of the files' content: equal for two sets exactly where all of it is. */
  readonly fingerprint: string;
  /** What is accepted but deserves to be seen. */
  readonly warnings: readonly SallyError[];
}

/**
 * Reads and checks everything that a handshake would otherwise fail on later: readable, PEM, in date, key
 * and certificate belong together, the usage fits the role, the chain leads to the bundle. `anyIssuer` leaves the
 * last to the other side: the bundle is for its certificate, and has no say in ours.
 *
 * @throws SallyError naming the file and the remedy; nothing has been changed then.
 */
export async function loadCredentials(
  files: CredentialFiles,
  role: TlsRole,
  options: { version: number; now: Date; snapshot?: FileSnapshot },
): Promise<CredentialSet> {
  const { version, now } = options;
  const read = options.snapshot ?? readFiles(files);
  const { caBundle, crlFile } = files;
  const certfile = certificateFile(files) ?? '';
  const loading: Loading = { role, now, warnings: [] };
  const { warnings } = loading;
  const trust: Trust = files.ca === 'system' ? 'system' : files.partialChain ? 'partial' : 'roots';
  const ca = caBundle === undefined ? undefined : loadBundle(read, caBundle, role, now);
  const own = loadOwn(files, read, loading);
  const chain = own?.chain ?? [];
  const [certificate] = chain;
  const authorities = ca?.certificates ?? [];
  const where = { caBundle: caBundle ?? '', anchors: authorities, partial: trust === 'partial' };
  if (ca && !files.anyIssuer) checkChain(chain, certfile, where, loading);
  else checkShown(chain, certfile, loading);
  if (ca && trust === 'roots' && !authorities.some(isSelfSigned)) {
    const subjects = authorities.map(({ subject }) => oneLineName(subject));
    throw BundleWithoutRoot({ path: where.caBundle, subjects });
  }
  const current = authorities.filter((authority) => inDate(authority, now));
  for (const { detail } of weakAuthorities(current)) warnings.push(CaWeak({ path: where.caBundle, detail }));
  const crls =
    crlFile === undefined
      ? []
      : await loadCrls(read.text(crlFile, 'the revocation list'), {
          path: crlFile,
          caBundle: where.caBundle,
          authorities: current,
          intermediates: chain.slice(1),
          now,
        });
  for (const { weak, issuer } of crls)
    if (weak) warnings.push(CrlWeak({ path: crlFile ?? '', issuer: oneLineName(issuer.subject) }));
  if (certificate) {
    const named = { path: certfile, subject: oneLineName(certificate.subject) };
    if (isSelfSigned(certificate)) warnings.push(SelfSignedOwn(named));
    if (isRevoked(certificate, crls)) warnings.push(CertRevoked(named));
  }
  const context = buildContext(files, { trust, ca: ca?.pem, cert: own?.chain.join(''), key: own?.key, crls });
  const { fingerprint } = read;
  const shown = certificate && { certificate };
  return { version, files, ...shown, chain, trust, authorities, crls, context, fingerprint, warnings };
}

function loadBundle(read: FileSnapshot, path: string, role: TlsRole, now: Date) {
  const text = read.text(path, 'the CA bundle');
  const certificates = readCertificates(text, path);
  for (const certificate of certificates) {
    // A server without a CA is trusted by its own certificate, which need not be able to sign.
    const ofServer = role === 'client' && isSelfSigned(certificate);
    if (!canSign(certificate) && !ofServer) throw NotACa({ path, subject: oneLineName(certificate.subject) });
  }
  // A bundle may still hold a CA that has ended, beside the one that follows it. One must be in date.
  const first = certificates[0];
  if (first !== undefined && !certificates.some((certificate) => inDate(certificate, now))) {
    checkDates(first, path, now, true);
  }
  // The blocks as they are: in those of OpenSSL's own form (TRUSTED CERTIFICATE) stands what the CA is not trusted for.
  return { pem: blocksOf(text, 'certificate', path).join('\n'), certificates };
}

/**
 * The lists of a file. Fails closed: each has to be signed by a CA of the bundle and in date, and each CA of the bundle
 * that is in date needs one.
 */
export async function loadCrls(
  text: string,
  wanted: {
    readonly path: string;
    readonly caBundle: string;
    /** The CAs that are trusted and in date: each needs a list. */
    readonly authorities: readonly X509Certificate[];
    /** CAs below them, which may have one. */
    readonly intermediates: readonly X509Certificate[];
    readonly now: Date;
  },
): Promise<readonly Crl[]> {
  const { path, caBundle, authorities, intermediates, now } = wanted;
  // Loaded only where there is a list: the library behind it is large.
  const { isCrlOf, lifeOf, readLists } = await import('../pki/crl.js');
  const crls = readLists(text, path).map((list): Crl => {
    const { pem, der, thisUpdate, nextUpdate, revoked } = list;
    const issuer = [...authorities, ...intermediates].find((ca) => isCrlOf(list, ca));
    if (!issuer) throw CrlForeign({ path, issuer: list.issuer, caBundle });
    const of = { path, issuer: oneLineName(issuer.subject) };
    const defect = dateDefect(lifeOf(list), now);
    if (defect === 'not yet valid') throw CrlNotYetValid({ ...of, thisUpdate, now });
    if (defect === 'expired') throw CrlExpired({ ...of, nextUpdate });
    const weak = signedOverSha1(der);
    return { pem, issuer, nextUpdate, weak, revoked: new Set(revoked.map(({ serial }) => serial)) };
  });
  for (const authority of authorities)
    if (!crls.some(({ issuer }) => isSame(issuer, authority)))
      throw CrlMissing({ path, subject: oneLineName(authority.subject), caBundle });
  return crls;
}

/** Whether one of `crls` names `certificate`, which its issuer has signed. */
export function isRevoked(certificate: X509Certificate, crls: readonly Crl[]): boolean {
  return crls.some(
    ({ issuer, revoked }) =>
      revoked.has(normalSerial(certificate.serialNumber)) && hasIssued(issuer, certificate),
  );
}

function buildContext(
  files: CredentialFiles,
  parts: {
    readonly trust: Trust;
    readonly ca: string | undefined;
    readonly cert: string | undefined;
    readonly key: KeyObject | undefined;
    readonly crls: readonly Crl[];
  },
): SecureContext {
  const { trust, ca, cert, key, crls } = parts;
  try {
    return createSecureContext({
      ...tlsPolicy,
      // An empty list in place of none: without `ca` Node would trust the system's roots.
      ...(trust !== 'system' && { ca: ca ?? [] }),
      ...(trust === 'partial' && { allowPartialTrustChain: true }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key: key.export({ type: 'pkcs8', format: 'pem' }) }),
      // With one list OpenSSL asks for those of every CA of a chain (X509_V_FLAG_CRL_CHECK_ALL): also of the one above
      // an intermediate that is trusted as it is. There `judgePeer` alone looks into them, before a byte passes.
      ...(crls.length > 0 && trust !== 'partial' && { crl: crls.map((crl) => crl.pem) }),
    });
  } catch (error) {
    throw CredentialsRefused(
      { path: certificateFile(files) ?? files.caBundle ?? '', reason: messageOf(error) },
      error,
    );
  }
}
