// Its classes are decorated: without the metadata shim the import itself throws.
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { messageOf, NotPem } from '../errors.js';
import { authorityKeyIdentifier, type Issued, read, signingKey } from './certificate.js';
import { hasSigned } from './der.js';
import { blocksOf, normalSerial } from './pem.js';
import { type Validity, wholeSecond } from './validity.js';

/** Reasons that a revocation may have here, with their codes (RFC 5280 5.3.1): those that are for good. */
const reasonCodes = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;

/** Why a certificate was revoked, in the words of RFC 5280. */
export type RevocationReason = keyof typeof reasonCodes;

/**
 * The reasons that `revokeCertificate` takes.
 *
 * @example
 * ```ts
 * import { revocationReasons } from 'sallyport/pki';
 *
 * console.log(revocationReasons.join(', '));
 * ```
 */
export const revocationReasons = Object.keys(reasonCodes) as readonly RevocationReason[];

export interface Revocation {
  readonly serial: string;
  readonly date: Date;
  /** The code of RFC 5280; lists of other tools leave it out where it is unspecified (0). */
  readonly reason?: number;
}

/** What one revocation list says. */
export interface Crl {
  readonly pem: string;
  readonly der: Buffer;
  readonly issuer: string;
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly revoked: readonly Revocation[];
}

export const revocationOf = (serial: string, date: Date, reason: RevocationReason): Revocation => ({
  serial,
  date: wholeSecond(date),
  reason: reasonCodes[reason],
});

export const reasonName = (code: number | undefined): string =>
  revocationReasons.find((name) => reasonCodes[name] === (code ?? 0)) ?? `reason ${code}`;

/**
 * The lists of a file: PEM, any number of them one behind the other.
 *
 * @throws SALLY_TLS_NOT_PEM
 */
export function readLists(text: string, path: string): readonly Crl[] {
  return blocksOf(text, 'list', path).map((pem) => {
    try {
      return parse(`${pem}\n`);
    } catch (error) {
      throw NotPem({ path, what: 'a revocation list', reason: messageOf(error) }, error);
    }
  });
}

/** As `readLists`; undefined where one of them cannot be read. */
export function crlsIn(text: string): readonly Crl[] | undefined {
  try {
    return readLists(text, '');
  } catch {
    return undefined;
  }
}

function parse(pem: string): Crl {
  const crl = new x509.X509Crl(pem);
  const number = crl.getExtension(crlNumberOid);
  return {
    pem,
    der: Buffer.from(crl.rawData),
    issuer: crl.issuer,
    number: number ? readInteger(number.value) : 0n,
    thisUpdate: crl.thisUpdate,
    // Optional in X.509, required by RFC 5280 5.1.2.5: one without is as good as over. OpenSSL takes it for ever.
    nextUpdate: crl.nextUpdate ?? crl.thisUpdate,
    revoked: crl.entries.map((entry) => ({
      serial: normalSerial(entry.serialNumber),
      date: entry.revocationDate,
      ...(entry.reason === undefined ? {} : { reason: entry.reason }),
    })),
  };
}

export const lifeOf = ({ thisUpdate, nextUpdate }: Crl): Validity => ({
  notBefore: thisUpdate,
  notAfter: nextUpdate,
});

/** Whether the list was signed by the CA: two CAs may share a name, so the signature decides. */
export function isCrlOf(crl: Crl, ca: X509Certificate): boolean {
  return hasSigned(ca.publicKey, crl.der);
}

/** Where a file of lists says that the certificate of `issuer` is revoked. */
export function revocationIn(
  text: string,
  serialNumber: string,
  issuer: X509Certificate,
): Revocation | undefined {
  const serial = normalSerial(serialNumber);
  return crlsIn(text)
    ?.filter((crl) => isCrlOf(crl, issuer))
    .flatMap((crl) => crl.revoked)
    .find((entry) => entry.serial === serial);
}

interface CrlRequest {
  readonly ca: Issued;
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly revoked: readonly Revocation[];
}

/** A revocation list of `ca`, version 2, as PEM (RFC 5280 5). */
export async function signCrl(request: CrlRequest): Promise<string> {
  const ca = read(new X509Certificate(request.ca.certPem));
  const signer = await signingKey(request.ca.keyPem);
  const crl = await x509.X509CrlGenerator.create(
    {
      issuer: ca.subjectName,
      thisUpdate: wholeSecond(request.thisUpdate),
      nextUpdate: wholeSecond(request.nextUpdate),
      signingKey: signer.key,
      signingAlgorithm: signer.algorithm,
      entries: request.revoked.map(({ serial, date, reason }) => ({
        serialNumber: `00${serial.padStart(serial.length + (serial.length % 2), '0')}`,
        revocationDate: date,
        extensions: [new x509.Extension(reasonCodeOid, false, Buffer.of(10, 1, reason ?? 0))],
      })),
      extensions: [
        await authorityKeyIdentifier(ca),
        new x509.Extension(crlNumberOid, false, writeInteger(request.number)),
      ],
    },
    webcrypto,
  );
  return pemOf(Buffer.from(crl.rawData));
}

/** RFC 7468 6: OpenSSL reads no other label than this. */
function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
}

/**
 * RFC 5280 5.3.1 would rather have no reason than "unspecified", but an entry without any extension comes out of the
 * generator with an empty list of them, which 5.1.2.6 forbids and strict readers refuse.
 */
const reasonCodeOid = '2.5.29.21';
const crlNumberOid = '2.5.29.20';

/** A DER INTEGER that is not negative: a leading zero octet where the first bit is set (X.690 8.3). */
function writeInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  const content = (octets[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), octets]) : octets;
  return Buffer.concat([Buffer.of(2, content.length), content]);
}

function readInteger(der: ArrayBuffer): bigint {
  const hex = Buffer.from(der).subarray(2).toString('hex');
  return hex === '' ? 0n : BigInt(`0x${hex}`);
}
