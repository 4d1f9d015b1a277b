import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readValues, writeValue } from './der.mjs';

/** A CA that nobody trusts but the targets here: fixed, so that what is kept in the corpus stays what it was. */
const read = (name) => readFileSync(new URL(`../authority/${name}`, import.meta.url), 'utf8');
export const authority = {
  'ca.crt': read('ca.crt'),
  'server.crt': read('server.crt'),
  'server.key': read('server.key'),
  'ca.crl': read('ca.crl'),
};
const key = createPrivateKey(read('ca.key'));
const block = /(-----BEGIN (?:CERTIFICATE|X509 CRL)-----\n)([A-Za-z0-9+/=\s]+)(-----END)/g;
/** SEQUENCE { OID ecdsa-with-SHA256 } */
const algorithm = { tag: 0x30, inner: [{ tag: 0x06, content: Buffer.from('2a8648ce3d040302', 'hex') }] };

/** The same file with every certificate and list signed by that CA, as far as they can be: what was changed passes its check. */
export function signedAnew(pem) {
  return pem.replace(block, (whole, begin, base64, end) => {
    const [outer, ...rest] = readValues(Buffer.from(base64, 'base64'), 0) ?? [];
    const [toBeSigned] = outer?.inner ?? [];
    if (toBeSigned === undefined || rest.length > 0) return whole;
    const signature = sign('sha256', writeValue(toBeSigned), key);
    const bits = { tag: 0x03, content: Buffer.concat([Buffer.of(0), signature]) };
    const der = writeValue({ tag: 0x30, inner: [toBeSigned, algorithm, bits] });
    return `${begin}${der.toString('base64').replace(/.{64}/g, '$&\n')}\n${end}`;
  });
}

const files = { certfile: 'server.crt', keyfile: 'server.key', caBundle: 'ca.crt', crlFile: 'ca.crl' };

/** The arguments of `loadCredentials` for these files with others in their place. */
export function credentialsWith(changed, { crl = false } = {}) {
  const texts = { ...authority, ...changed };
  const snapshot = { fingerprint: '', text: (path) => texts[path], openToOthers: () => undefined };
  const now = new Date('2026-01-01');
  return [crl ? files : { ...files, crlFile: undefined }, 'server', { version: 1, now, snapshot }];
}
