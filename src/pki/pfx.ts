import { createDecipheriv, createPrivateKey, type KeyObject, pbkdf2Sync, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { messageOf } from '../errors.js';
import { type Der, derValues, hasIssued, isSelfSigned, oidText } from './der.js';

/** What a PKCS #12 file holds (RFC 7292). */
export type PfxContent =
  /** `chain`: the certificate of the key first, and the intermediate CAs above it. */
  | { readonly kind: 'identity'; readonly key: KeyObject; readonly chain: readonly X509Certificate[] }
  /** No password was given, or not the right one. */
  | { readonly kind: 'encrypted'; readonly cause?: unknown }
  /** It is encrypted in a way that is given up, such as RC2. */
  | { readonly kind: 'legacy'; readonly algorithm: string }
  | { readonly kind: 'bad'; readonly reason: string; readonly cause?: unknown };

const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
} as const;

/** What exporters of before 2020 encrypt with (RFC 7292 appendix C, RFC 8018 section 6.1), and what it is called. */
const legacy: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.12.1.1': 'RC4-128',
  '1.2.840.113549.1.12.1.2': 'RC4-40',
  '1.2.840.113549.1.12.1.3': 'Triple DES',
  '1.2.840.113549.1.12.1.4': 'Triple DES of two keys',
  '1.2.840.113549.1.12.1.5': 'RC2-128',
  '1.2.840.113549.1.12.1.6': 'RC2-40',
  '1.2.840.113549.1.5.3': 'DES',
  '1.2.840.113549.1.5.6': 'RC2',
  '1.2.840.113549.1.5.10': 'DES',
  '1.2.840.113549.1.5.11': 'RC2',
  '1.2.840.113549.3.2': 'RC2',
  '1.2.840.113549.3.7': 'Triple DES',
};

/** RFC 8018 appendix B: how the key is derived, and the cipher, of PBES2. */
const prfs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const ciphers: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
};

/** More rounds than these are a mistake or an attack: they would take minutes. */
const maxRounds = 10_000_000;

/** Thrown where the content of a file is at fault. */
class Refused {
  readonly content: PfxContent;
  constructor(content: PfxContent) {
    this.content = content;
  }
}
const bad = (reason: string, cause?: unknown): Refused => new Refused({ kind: 'bad', reason, cause });

/**
 * The key of a PKCS #12 file, with its certificate and what leads to it. Node's own way (`pfx` of a secure context) is not
 * used to make connections: it trusts whatever CAs the file holds.
 */
export function readPfx(bytes: Buffer, password = ''): PfxContent {
  try {
    const { safes, hasMac } = partsOf(bytes);
    const kinds = safes.map((safe) => safeOf(safe));
    for (const { algorithm } of kinds) refuseLegacy(algorithm);
    if (!hasMac) throw bad('it has no MAC, so that nothing tells whether it is whole');
    checkMac(bytes, password);
    const bags = kinds.flatMap(({ content, algorithm }) =>
      bagsOf(algorithm ? decrypted(algorithm, content, password) : content),
    );
    return identityOf(bags, password);
  } catch (error) {
    if (error instanceof Refused) return error.content;
    return { kind: 'bad', reason: messageOf(error), cause: error };
  }
}

const within = (value: Der | undefined): readonly Der[] => {
  const values = value && derValues(value.content);
  if (values === undefined) throw bad('it is not whole, or not in DER');
  return values;
};
const oidIn = (value: Der | undefined): string => (value ? oidText(value.content) : '');

/** `PFX ::= SEQUENCE { version, authSafe, macData OPTIONAL }` (section 4). */
function partsOf(bytes: Buffer): { readonly safes: readonly Der[]; readonly hasMac: boolean } {
  if (bytes.length === 0) throw bad('the file is empty');
  if (/^\s*-----BEGIN /.test(bytes.subarray(0, 200).toString('latin1')))
    throw bad('it is PEM: certfile and keyfile are for that');
  // Lengths that are told by an end (X.690 section 8.1.3.6), as NSS writes them.
  if (bytes[0] === 0x30 && bytes[1] === 0x80) throw bad('it is BER of no given length, not DER');
  const [pfx] = derValues(bytes) ?? [];
  const [version, authSafe, macData] = within(pfx);
  if (pfx?.tag !== 0x30 || version?.content.toString('hex') !== '03')
    throw bad('it is not PKCS #12 of version 3');
  const [type, content] = within(authSafe);
  if (oidIn(type) !== oids.data) throw bad('it is sealed with a public key, not a password');
  const [octets] = within(content);
  const [safes] = derValues(octets?.content ?? Buffer.alloc(0)) ?? [];
  return { safes: within(safes), hasMac: macData !== undefined };
}

/** A ContentInfo with bags: in the open, or encrypted by `algorithm`. */
interface Safe {
  readonly content: Buffer;
  readonly algorithm?: Der | undefined;
}

function safeOf(info: Der): Safe {
  const [type, explicit] = within(info);
  const [inner] = within(explicit);
  if (oidIn(type) === oids.data) return { content: inner?.content ?? Buffer.alloc(0) };
  if (oidIn(type) !== oids.encryptedData)
    throw bad('a part of it is sealed with a public key, not a password');
  const [, algorithm, content] = within(within(inner)[1]);
  return { content: content?.content ?? Buffer.alloc(0), algorithm };
}

function refuseLegacy(algorithm: Der | undefined): void {
  if (algorithm === undefined) return;
  const [oid, parameters] = within(algorithm);
  const name = legacy[oidIn(oid)];
  if (name !== undefined) throw new Refused({ kind: 'legacy', algorithm: name });
  if (oidIn(oid) === oids.pbes2) refuseLegacy(within(parameters)[1]);
}

/** OpenSSL judges the MAC: its key derivation (appendix B) is nowhere else in Node. */
function checkMac(pfx: Buffer, passphrase: string): void {
  try {
    createSecureContext({ pfx, passphrase, ca: [] });
  } catch (error) {
    const said = messageOf(error);
    if (/mac verify|invalid password|bad decrypt/i.test(said))
      throw new Refused({ kind: 'encrypted', cause: error });
    if (/unsupported|pkcs12|asn1|digest|too long|wrong tag|not enough/i.test(said)) throw bad(said, error);
    // What it says of the certificate is said later, and better.
  }
}

function decrypted(algorithm: Der, content: Buffer, password: string): Buffer {
  const [oid, parameters] = within(algorithm);
  const [kdf, scheme] = oidIn(oid) === oids.pbes2 ? within(parameters) : [];
  const [kdfOid, kdfParameters] = within(kdf);
  const [schemeOid, iv] = within(scheme);
  const [cipher, keyBytes] = ciphers[oidIn(schemeOid)] ?? [];
  const [salt, rounds, ...more] = within(kdfParameters);
  const prf = more.find(({ tag }) => tag === 0x30);
  // Absent, it is HMAC with SHA-1 (RFC 8018 appendix A.2).
  const hash = prf ? prfs[oidIn(within(prf)[0])] : 'sha1';
  const count = Number.parseInt(rounds?.content.toString('hex') ?? '', 16);
  if (oidIn(kdfOid) !== oids.pbkdf2 || !cipher || !keyBytes || !hash || !salt || !iv || !(count <= maxRounds))
    throw bad('it is encrypted in a way that is not known here');
  const key = pbkdf2Sync(password, salt.content, count, keyBytes, hash);
  const decipher = createDecipheriv(cipher, key, iv.content);
  try {
    return Buffer.concat([decipher.update(content), decipher.final()]);
  } catch (cause) {
    throw new Refused({ kind: 'encrypted', cause });
  }
}

/** `SafeBag ::= SEQUENCE { bagId, [0] bagValue, attributes OPTIONAL }` (section 4.2). */
const bagsOf = (content: Buffer) => {
  const [bags] = derValues(content) ?? [];
  return within(bags).map((bag) => {
    const [id, value] = within(bag);
    return { id: oidIn(id), value: within(value)[0] };
  });
};

function identityOf(bags: ReturnType<typeof bagsOf>, password: string): PfxContent {
  const certificates = bags.flatMap(({ id, value }) => {
    if (id !== oids.certBag) return [];
    const [type, explicit] = within(value);
    const [octets] = oidIn(type) === oids.x509Certificate ? within(explicit) : [];
    return octets ? [new X509Certificate(octets.content)] : [];
  });
  const bag = bags.find(({ id }) => id === oids.keyBag || id === oids.shroudedKeyBag);
  if (bag?.value === undefined) throw bad('it holds no private key');
  if (bag.id === oids.shroudedKeyBag) refuseLegacy(within(bag.value)[0]);
  const key = createPrivateKey({ key: bag.value.whole, format: 'der', type: 'pkcs8', passphrase: password });
  const leaf = certificates.find((one) => one.checkPrivateKey(key));
  if (leaf === undefined) throw bad('it holds no certificate of its private key');
  const chain = [leaf];
  for (let child = leaf; !isSelfSigned(child); ) {
    const issuer = certificates.find((one) => !chain.includes(one) && hasIssued(one, child));
    // The other side has the root, or does not trust it.
    if (issuer === undefined || isSelfSigned(issuer)) break;
    chain.push(issuer);
    child = issuer;
  }
  return { kind: 'identity', key, chain };
}
