import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { KeyEncrypted, KeyPasswordWrong, messageOf, NotPem } from '../errors.js';

/**
 * The blocks of one kind in a PEM file (RFC 7468), one at least. One that has a beginning and no end is an error: the
 * file is being written, and what stands before it is not all.
 */
export function blocksOf(pem: string, kind: RegExp, path: string, what: string): readonly string[] {
  const label = kind.source;
  const blocks = pem.match(new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----`, 'g')) ?? [];
  const wanted = label.replace(/^\(.*?\)\?/, '');
  if (blocks.length === 0) throw NotPem({ path, what, reason: describeContent(pem, wanted) });
  const rest = pem.replace(/-----BEGIN ([^\n-]+)-----[\s\S]*?-----END \1-----/g, '').trim();
  if (/-----BEGIN|-+[BEGIN]*$/.test(rest))
    throw NotPem({ path, what, reason: 'its last END line is missing' });
  return blocks;
}

/** The certificates of a file, in its order. */
export function parseCertificates(pem: string, path: string): X509Certificate[] {
  const blocks = blocksOf(pem, /(?:TRUSTED )?CERTIFICATE/, path, 'a certificate');
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

/** The private key of a file; `variable` is what its password could be given in. */
export function parseKey(
  pem: string,
  path: string,
  password: string | undefined,
  variable: string,
): KeyObject {
  const block = pem.match(/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/);
  if (block === null) {
    throw NotPem({ path, what: 'a private key', reason: describeContent(pem, 'PRIVATE KEY') });
  }
  const encrypted = block[1] === 'ENCRYPTED PRIVATE KEY' || block[0].includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted && !password) throw KeyEncrypted({ path, variable });
  try {
    return createPrivateKey({ key: block[0], ...(encrypted && { passphrase: password }) });
  } catch (error) {
    if (encrypted) throw KeyPasswordWrong({ path, variable }, error);
    throw NotPem({ path, what: 'a private key', reason: messageOf(error) }, error);
  }
}
