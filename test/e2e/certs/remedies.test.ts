import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CertVersion1, findSallyError, type SallyError } from '../../../src/errors.js';
import { partsOf } from '../../../src/pki/der.js';
import {
  createCa,
  ensureAll,
  ensureCa,
  type Issued,
  issueLeaf,
  type LeafRequest,
  refreshCrl,
  revokeCertificate,
  validityOf,
} from '../../../src/pki/index.js';
import { expiryWarnings, loadCredentials } from '../../../src/tls/index.js';
import { temporaryFolder } from '../../pki/folders.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';
import { resigned, version1 } from '../../tls/made.js';

const keyType = 'ec-p256';
const day = 86_400_000;
const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** What the credentials of one side come to: the error that keeps them from loading, or what they are warned of. */
async function faults(dir: string, role: 'client' | 'server'): Promise<readonly SallyError[]> {
  const folder = join(dir, role === 'client' ? 'gateway' : 'plugins/One');
  const files = {
    certfile: join(folder, `${role}.crt`),
    keyfile: join(folder, `${role}.key`),
    caBundle: join(folder, 'ca.crt'),
    crlFile: join(folder, 'ca.crl'),
  };
  try {
    const set = await loadCredentials(files, role, { version: 1, now: new Date() });
    const subject = set.certificate?.subject ?? '';
    const old = set.certificate && partsOf(set.certificate)?.version1 === true;
    return [
      ...set.warnings,
      ...expiryWarnings(set, new Date(), new Map()),
      ...(old ? [CertVersion1({ path: files.certfile, subject })] : []),
    ];
  } catch (error) {
    const known = findSallyError(error);
    if (known) return [known];
    throw error;
  }
}

async function certificates(): Promise<string> {
  // Not the default: the remedy has to name it.
  const dir = join(temporaryFolder(), 'my certs');
  // `version1` makes names of a CN alone.
  const ca = await createCa({ ...validityOf({ now: new Date(), days: 825 }), subject: { CN: 'CA' } });
  mkdirSync(join(dir, 'ca'), { recursive: true });
  writeFileSync(join(dir, 'ca/ca.crt'), ca.certPem);
  writeFileSync(join(dir, 'ca/ca.key'), ca.keyPem, { mode: 0o600 });
  await ensureAll(['One'], { dir, keyType });
  await refreshCrl({ dir });
  return dir;
}

const caIn = (dir: string): Issued => ({
  certPem: readFileSync(join(dir, 'ca/ca.crt'), 'utf8'),
  keyPem: readFileSync(join(dir, 'ca/ca.key'), 'utf8'),
});
const validity = validityOf({ now: new Date(), days: 90 });
const from = (days: number, until: number) => ({
  notBefore: new Date(Date.now() + days * day),
  notAfter: new Date(Date.now() + until * day),
});

/** Gives the gateway another certificate of its CA. */
async function reissue(dir: string, more: Partial<LeafRequest>, change = (issued: Issued): Issued => issued) {
  const issued = await issueLeaf({
    ...validity,
    ca: caIn(dir),
    subject: { CN: 'mcp-gateway-client' },
    sans: [{ type: 'uri', value: 'spiffe://sallyport.local/gateway' }],
    purposes: ['clientAuth'],
    ...more,
  });
  put(dir, change(issued));
}
function put(dir: string, { certPem, keyPem }: Issued): void {
  writeFileSync(join(dir, 'gateway/client.crt'), certPem);
  writeFileSync(join(dir, 'gateway/client.key'), keyPem);
  writeFileSync(join(dir, 'gateway/client.pem'), certPem + keyPem);
}
const edit = (path: string, change: (text: string) => string | Buffer) =>
  writeFileSync(path, change(readFileSync(path, 'utf8')));
const cut = (text: string) => text.slice(0, text.length / 2);
const derOf = (text: string) => Buffer.from(text.replace(/-----.*-----/g, ''), 'base64');

type Fault = [title: string, code: string, role: 'client' | 'server', plant: (dir: string) => unknown];
const all: readonly Fault[] = [
  ['the gateway is revoked', 'SALLY_CERT_REVOKED', 'client', (dir) => revokeCertificate('gateway', { dir })],
  ['a plugin is revoked', 'SALLY_CERT_REVOKED', 'server', (dir) => revokeCertificate('One', { dir })],
  ['X.509 version 1', 'SALLY_DOCTOR_X509_V1', 'client', (dir) => put(dir, version1('gateway', caIn(dir)))],
  ['no purpose', 'SALLY_TLS_NO_PURPOSE', 'client', (dir) => reissue(dir, { purposes: [] })],
  ['five days of 90 are left', 'SALLY_CERT_EXPIRING', 'client', (dir) => reissue(dir, from(-85, 5))],
  ['two days of seven are left', 'SALLY_CERT_EXPIRING', 'client', (dir) => reissue(dir, from(-5, 2))],
  ['it has expired', 'SALLY_CERT_EXPIRED', 'client', (dir) => reissue(dir, from(-90, -1))],
  ['it is not yet valid', 'SALLY_CERT_NOT_YET_VALID', 'client', (dir) => reissue(dir, from(1, 90))],
  [
    'signed over SHA-1',
    'SALLY_TLS_WEAK',
    'client',
    (dir) => reissue(dir, {}, (one) => resigned(one, caIn(dir), { hash: 'sha1' })),
  ],
  [
    'the key of another',
    'SALLY_TLS_KEY_MISMATCH',
    'server',
    (dir) => edit(join(dir, 'plugins/One/server.key'), () => readFileSync(join(dir, 'gateway/client.key'))),
  ],
  [
    'a key for everybody',
    'SALLY_TLS_KEY_READABLE',
    'server',
    (dir) => chmodSync(join(dir, 'plugins/One/server.key'), 0o644),
  ],
  ...['gateway/client.key', 'gateway/client.crt', 'gateway/ca.crt', 'gateway/ca.crl'].flatMap(
    (file): Fault[] => {
      const at = (dir: string) => join(dir, file);
      return [
        [`${file} is cut off`, 'SALLY_TLS_NOT_PEM', 'client', (dir) => edit(at(dir), cut)],
        [`${file} is empty`, 'SALLY_TLS_NOT_PEM', 'client', (dir) => edit(at(dir), () => '')],
        [`${file} is missing`, 'SALLY_FILE_UNREADABLE', 'client', (dir) => rmSync(at(dir))],
        [
          `${file} is a link that leads nowhere`,
          'SALLY_FILE_UNREADABLE',
          'client',
          (dir) => {
            rmSync(at(dir));
            symlinkSync('nowhere', at(dir));
          },
        ],
        [`${file} is DER`, 'SALLY_TLS_NOT_PEM', 'client', (dir) => edit(at(dir), derOf)],
      ];
    },
  ),
];

/** The command in a remedy: from its first word to where words of English follow. */
function commandIn(remedy: string): string {
  const [command = ''] = /(?:rm|openssl|sallyport|chmod) .*/.exec(remedy) ?? [];
  return command.replace(/;.*| makes (the next|those).*/, '');
}

function runIn(cwd: string, command: string): void {
  const bin = join(cwd, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'sallyport'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, {
    mode: 0o755,
  });
  const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: cwd, MCP_CERT_KEY: keyType };
  execFileSync('sh', ['-c', command], { cwd, env, stdio: 'pipe' });
}

describe('what an error says to do, done as printed,', () => {
  judgedBy('openssl').each(all)(
    'mends it: %s',
    async (_title, code, role, plant) => {
      const dir = await certificates();
      await plant(dir);
      const planted = await faults(dir, role);
      const found = planted.find((fault) => fault.code === code);
      expect(planted.map((fault) => fault.code)).toContain(code);
      runIn(temporaryFolder(), commandIn(found?.remedy ?? ''));
      expect((await faults(dir, role)).map((fault) => `${fault.code} ${fault.message}`)).toEqual([]);
    },
    patience(30_000),
  );

  judgedBy('openssl')('mends a CA that has ended, and all that ended with it', async () => {
    const dir = join(temporaryFolder(), 'certs');
    const now = () => new Date(Date.now() - 40 * day);
    await ensureCa({ dir, keyType, days: 30, now });
    await ensureAll(['One'], { dir, keyType, days: 30, now });
    const [found] = await faults(dir, 'server');
    expect(found?.code).toBe('SALLY_CERT_EXPIRED');
    runIn(temporaryFolder(), commandIn(found?.remedy ?? ''));
    await ensureAll(['One'], { dir, keyType });
    await refreshCrl({ dir });
    expect(await faults(dir, 'server')).toEqual([]);
  });

  it('is what it is when files are swapped, encrypted or of another kind', async () => {
    const dir = await certificates();
    const [crt, key] = [join(dir, 'gateway/client.crt'), join(dir, 'gateway/client.key')];
    const [certPem, keyPem] = [readFileSync(crt, 'utf8'), readFileSync(key, 'utf8')];
    writeFileSync(crt, keyPem);
    writeFileSync(key, certPem);
    expect((await faults(dir, 'client'))[0]?.remedy).toContain('two files may be swapped');
    writeFileSync(crt, certPem);
    execFileSync('openssl', ['pkcs12', '-export', '-nokeys', '-in', crt, '-passout', 'pass:x', '-out', key]);
    const [bundle] = await faults(dir, 'client');
    expect(bundle?.remedy).toContain('openssl pkcs12');
    expect(createPrivateKey(keyPem).type).toBe('private');
    expect(new X509Certificate(certPem).subject).toContain('CN=');
  });
});
