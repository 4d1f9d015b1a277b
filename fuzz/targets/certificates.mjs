import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCertificates } from 'sallyport/pki';
import { partsOf, weaknessOf } from '../../dist/pki/der.js';
import { oneLineName, readCertificates } from '../../dist/pki/pem.js';
import { certificateNames, rolesOf } from '../../dist/tls/identity.js';
import { loadCredentials } from '../../dist/tls/load.js';
import { authority, credentialsWith, signedAnew } from '../lib/authority.mjs';
import { assertNoDefect, disagree, refusable } from '../lib/judge.mjs';
import { hash } from '../lib/random.mjs';

/** PEM files of certificates and keys, in the place of each file of an end, and in a folder that `certs check` looks at. */
export default {
  format: 'pem',
  words: [
    '-----BEGIN CERTIFICATE-----\n',
    '-----END CERTIFICATE-----\n',
    '-----BEGIN TRUSTED CERTIFICATE-----\n',
    '-----BEGIN PRIVATE KEY-----\n',
    '-----BEGIN',
    '\r\n',
    'Proc-Type: 4,ENCRYPTED\n',
    '====',
    '\0',
  ],
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-fuzz-'));
    const own = join(folder, 'plugins/P');
    for (const path of [own, join(folder, 'ca')]) mkdirSync(path, { recursive: true });
    writeFileSync(join(folder, 'ca/ca.crt'), authority['ca.crt']);
    writeFileSync(join(own, 'ca.crt'), authority['ca.crt']);
    writeFileSync(join(own, 'server.key'), authority['server.key'], { mode: 0o600 });
    return async (input) => {
      const asIs = input.toString('latin1');
      for (const text of new Set([asIs, signedAnew(asIs)])) {
        const certificates = refusable(() => readCertificates(text, 'a.crt')) ?? [];
        for (const certificate of certificates) look(certificate);
        await refusable(() => loadCredentials(...credentialsWith({ 'server.crt': text })));
        await refusable(() =>
          loadCredentials(...credentialsWith({ 'server.crt': `${authority['server.crt']}${text}` })),
        );
        await refusable(() => loadCredentials(...credentialsWith({ 'ca.crt': text })));
        await refusable(() => loadCredentials(...credentialsWith({ 'server.key': text })));
        if (hash(input) % 8 !== 0) continue;
        writeFileSync(join(own, 'server.crt'), text);
        const report = await checkCertificates({ dir: folder, now: () => new Date('2026-01-01') });
        assertNoDefect('the report', JSON.stringify(report));
      }
    };
  },
};

/** What is asked of a peer's certificate. */
function look(certificate) {
  const names = certificateNames(certificate);
  rolesOf(names);
  oneLineName(certificate.subject);
  const parts = partsOf(certificate);
  const serial = BigInt.asUintN(8_000, BigInt(`0x${parts?.serial.toString('hex') || '0'}`));
  const seen = BigInt(`0x${certificate.serialNumber.replace('-', '') || '0'}`);
  // A negative one is refused by itself.
  if (parts && parts.serial[0] < 0x80 && serial !== seen)
    disagree('another serial number', certificate.serialNumber);
  if (certificate.ca && parts && !parts.claimsCa && !parts.version1)
    disagree('a CA that does not say so', certificate.toString());
  for (const leaf of [true, false]) weaknessOf(certificate, { leaf, root: false });
  // Node and ours have to agree on a DNS name: what is read out of another kind of name would be one that nobody signed.
  for (const { kind, value } of names) {
    if (kind !== 'DNS' || !/^[a-z0-9.-]+$/i.test(value)) continue;
    const again = new X509Certificate(certificate.raw);
    if (
      again.checkHost(value, { wildcards: false, subject: 'never' }) === undefined &&
      !value.startsWith('.') &&
      !value.includes('..')
    )
      disagree('a DNS name that the certificate does not have', [value, certificate.subjectAltName]);
  }
}
