import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  createCa,
  ensureAll,
  ensureCa,
  type Issued,
  issueLeaf,
  type LeafRequest,
  refreshCrl,
  revokeCertificate,
  rotateCa,
  type Verdict,
  validityOf,
} from '../../../src/pki/index.js';
import { opensslCa, temporaryFolder } from '../../pki/folders.js';
import { rsaKey } from '../../support/certs.js';
import { newCa, newCrl } from '../../support/trust.js';
import { resigned, version1 } from '../../tls/made.js';

export const keyType = 'ec-p256';
const day = 86_400_000;

/** The command in a remedy: from its first word to where words of English follow. */
export function commandIn(remedy: string): string {
  const [command = ''] = /\b(?:rm|mv|openssl|sallyport|chmod|mkdir) .*/.exec(remedy) ?? [];
  return command.replace(/;.*| makes (the next|those).*| shows those .*/, '');
}

/** Runs a line of shell; what it printed. */
export function runIn(cwd: string, command: string): string {
  const env = { PATH: process.env['PATH'], HOME: cwd, MCP_CERT_KEY: keyType };
  return execFileSync('sh', ['-c', command], { cwd, env, stdio: 'pipe', encoding: 'utf8' });
}

/** A folder of certificates, of a CA that `version1` can issue for. */
export async function certificates(): Promise<string> {
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
/** What the files of one side have, as its program loads them. */
export const credentialFaults: readonly Fault[] = [
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
  [
    'the bundle holds the leaf',
    'SALLY_TLS_NOT_A_CA',
    'server',
    (dir) => copyFileSync(join(dir, 'plugins/One/server.crt'), join(dir, 'plugins/One/ca.crt')),
  ],
  [
    'the file of the certificate holds the request for one',
    'SALLY_TLS_NOT_PEM',
    'server',
    (dir) =>
      execFileSync(
        'openssl',
        ['req', '-new', '-key', 'server.key', '-subj', '/CN=One', '-out', 'server.crt'],
        { cwd: join(dir, 'plugins/One'), stdio: 'pipe' },
      ),
  ],
  [
    'a named pipe in place of the bundle',
    'SALLY_FILE_UNREADABLE',
    'server',
    (dir) => runIn(join(dir, 'plugins/One'), 'rm ca.crt && mkfifo ca.crt'),
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

const crlOf = async (dir: string, from: number, until: number) => {
  const text = await newCrl(caIn(dir), [], from, until);
  for (const folder of ['ca', 'gateway', 'plugins/One']) writeFileSync(join(dir, folder, 'ca.crl'), text);
};
/** Another CA in place of this one, with what it has issued. */
const otherCa = (dir: string, { certPem, keyPem }: Issued) => {
  writeFileSync(join(dir, 'ca/ca.crt'), certPem);
  writeFileSync(join(dir, 'ca/ca.key'), keyPem, { mode: 0o600 });
};

type FolderFault = [title: string, verdict: Verdict, plant: (dir: string) => unknown];

/** What `certs check` says of a folder. */
export const folderFaults: readonly FolderFault[] = [
  ['the CA is lost', 'missing', (dir) => rmSync(join(dir, 'ca'), { recursive: true })],
  ['ca.crt of the CA is cut off', 'unreadable', (dir) => edit(join(dir, 'ca/ca.crt'), cut)],
  ['ca.key of the CA is cut off', 'unreadable', (dir) => edit(join(dir, 'ca/ca.key'), cut)],
  ...['gateway/client.crt', 'gateway/client.key', 'plugins/One/server.crt', 'plugins/One/server.key'].flatMap(
    (file): FolderFault[] => [
      [`${file} is cut off`, 'unreadable', (dir) => edit(join(dir, file), cut)],
      [`${file} is DER`, 'unreadable', (dir) => edit(join(dir, file), derOf)],
    ],
  ),
  [
    'certificate and key are swapped',
    'unreadable',
    (dir) => {
      const [crt, key] = [join(dir, 'gateway/client.crt'), join(dir, 'gateway/client.key')];
      renameSync(crt, `${crt}.x`);
      renameSync(key, crt);
      renameSync(`${crt}.x`, key);
    },
  ],
  [
    'a leaf is where the CA is to be',
    'unusable CA',
    (dir) => {
      for (const end of ['crt', 'key'])
        copyFileSync(join(dir, `gateway/client.${end}`), join(dir, `ca/ca.${end}`));
    },
  ],
  ['the CA is of X.509 version 1', 'unusable CA', (dir) => otherCa(dir, version1('Old CA'))],
  [
    'the gateway is of another CA',
    'not issued by this CA',
    async (dir) => reissue(dir, { ca: await newCa('Another CA') }),
  ],
  [
    'the key of another',
    'key mismatch',
    (dir) => copyFileSync(join(dir, 'gateway/client.key'), join(dir, 'plugins/One/server.key')),
  ],
  [
    'the CA stands before the leaf',
    'wrong order',
    (dir) => edit(join(dir, 'plugins/One/server.crt'), (text) => caIn(dir).certPem + text),
  ],
  ['the key is gone', 'key missing', (dir) => rmSync(join(dir, 'gateway/client.key'))],
  ['it is for servers', 'wrong purpose', (dir) => reissue(dir, { purposes: ['serverAuth'] })],
  ['it is for anything', 'no purpose', (dir) => reissue(dir, { purposes: [] })],
  ['RSA of 1024 bits', 'weak', (dir) => reissue(dir, { keyPem: rsaKey(1024) })],
  ['SHA-1', 'weak', (dir) => reissue(dir, {}, (one) => resigned(one, caIn(dir), { hash: 'sha1' }))],
  ['X.509 version 1', 'version 1', (dir) => put(dir, version1('gateway', caIn(dir)))],
  [
    'another ca.crt in one folder',
    'ca.crt differs',
    async (dir) => writeFileSync(join(dir, 'plugins/One/ca.crt'), (await newCa('Another CA')).certPem),
  ],
  [
    'client.pem of before',
    'client.pem differs',
    (dir) => {
      const pem = readFileSync(join(dir, 'gateway/client.pem'));
      return reissue(dir, {}).then(() => writeFileSync(join(dir, 'gateway/client.pem'), pem));
    },
  ],
  ['the gateway is revoked', 'revoked', (dir) => revokeCertificate('gateway', { dir })],
  ['a plugin is revoked', 'revoked', (dir) => revokeCertificate('One', { dir })],
  [
    'a folder that has not heard of the next CA',
    'ca.crt behind',
    async (dir) => {
      const old = readFileSync(join(dir, 'ca/ca.crt'));
      await rotateCa('prepare', { dir, keyType });
      writeFileSync(join(dir, 'plugins/One/ca.crt'), old);
    },
  ],
  [
    'a list of another CA',
    'ca.crl unusable',
    async (dir) => writeFileSync(join(dir, 'ca/ca.crl'), await newCrl(await newCa('Another CA'))),
  ],
  ['a list of the future', 'ca.crl unusable', (dir) => crlOf(dir, 2, 30)],
  ['a list that has not reached a folder', 'ca.crl differs', (dir) => rmSync(join(dir, 'gateway/ca.crl'))],
  ['a list that has ended', 'ca.crl expired', (dir) => crlOf(dir, -20, -1)],
  ['a list that ends', 'ca.crl expires soon', (dir) => crlOf(dir, -29, 1)],
  ['no ca.crt', 'incomplete', (dir) => rmSync(join(dir, 'plugins/One/ca.crt'))],
  ['no certificate', 'incomplete', (dir) => rmSync(join(dir, 'plugins/One/server.crt'))],
  ['it has expired', 'expired', (dir) => reissue(dir, from(-90, -1))],
  ['it is not yet valid', 'not yet valid', (dir) => reissue(dir, from(1, 90))],
  ['five days of 90 are left', 'expires soon', (dir) => reissue(dir, from(-85, 5))],
  [
    'the CA has expired, and all with it',
    'expired',
    async (dir) => {
      rmSync(dir, { recursive: true });
      const now = () => new Date(Date.now() - 40 * day);
      await ensureCa({ dir, keyType, days: 30, now });
      await ensureAll(['One'], { dir, keyType, days: 30, now });
      await refreshCrl({ dir, now });
    },
  ],
  [
    'a key for everybody',
    'key readable by others',
    (dir) => chmodSync(join(dir, 'gateway/client.key'), 0o644),
  ],
  [
    'client.pem for everybody',
    'key readable by others',
    (dir) => chmodSync(join(dir, 'gateway/client.pem'), 0o644),
  ],
  [
    'a CA of another tool without key identifiers',
    'not strict',
    (dir) => {
      opensslCa(
        join(dir, 'ca'),
        [
          'basicConstraints=critical,CA:TRUE',
          'keyUsage=critical,keyCertSign,cRLSign',
          'subjectKeyIdentifier=none',
        ],
        ['-days', '900'],
      );
      chmodSync(join(dir, 'ca/ca.key'), 0o600);
      for (const folder of ['gateway', 'plugins']) rmSync(join(dir, folder), { recursive: true });
      rmSync(join(dir, 'ca/ca.crl'));
      return ensureAll(['One'], { dir, keyType });
    },
  ],
];

/** The command that fails, after `prepare`; where that cannot be run once more, `after` shows that the fault is gone. */
type Failing = [code: string, command: string, more: { readonly prepare?: string; readonly after?: string }];

const request = (to: string) =>
  `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=One -keyout k -out ${to} 2>/dev/null`;

/** Commands that end with an error whose remedy is a command. */
export const failing: readonly Failing[] = [
  ['SALLY_USAGE', 'sallyport certs renew --al', { after: 'true' }],
  ['SALLY_CERTS_MISSING', 'sallyport certs check --dir "other place"', {}],
  [
    'SALLY_CERT_UNUSABLE',
    'sallyport certs plugin One',
    { prepare: 'echo x > certs/mcp/plugins/One/server.crt' },
  ],
  [
    'SALLY_CA_UNUSABLE',
    'sallyport certs plugin Two',
    { prepare: 'cp certs/mcp/plugins/One/server.crt certs/mcp/ca/ca.crt' },
  ],
  ['SALLY_CA_ELSEWHERE', 'sallyport certs renew gateway', { prepare: 'rm -r certs/mcp/ca' }],
  ['SALLY_CA_ELSEWHERE', 'sallyport certs plugin Two', { prepare: 'rm -r certs/mcp/ca' }],
  [
    'SALLY_CERT_REQUEST',
    'sallyport certs plugin MyPlugin --csr server.csr',
    { prepare: 'echo x > server.csr' },
  ],
  [
    'SALLY_CERT_REQUEST_CONFLICT',
    'sallyport certs plugin --csr two.csr',
    {
      prepare: `rm -r certs/mcp/plugins/One; ${request('one.csr')} && sallyport certs plugin --csr one.csr && ${request('two.csr')}`,
    },
  ],
  ['SALLY_CERT_ALREADY_REVOKED', 'sallyport certs revoke One', { prepare: 'sallyport certs revoke One' }],
  ['SALLY_CA_ROTATE', 'sallyport certs ca-rotate activate', {}],
  ['SALLY_TOKENS_FOLDER', 'sallyport token create --user me --file "a b/tokens.json"', {}],
  [
    'SALLY_TOKENS_LOCKED',
    'sallyport token create --user me --file tokens.json',
    { prepare: 'echo another host process 7 > tokens.json.new' },
  ],
  [
    'SALLY_TOKEN_NOT_FOUND',
    'sallyport token revoke abcd2345 --file tokens.json',
    { prepare: 'sallyport token create --user me --file tokens.json', after: 'true' },
  ],
  ['SALLY_NEW_NAME', "sallyport new plugin 'My Filter'", { after: 'ls my-filter/package.json' }],
];
