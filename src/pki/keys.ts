import { createPrivateKey, generateKeyPair, type KeyObject, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { KeyTypeInvalid } from '../errors.js';

const generate = promisify(generateKeyPair);

/** The generator runs in libuv's pool: several keys at once use several cores. */
const generators = {
  'rsa-4096': () => generate('rsa', { modulusLength: 4096 }),
  'ec-p256': () => generate('ec', { namedCurve: 'prime256v1' }),
  'ec-p384': () => generate('ec', { namedCurve: 'secp384r1' }),
  ed25519: () => generate('ed25519'),
} satisfies Record<string, () => Promise<{ privateKey: KeyObject }>>;

/** A kind of private key that certificates can be made with. */
export type KeyType = keyof typeof generators;

/**
 * The kinds of key, the default first. `ed25519` needs a peer that speaks it: OpenSSL, Node and Python do,
 * browsers and some TLS appliances do not.
 *
 * @example
 * ```ts
 * import { keyTypes } from 'sallyport/pki';
 *
 * export const fastest: boolean = keyTypes.includes('ec-p256');
 * ```
 */
export const keyTypes = Object.keys(generators) as readonly KeyType[];

/**
 * A kind of key by its name, without regard to case.
 *
 * @throws SALLY_CERT_KEY_TYPE for anything but one of `keyTypes`.
 * @example
 * ```ts
 * import { type KeyType, parseKeyType } from 'sallyport/pki';
 *
 * export const type: KeyType = parseKeyType('ec-p256');
 * ```
 */
export function parseKeyType(text: string): KeyType {
  const type = keyTypes.find((known) => known === text.trim().toLowerCase());
  if (type === undefined) throw KeyTypeInvalid({ value: text, allowed: keyTypes });
  return type;
}

/** The kind of a key; of one that is not made here, the nearest that is no weaker. */
export function keyTypeOf(key: KeyObject): KeyType {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType !== 'ec') return 'rsa-4096';
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ec-p256' : 'ec-p384';
}

/** A new private key as PKCS #8 PEM. */
export async function generateKeyPem(type: KeyType): Promise<string> {
  const { privateKey } = await generators[type]();
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** Signature algorithms for a CA's key, by what Node calls its type or curve. */
const signatures: Record<
  string,
  { readonly name: string; readonly namedCurve?: string; readonly hash?: string }
> = {
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  prime256v1: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  ed25519: { name: 'Ed25519' },
};

const signatureOf = (key: KeyObject) =>
  signatures[key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? ''];

/** Why certificates signed with `key` would not be accepted, if so. OpenSSL refuses short RSA keys. */
export function signingDefect(key: KeyObject): string | undefined {
  if (signatureOf(key) === undefined)
    return `has a key of a kind that cannot sign here (${key.asymmetricKeyType})`;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 2048;
  return bits < 2048 ? `has an RSA key of ${bits} bits, fewer than 2048` : undefined;
}

/** `keyPem` as a WebCrypto key, and the algorithm that it signs certificates with. */
export async function signingKey(keyPem: string) {
  const key = createPrivateKey(keyPem);
  const algorithm = signatureOf(key) ?? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return { algorithm, key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']) };
}
