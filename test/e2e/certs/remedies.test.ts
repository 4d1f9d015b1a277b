import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CertVersion1, errorDefinitions, findSallyError, type SallyError } from '../../../src/errors.js';
import { partsOf } from '../../../src/pki/der.js';
import { checkCertificates, ensureAll, ensureCa, refreshCrl } from '../../../src/pki/index.js';
import { verdicts } from '../../../src/pki/verdicts.js';
import { expiryWarnings, loadCredentials } from '../../../src/tls/index.js';
import { temporaryFolder } from '../../pki/folders.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';
import {
  certificates,
  commandIn,
  credentialFaults,
  failing,
  folderFaults,
  keyType,
  runIn,
} from './faults.js';

const day = 86_400_000;

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

describe('what an error says to do, done as printed,', () => {
  judgedBy('openssl').each(credentialFaults)(
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
    const [swapped] = await faults(dir, 'client');
    runIn(dir, commandIn(swapped?.remedy ?? ''));
    expect(await faults(dir, 'client')).toEqual([]);
    writeFileSync(crt, certPem);
    execFileSync('openssl', ['pkcs12', '-export', '-nokeys', '-in', crt, '-passout', 'pass:x', '-out', key]);
    const [bundle] = await faults(dir, 'client');
    expect(bundle?.remedy).toContain('openssl pkcs12');
    expect(createPrivateKey(keyPem).type).toBe('private');
    expect(new X509Certificate(certPem).subject).toContain('CN=');
  });

  judgedBy('openssl').each(folderFaults)(
    'leaves certs check with nothing to say of it: %s',
    async (_title, verdict, plant) => {
      const dir = await certificates();
      await plant(dir);
      const { entries } = await checkCertificates({ dir });
      const findings = entries.flatMap((entry) => entry.findings);
      const found = findings.find((one) => one.verdict === verdict);
      expect(findings.map((one) => one.verdict)).toContain(verdict);
      runIn(temporaryFolder(), commandIn(found?.remedy ?? ''));
      const after = await checkCertificates({ dir });
      expect(after.entries.flatMap((entry) => entry.findings)).toEqual([]);
    },
    patience(30_000),
  );

  judgedBy('openssl').each(failing)(
    'lets the command that failed pass: %s, %s',
    async (code, command, { prepare = '', after = command }) => {
      const cwd = temporaryFolder();
      runIn(cwd, `sallyport certs ca >/dev/null && sallyport certs plugin One >/dev/null; ${prepare}`);
      const said = runIn(cwd, `{ ${command} ; } 2>&1 || true`);
      expect(said).toContain(`error ${code}\n`);
      const remedy = said.slice(said.indexOf('  → ') + 4).trim();
      runIn(cwd, commandIn(remedy));
      expect(runIn(cwd, after)).not.toContain('error SALLY_');
    },
    patience(60_000),
  );

  it('is run for every verdict, and for every code whose remedy has a command', () => {
    const judged = new Set<string>(folderFaults.map(([, verdict]) => verdict));
    const names = Object.keys(verdicts).filter((verdict) => verdict !== 'ok');
    expect(names.filter((verdict) => !judged.has(verdict))).toEqual([]);
    const run = new Set<string>([
      ...credentialFaults.map(([, code]) => code),
      ...failing.map(([code]) => code),
      ...Object.values(verdicts).flatMap((rule) => ('code' in rule ? rule.code : [])),
    ]);
    const commands =
      /\b(sallyport [a-z]+|rm|chmod|openssl|mkdir|mv|lsof|ulimit|timedatectl|date -u|sha256sum|ls -l) /;
    const having = errorDefinitions().filter((make) => commands.test(`${make(make.example).remedy} `));
    expect(having.map(({ code }) => code).filter((code) => !run.has(code) && !(code in notRun))).toEqual([]);
    const known = new Set(having.map(({ code }) => code));
    expect(Object.keys(notRun).filter((code) => !known.has(code) || run.has(code))).toEqual([]);
  });
});

const looks = 'it says where to look, and mends nothing by itself';
const elsewhere = 'it is for the other side of a connection, whose folders are not known here';
/** Commands in remedies that the tests here do not run, and why. */
const notRun: Readonly<Record<string, string>> = {
  SALLY_TOKENS_FILE: 'test/e2e/doctor/starting.test.ts',
  SALLY_TLS_NOT_PFX: 'where the certificate and the key are is for the user to say',
  SALLY_TLS_PFX_LEGACY: 'openssl asks for passwords in it; that it is said: test/tls/pfx.test.ts',
  SALLY_OAUTH_VAULT: 'where the key is to be is for the user to say',
  SALLY_TOKENS_NONE: 'test/e2e/doctor/starting.test.ts',
  SALLY_SYSTEM_LIMIT: 'ulimit is of the shell that starts the program: test/e2e/cli/limits.test.ts',
  SALLY_CERTS_BUSY: 'it is printed after a minute of waiting',
  SALLY_CONFIG_NO_CLIENT_CERTIFICATE: 'a warning; the command is that of SALLY_CERTS_MISSING',
  SALLY_TLS_CREDENTIALS: 'what OpenSSL refuses is told by SALLY_TLS_WEAK before, but for another OpenSSL',
  SALLY_TLS_WEAK_CA: 'three steps, of which each waits for other hosts: test/pki/rotate.test.ts',
  SALLY_TLS_SELF_SIGNED: 'of another tool, and the name of the plugin is not in it',
  SALLY_CRL_WEAK: 'for the CA of another tool',
  SALLY_CRL_MISSING: 'the list of another CA, which only that makes; of its own: test/pki/rotate.test.ts',
  SALLY_TLS_PEER_EXPIRED: elsewhere,
  SALLY_TLS_PEER_NOT_YET_VALID: looks,
  SALLY_TLS_PEER_REJECTED: looks,
  SALLY_TLS_PEER_WEAK: elsewhere,
  SALLY_TLS_REVOKED: elsewhere,
  SALLY_TLS_CRL: looks,
  SALLY_TLS_WRONG_PLUGIN: elsewhere,
  SALLY_TLS_CIPHER: looks,
  SALLY_TLS_HANDSHAKE: looks,
  SALLY_CHILD_GONE: looks,
  SALLY_SERVER_PORT_IN_USE: looks,
  SALLY_SERVER_SOCKET_IN_USE: looks,
  SALLY_SERVER_NO_CONFIG: 'the path of the file is an example',
  SALLY_TOKENS_READABLE: 'test/e2e/doctor/starting.test.ts',
  SALLY_DOCTOR_NO_TARGET: 'the targets are examples',
  SALLY_DOCTOR_BOUND_ELSEWHERE: looks,
  SALLY_DOCTOR_OLD_TLS: looks,
  SALLY_DOCTOR_CLOCK: looks,
  SALLY_DOCTOR_HEALTH: looks,
  SALLY_AUDIT_KEY: 'whether the log goes on or a new one begins is for the user to say',
  SALLY_AUDIT_KEY_READABLE: 'chmod of the file, as for SALLY_FILE_PERMISSIONS: test/e2e/doctor/audit.test.ts',
  SALLY_CONSOLE_ABSENT: 'it starts a gateway, which does not end: test/e2e/console/top.test.ts',
  SALLY_CONFIG_RULE: 'it tries what has been written anew: test/e2e/gateway-run/rules.test.ts',
  SALLY_RULE_TEST: looks,
  SALLY_TOOLS_LOCK_MISSING: 'it asks the upstreams: test/e2e/tools-lock/',
  SALLY_TOOLS_LOCK_FILE: 'whether the file is taken back or written anew is for the user to say',
  SALLY_TOOLS_LOCK_EDITED: 'the file is taken back from version control',
  SALLY_TOOLS_LOCK_THERE: 'what differs is to be read first: test/e2e/tools-lock/',
  SALLY_TOOLS_NOT_SHOWN: 'what differs is to be read first: test/e2e/tools-lock/',
  SALLY_TOOLS_NO_CHANGE: looks,
  SALLY_TOOLS_WITHHELD: 'what differs is to be read first: test/e2e/tools-lock/',
  SALLY_DOCTOR_ROTATION: 'the step that ca-rotate status names: test/e2e/certs/lifecycle.test.ts',
};
