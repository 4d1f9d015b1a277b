import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  CertExpired,
  CertNotYetValid,
  CertWeak,
  CertWithoutPurpose,
  ChainBroken,
  ChainTooLong,
  KeyEncrypted,
  KeyMismatch,
  KeyPasswordWrong,
  KeyReadableByOthers,
  NotACa,
  NotPem,
  NotPfx,
  PfxLegacy,
  type SallyError,
  WrongPurpose,
} from '../errors.js';
import { hasIssued } from '../pki/der.js';
import { bundleHas, type KeyContent, oneLineName, readCertificates, readKey } from '../pki/pem.js';
import { readPfx } from '../pki/pfx.js';
import { dateDefect, inDate, validityIn } from '../pki/validity.js';
import { followStrongChain, longestChain, weakShown } from './chain.js';
import type { CredentialFiles, FileSnapshot } from './files.js';

/** Which side of a connection the credentials are for. */
export type TlsRole = 'client' | 'server';

const roles = {
  client: {
    usage: 'clientAuth',
    oid: '1.3.6.1.5.5.7.3.2',
    variable: 'PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD',
  },
  server: {
    usage: 'serverAuth',
    oid: '1.3.6.1.5.5.7.3.1',
    variable: 'PLUGINS_SERVER_SSL_KEYFILE_PASSWORD',
  },
} as const;

/** What one side shows of itself. */
export interface OwnIdentity {
  readonly key: KeyObject;
  /** Its own certificate first. */
  readonly chain: readonly X509Certificate[];
}

/** When and for whom credentials are loaded, and what is said of those that are accepted. */
export interface Loading {
  readonly role: TlsRole;
  readonly now: Date;
  readonly warnings: SallyError[];
  /** The variable that a password may be in. Default: that of the program of this role. */
  readonly passwordVariable?: string;
}

/**
 * The certificate of this side with what its file has behind it, and its key; undefined where it has none. @throws
 * SallyError where they cannot be shown to anyone.
 */
export function loadOwn(
  files: CredentialFiles,
  read: FileSnapshot,
  loading: Loading,
): OwnIdentity | undefined {
  const { certfile, keyfile, pfx } = files;
  const password = passwordOf(files, read);
  if (pfx !== undefined) {
    const own = loadPfx(read, pfx, password, loading);
    checkLeaf(own.chain[0], pfx, loading);
    return own;
  }
  if (certfile === undefined || keyfile === undefined) return undefined;
  const chain = readCertificates(read.text(certfile, 'the certificate'), certfile);
  const content = readKey(read.text(keyfile, 'the private key'), password);
  const own = content.kind === 'key' ? chain.findIndex((one) => one.checkPrivateKey(content.key)) : -1;
  // Before anything is said of the first: it is not the one that is meant.
  if (own > 0) throw KeyMismatch({ keyfile, certfile, number: own + 1 });
  checkLeaf(chain[0], certfile, loading);
  const key = openKey(content, keyfile, password, loading);
  if (own < 0) throw KeyMismatch({ keyfile, certfile });
  warnOfReaders(keyfile, read, loading.warnings);
  return { key, chain };
}

function warnOfReaders(path: string, read: FileSnapshot, warnings: SallyError[]): void {
  const open = read.openToOthers(path);
  if (open) warnings.push(KeyReadableByOthers({ path, mode: open.mode.toString(8) }));
}

function passwordOf(
  { keyfilePassword, keyfilePasswordFile }: CredentialFiles,
  read: FileSnapshot,
): string | undefined {
  if (keyfilePasswordFile === undefined) return keyfilePassword;
  return read.text(keyfilePasswordFile, 'the password').split(/\r?\n/, 1)[0];
}

/** @throws SallyError where the file of PKCS #12 cannot be read with that password. */
export function loadPfx(
  read: FileSnapshot,
  path: string,
  password: string | undefined,
  loading: Loading,
): OwnIdentity {
  const content = readPfx(read.bytes(path, 'the certificate and its key'), password);
  switch (content.kind) {
    case 'identity':
      warnOfReaders(path, read, loading.warnings);
      return content;
    case 'encrypted':
      throw passwordError(path, password, loading, content.cause);
    case 'legacy':
      throw PfxLegacy({ path, algorithm: content.algorithm });
    case 'bad':
      throw NotPfx({ path, reason: content.reason }, content.cause);
  }
}

function openKey(
  content: KeyContent,
  path: string,
  password: string | undefined,
  loading: Loading,
): KeyObject {
  if (content.kind === 'key') return content.key;
  if (content.kind === 'bad')
    throw NotPem({ path, what: 'a private key', reason: content.reason }, content.cause);
  throw passwordError(path, password, loading, content.cause);
}

function passwordError(
  path: string,
  password: string | undefined,
  { role, passwordVariable: variable = roles[role].variable }: Loading,
  cause: unknown,
): SallyError {
  return (password ? KeyPasswordWrong : KeyEncrypted)({ path, variable }, cause);
}

function checkLeaf(leaf: X509Certificate | undefined, path: string, loading: Loading): void {
  if (leaf === undefined) throw NotPem({ path, what: 'a certificate', reason: 'it holds none' });
  checkDates(leaf, path, loading.now);
  checkPurpose(leaf, path, loading.role, loading.warnings);
}

export function checkDates(certificate: X509Certificate, path: string, now: Date, ca = false): void {
  const validity = validityIn(certificate);
  const defect = dateDefect(validity, now);
  if (defect === 'not yet valid') throw CertNotYetValid({ path, ...validity, now });
  if (defect === 'expired') throw CertExpired({ path, ...validity, ca });
}

/** OpenSSL checks the usage only where the certificate states one: without it any role is allowed. */
function checkPurpose(leaf: X509Certificate, path: string, role: TlsRole, warnings: SallyError[]): void {
  // The types of Node 20 leave the absent case out.
  const usages = leaf.keyUsage as string[] | undefined;
  if (usages === undefined) {
    warnings.push(CertWithoutPurpose({ path }));
  } else if (!usages.includes(roles[role].oid)) {
    const has = usages.map((oid) => Object.values(roles).find((r) => r.oid === oid)?.usage ?? oid);
    throw WrongPurpose({ path, needed: roles[role].usage, has: has.join(', ') });
  }
}

/**
 * What its own file says of a chain whose CA is known to the other side alone: all of it is in date and strong. Whether
 * it ends there is for that side to say.
 */
export function checkShown(chain: readonly X509Certificate[], path: string, { role, now }: Loading): void {
  let current = chain[0];
  for (const link of chain) {
    if (link === current || (current && hasIssued(link, current))) {
      checkDates(link, path, now, link !== chain[0]);
      current = link;
    }
  }
  const weak = weakShown(chain, role);
  if (weak) throw CertWeak({ path, detail: weak.detail, ca: false });
}

/** The CAs that the own certificate has to lead to, where both sides are of one CA. */
interface Bundle {
  readonly caBundle: string;
  readonly anchors: readonly X509Certificate[];
  /** Whether a CA of it need not be self-signed. */
  readonly partial: boolean;
}

/** @throws SallyError where the chain does not lead to a CA of the bundle. */
export function checkChain(
  chain: readonly X509Certificate[],
  certfile: string,
  { anchors, caBundle, partial }: Bundle,
  { role, now }: Loading,
): void {
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined) return;
  // A CA that was renewed under its name stands beside the one that has ended.
  const inOrder = [...anchors].sort((a, b) => Number(inDate(b, now)) - Number(inDate(a, now)));
  const verdict = followStrongChain(leaf, intermediates, inOrder, role, partial);
  switch (verdict.kind) {
    case 'trusted':
      for (const [i, link] of verdict.path.entries())
        checkDates(link, i <= intermediates.length ? certfile : caBundle, now, i > 0);
      return;
    case 'weak': {
      const { certificate, detail } = verdict.weak;
      const ca = !chain.includes(certificate);
      throw CertWeak({ path: ca ? caBundle : certfile, detail, ca });
    }
    case 'too-long':
      throw ChainTooLong({ certfile, caBundle, most: longestChain });
    case 'not-a-ca':
      throw NotACa({ path: caBundle, subject: oneLineName(verdict.at.subject) });
    case 'no-issuer':
      throw ChainBroken({
        certfile,
        caBundle,
        subject: oneLineName(leaf.subject),
        issuer: oneLineName(verdict.at.issuer),
        namesake: anchors.some((anchor) => anchor.subject === verdict.at.issuer),
        intermediate: bundleHas(anchors, verdict.at) ? oneLineName(verdict.at.subject) : undefined,
      });
  }
}
