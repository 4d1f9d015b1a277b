import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { createCa, type Issued, issueLeaf, type Purpose, parseSans } from '../../src/pki/index.js';

const days = (from: number, to: number) => ({
  notBefore: new Date(Date.now() + from * 86_400_000),
  notAfter: new Date(Date.now() + to * 86_400_000),
});
const now = days(-1, 60);

/** The password of `encrypted.key` and `client-encrypted.key`. */
export const keyPassword = 'open sesame';

/** An RSA key of so many bits: 4096, as those of the product have, take seconds to find. */
export const rsaKey = (modulusLength: number): string =>
  generateKeyPairSync('rsa', { modulusLength })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();

/**
 * Every certificate that the tests need, named for what is odd about it: `<name>.crt`, `<name>.key`, and the two
 * CAs `ca.crt` and `other-ca.crt`.
 */
export async function makeFixtureCerts(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const ca = await createCa(days(-2, 90));
  const otherCa = await createCa({ ...days(-2, 90), subject: { CN: 'Another CA' } });
  const leaf = (request: Partial<Parameters<typeof issueLeaf>[0]> & { purposes: readonly Purpose[] }) =>
    issueLeaf({
      ...now,
      ca,
      subject: { CN: request.purposes[0] === 'serverAuth' ? 'mcp-plugin-P' : 'mcp-gateway-client' },
      sans: parseSans(request.purposes[0] === 'serverAuth' ? 'DNS:P,DNS:mcp-plugin-P,DNS:localhost' : ''),
      ...request,
    });
  const made: Record<string, Issued> = {
    ca,
    'other-ca': otherCa,
    server: await leaf({ purposes: ['serverAuth'] }),
    client: await leaf({ purposes: ['clientAuth'] }),
    'server-rsa': await leaf({ purposes: ['serverAuth'], keyPem: rsaKey(2048) }),
    'server-ip': await leaf({ purposes: ['serverAuth'], sans: parseSans('DNS:localhost,IP:127.0.0.1') }),
    'server-elsewhere': await leaf({ purposes: ['serverAuth'], sans: parseSans('DNS:elsewhere.example') }),
    'server-expired': await leaf({ purposes: ['serverAuth'], ...days(-20, -1) }),
    'server-not-yet': await leaf({ purposes: ['serverAuth'], ...days(5, 20) }),
    'server-as-client': await leaf({ purposes: ['clientAuth'], sans: parseSans('DNS:localhost') }),
    'server-no-eku': await leaf({ purposes: [], sans: parseSans('DNS:localhost') }),
    'server-other-ca': await leaf({
      purposes: ['serverAuth'],
      ca: otherCa,
      sans: parseSans('DNS:localhost'),
    }),
    'client-expired': await leaf({ purposes: ['clientAuth'], ...days(-20, -1) }),
    'client-not-yet': await leaf({ purposes: ['clientAuth'], ...days(5, 20) }),
    'client-no-subject': await leaf({
      purposes: ['clientAuth'],
      // None of the kinds that are issued here.
      subject: {} as { CN: string },
      sans: [{ type: 'uri', value: 'spiffe://test/gateway' }],
    }),
    'client-no-eku': await leaf({ purposes: [] }),
    'client-other-ca': await leaf({ purposes: ['clientAuth'], ca: otherCa }),
  };
  for (const [name, { certPem, keyPem }] of Object.entries(made)) {
    await writeFile(join(folder, `${name}.crt`), certPem);
    await writeFile(join(folder, `${name}.key`), keyPem, { mode: 0o600 });
  }
  for (const [name, file] of [
    ['server', 'encrypted.key'],
    ['client', 'client-encrypted.key'],
  ] as const) {
    const key = createPrivateKey(made[name]?.keyPem ?? '');
    const pem = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: keyPassword });
    await writeFile(join(folder, file), pem, { mode: 0o600 });
  }
}

/** The path of a fixture file: `cert('client.crt')`. */
export function cert(file: string): string {
  return join(inject('certs'), file);
}
