import { X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { CertWriteFailed, fileReason } from '../errors.js';
import { parseJson } from '../json/index.js';
import { readIfExists } from './files.js';

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

/** The form in which serial numbers are compared: tools differ in case, colons, prefix and leading zeros. */
export function normalSerial(text: string): string {
  return text
    .replace(/^0x/i, '')
    .replaceAll(':', '')
    .toUpperCase()
    .replace(/^0+(?=.)/, '');
}

export const serialOf = (certPem: string): string => normalSerial(new X509Certificate(certPem).serialNumber);

/**
 * Adds a certificate to the list, so that it can be revoked by its number when it is in no folder any more. One
 * line, one write at the end of the file: runs side by side do not disturb each other.
 *
 * @throws SALLY_CERT_WRITE
 */
export async function recordIssued(dir: string, name: string, certPem: string, caPem: string): Promise<void> {
  const record: IssuedRecord = {
    serial: serialOf(certPem),
    name,
    issuer: new X509Certificate(caPem).fingerprint256,
    notAfter: new Date(new X509Certificate(certPem).validTo).toISOString(),
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
