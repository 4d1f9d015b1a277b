import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createCa,
  ensureAll,
  issueLeaf,
  type KeyType,
  parseSans,
  refreshCrl,
  validityOf,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { opensslText, opensslVerify, temporaryFolder } from './folders.js';
import { gnutlsAccepts, listsVerify } from './judges.js';

const signatureNames: Record<KeyType, string> = {
  'rsa-4096': 'sha256WithRSAEncryption',
  'ec-p256': 'ecdsa-with-SHA256',
  'ec-p384': 'ecdsa-with-SHA384',
  ed25519: 'ED25519',
};

describe.each(['rsa-4096', 'ec-p256', 'ec-p384', 'ed25519'] as const)(
  'certificates with %s keys',
  (keyType) => {
    judgedBy('certtool')('[C4,C5] GnuTLS accepts them too, with the list of their CA', async () => {
      const dir = temporaryFolder();
      await ensureAll(['MyPlugin'], { dir, keyType });
      await refreshCrl({ dir });
      const [ca, crl] = [join(dir, 'ca/ca.crt'), join(dir, 'ca/ca.crl')];
      for (const leaf of ['gateway/client.crt', 'plugins/MyPlugin/server.crt'])
        expect([leaf, gnutlsAccepts(join(dir, leaf), ca, crl)]).toEqual([leaf, true]);
      expect(listsVerify(crl, ca)).toMatchObject({ gnutls: true, lists: 1 });
    });

    judgedBy('openssl')('[C4,C5,C6,C8] strict OpenSSL accepts each in its role and in no other', async () => {
      const dir = temporaryFolder();
      await ensureAll(['MyPlugin'], {
        dir,
        keyType,
        extraSans: parseSans('IP:127.0.0.1,IP:::1,URI:https://a.example/x'),
      });
      const ca = join(dir, 'ca/ca.crt');
      const gateway = join(dir, 'gateway/client.crt');
      const plugin = join(dir, 'plugins/MyPlugin/server.crt');
      expect(opensslVerify(ca, gateway, 'sslclient')).toBe('OK');
      expect(opensslVerify(ca, plugin, 'sslserver')).toBe('OK');
      expect(opensslVerify(ca, gateway, 'sslserver')).toContain('unsuitable certificate purpose');
      expect(opensslVerify(ca, plugin, 'sslclient')).toContain('unsuitable certificate purpose');
      expect(opensslVerify(ca, ca, 'sslserver')).not.toBe('not OK');

      const [caText, gatewayText, pluginText] = [ca, gateway, plugin].map(opensslText);
      for (const text of [caText, gatewayText, pluginText]) {
        expect(text).toContain('Version: 3 (0x2)');
        expect(text).toContain(`Signature Algorithm: ${signatureNames[keyType]}`);
      }
      expect(caText).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
      expect(caText).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
      expect(caText).toContain('Subject Key Identifier');
      const usage = keyType === 'rsa-4096' ? 'Digital Signature, Key Encipherment' : 'Digital Signature';
      expect(gatewayText).toMatch(new RegExp(`Key Usage: critical\\s+${usage}\\n`));
      expect(gatewayText).toMatch(/Subject: CN = mcp-gateway-client, O = Sallyport, OU = Gateway\n/);
      expect(gatewayText).toMatch(/Extended Key Usage: \s+TLS Web Client Authentication\n/);
      expect(gatewayText).toMatch(/Alternative Name: \s+URI:spiffe:\/\/sallyport.local\/gateway\n/);
      expect(pluginText).toMatch(/Subject: CN = mcp-plugin-MyPlugin, O = Sallyport, OU = Plugins\n/);
      expect(pluginText).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication\n/);
      expect(pluginText).toContain(
        'DNS:MyPlugin, DNS:mcp-plugin-MyPlugin, DNS:localhost, URI:spiffe://sallyport.local/plugin/MyPlugin, ' +
          'IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, URI:https://a.example/x\n',
      );
    });
  },
);

describe('certificates in memory', () => {
  it('serial numbers are positive, of up to 128 bits, and never the same', async () => {
    const validity = validityOf({ now: new Date(), days: 1 });
    const ca = await createCa(validity);
    const leaves = await Promise.all(
      Array.from({ length: 20 }, () =>
        issueLeaf({ ...validity, ca, subject: { CN: 'x' }, sans: [], purposes: [], keyPem: ca.keyPem }),
      ),
    );
    const serials = leaves.map(({ certPem }) => new X509Certificate(certPem).serialNumber);
    expect(new Set(serials).size).toBe(20);
    for (const serial of serials) expect(serial).toMatch(/^[0-9A-F]{24,32}$/);
  });

  judgedBy('openssl')(
    '[C2] a certificate that ends after 2049 says so in the form that OpenSSL reads',
    async () => {
      const dir = temporaryFolder();
      const { certPem } = await createCa(
        validityOf({ now: new Date('2026-01-15T10:30:45.678Z'), days: 36_500 }),
      );
      writeFileSync(join(dir, 'ca.crt'), certPem);
      expect(opensslText(join(dir, 'ca.crt'))).toContain('Not After : Dec 22 10:25:44 2125 GMT');
      expect(opensslVerify(join(dir, 'ca.crt'), join(dir, 'ca.crt'), 'sslserver')).toMatch(/OK|purpose/);
    },
  );

  it('an empty list of purposes leaves the extended key usage out', async () => {
    const validity = validityOf({ now: new Date(), days: 1 });
    const ca = await createCa(validity);
    const { certPem } = await issueLeaf({ ...validity, ca, subject: { CN: 'any' }, sans: [], purposes: [] });
    expect(new X509Certificate(certPem).keyUsage).toBeUndefined();
  });
});
