import { constants, type KeyObject, verify } from 'node:crypto';
import { type Der, derValues, oidText } from '../pki/der.js';

/** Algorithms that lists of the revoked are signed with (RFC 8017, 5758, 8410), and their hash; null where it is part of them. */
const hashes: Record<string, string | null> = {
  '1.2.840.113549.1.1.5': 'sha1',
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.1': 'sha1',
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
  '1.3.101.113': null,
};

const pss = '1.2.840.113549.1.1.10';
const pssHashes: Record<string, string> = {
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/**
 * Whether `key` has signed `signed`: a sequence of content, algorithm and signature, as certificates and lists of the revoked
 * are. In one go, where WebCrypto waits for one of libuv's four threads.
 */
export function hasSigned(key: KeyObject, signed: Buffer): boolean {
  const [outer] = derValues(signed) ?? [];
  const [content, algorithm, signature] = (outer && derValues(outer.content)) ?? [];
  const [oid, parameters] = (algorithm && derValues(algorithm.content)) ?? [];
  if (content === undefined || oid === undefined || signature === undefined) return false;
  const name = oidText(oid.content);
  const hash = name === pss ? pssHash(parameters) : hashes[name];
  if (hash === undefined) return false;
  const padding = name === pss ? { padding: constants.RSA_PKCS1_PSS_PADDING } : {};
  try {
    // The first octet of a BIT STRING counts the bits that are left over.
    return verify(hash, content.whole, { key, ...padding }, signature.content.subarray(1));
  } catch {
    return false;
  }
}

function pssHash(parameters: Der | undefined): string | undefined {
  const named = (parameters && derValues(parameters.content))?.find(({ tag }) => tag === 0xa0);
  const [algorithm] = (named && derValues(named.content)) ?? [];
  const [oid] = (algorithm && derValues(algorithm.content)) ?? [];
  return oid && pssHashes[oidText(oid.content)];
}
