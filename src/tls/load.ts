import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import {
  CertExpired,
  CertNotYetValid,
  CertWithoutPurpose,
  ChainBroken,
  CredentialsRefused,
  FileUnreadable,
  fileReason,
  KeyEncrypted,
  KeyMismatch,
  KeyPasswordWrong,
  KeyReadableByOthers,
  messageOf,
  NotACa,
  NotPem,
  type SallyError,
  WrongPurpose,
} from '../errors.js';
import { canSign, followChain } from './chain.js';
import { oneLineName } from './peer.js';
import { tlsPolicy } from './policy.js';

/** Which side of a connection the credentials are for. */
export type TlsRole = 'client' | 'server';

/** The files that credentials are loaded from: a certificate with its key, a bundle of CAs, or both. */
export interface CredentialFiles {
  readonly certfile?: string | undefined;
  readonly keyfile?: string | undefined;
  readonly keyfilePassword?: string | undefined;
  readonly caBundle?: string | undefined;
}

/** What a connection is made with. Immutable: a reload makes a new one. */
export interface CredentialSet {
  /** Counts up with every reload; connections remember the one they were made with. */
  readonly version: number;
  readonly files: CredentialFiles;
  /** This side's own certificate, where it has one. */
  readonly certificate?: X509Certificate;
  readonly context: SecureContext;
  /** What is accepted but deserves to be seen. */
  readonly warnings: readonly SallyError[];
}

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

/**
 * Reads and checks everything that a handshake would otherwise fail on later: readable, PEM, in date, key
 * and certificate belong together, the chain leads to the bundle, the usage fits the role.
 *
 * @throws SallyError naming the file and the remedy; nothing has been changed then.
 */
export async function loadCredentials(
  files: CredentialFiles,
  role: TlsRole,
  options: { version: number; now: Date },
): Promise<CredentialSet> {
  const warnings: SallyError[] = [];
  const ca = files.caBundle === undefined ? undefined : await loadBundle(files.caBundle, options.now);
  const own = await loadIdentity(files, role, options.now, warnings);
  if (ca && own && files.certfile)
    checkChain(own.chain, ca.certificates, files.certfile, files.caBundle ?? '', options.now);
  const context = buildContext(files, ca?.pem, own?.pem, own?.key);
  const certificate = own?.chain[0];
  return { version: options.version, files, ...(certificate && { certificate }), context, warnings };
}

interface Identity {
  readonly pem: string;
  readonly key: KeyObject;
  readonly chain: readonly X509Certificate[];
}

async function loadIdentity(
  files: CredentialFiles,
  role: TlsRole,
  now: Date,
  warnings: SallyError[],
): Promise<Identity | undefined> {
  const { certfile, keyfile } = files;
  if (certfile === undefined || keyfile === undefined) return undefined;
  const pem = await readText(certfile, 'the certificate');
  const chain = parseCertificates(pem, certfile);
  const leaf = chain[0];
  if (leaf === undefined) throw NotPem({ path: certfile, what: 'a certificate', reason: 'it holds none' });
  checkDates(leaf, certfile, now);
  checkPurpose(leaf, certfile, role, warnings);
  const key = parseKey(await readText(keyfile, 'the private key'), keyfile, files.keyfilePassword, role);
  if (!leaf.checkPrivateKey(key)) throw KeyMismatch({ keyfile, certfile });
  const mode = (await stat(keyfile)).mode & 0o777;
  if ((mode & 0o077) !== 0) warnings.push(KeyReadableByOthers({ path: keyfile, mode: mode.toString(8) }));
  return { pem, key, chain };
}

async function loadBundle(path: string, now: Date) {
  const pem = await readText(path, 'the CA bundle');
  const certificates = parseCertificates(pem, path);
  for (const certificate of certificates) {
    if (!canSign(certificate)) throw NotACa({ path, subject: oneLineName(certificate.subject) });
  }
  // A bundle may still hold a CA that has ended, beside the one that follows it. One must be in date.
  const first = certificates[0];
  if (first !== undefined && !certificates.some((certificate) => inDate(certificate, now))) {
    checkDates(first, path, now);
  }
  return { pem, certificates };
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw FileUnreadable({ path, what, reason: fileReason(error) }, error);
  }
}

function parseCertificates(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(
    /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----/g,
  );
  if (blocks === null)
    throw NotPem({ path, what: 'a certificate', reason: describeContent(pem, 'CERTIFICATE') });
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      const which = blocks.length > 1 ? `certificate ${index + 1} of ${blocks.length}: ` : '';
      throw NotPem({ path, what: 'a certificate', reason: which + messageOf(error) }, error);
    }
  });
}

function describeContent(pem: string, wanted: string): string {
  if (pem.trim() === '') return 'the file is empty';
  const found = pem.match(/-----BEGIN ([A-Z0-9 ]+)-----/)?.[1];
  if (found === undefined) return `no BEGIN ${wanted} line`;
  return found === wanted ? `its END ${wanted} line is missing` : `it holds a ${found}`;
}

function parseKey(pem: string, path: string, password: string | undefined, role: TlsRole): KeyObject {
  const block = pem.match(/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/);
  if (block === null) {
    throw NotPem({ path, what: 'a private key', reason: describeContent(pem, 'PRIVATE KEY') });
  }
  const encrypted = block[1] === 'ENCRYPTED PRIVATE KEY' || block[0].includes('Proc-Type: 4,ENCRYPTED');
  const variable = roles[role].variable;
  if (encrypted && !password) throw KeyEncrypted({ path, variable });
  try {
    return createPrivateKey({ key: block[0], ...(encrypted && { passphrase: password }) });
  } catch (error) {
    if (encrypted) throw KeyPasswordWrong({ path, variable }, error);
    throw NotPem({ path, what: 'a private key', reason: messageOf(error) }, error);
  }
}

function inDate(certificate: X509Certificate, now: Date): boolean {
  return now >= new Date(certificate.validFrom) && now <= new Date(certificate.validTo);
}

function checkDates(certificate: X509Certificate, path: string, now: Date): void {
  const notBefore = new Date(certificate.validFrom);
  const notAfter = new Date(certificate.validTo);
  if (now < notBefore) throw CertNotYetValid({ path, notBefore, now });
  if (now > notAfter) throw CertExpired({ path, notAfter });
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

function checkChain(
  chain: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  certfile: string,
  caBundle: string,
  now: Date,
): void {
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined) return;
  const verdict = followChain(leaf, intermediates, anchors);
  if (verdict.kind === 'trusted') {
    for (const [i, link] of verdict.path.entries())
      checkDates(link, i <= intermediates.length ? certfile : caBundle, now);
    return;
  }
  if (verdict.kind === 'not-a-ca') throw NotACa({ path: caBundle, subject: oneLineName(verdict.at.subject) });
  throw ChainBroken({
    certfile,
    caBundle,
    subject: oneLineName(leaf.subject),
    issuer: oneLineName(verdict.at.issuer),
    namesake: anchors.some((anchor) => anchor.subject === verdict.at.issuer),
  });
}

function buildContext(
  files: CredentialFiles,
  ca: string | undefined,
  cert: string | undefined,
  key: KeyObject | undefined,
): SecureContext {
  try {
    return createSecureContext({
      ...tlsPolicy,
      // An empty list in place of none: without `ca` Node would trust the system's roots.
      ca: ca ?? [],
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key: key.export({ type: 'pkcs8', format: 'pem' }) }),
    });
  } catch (error) {
    throw CredentialsRefused(
      { path: files.certfile ?? files.caBundle ?? '', reason: messageOf(error) },
      error,
    );
  }
}
