import { createPrivateKey, X509Certificate } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { diagnose, examine } from '../../src/doctor/index.js';
import { SallyError } from '../../src/errors.js';
import { silentLogger } from '../../src/log.js';
import { checkCertificates, type Issued } from '../../src/pki/index.js';
import { createCredentialStore, type TlsRole } from '../../src/tls/index.js';
import { temporaryFolder } from '../support/folder.js';
import { replaceBadWords } from '../support/plugin-server.js';
import { gatewayLeaf, newCa, newCrl, pluginLeaf } from '../support/trust.js';

const plugin = 'ReplaceBadWordsPlugin';
const folders = { ca: 'ca', client: 'gateway', server: `plugins/${plugin}` } as const;

/** What is changed before all four look: in both leaves' folders, and in the CA's where it has such a file. */
type Part = 'leaf' | 'key' | 'bundle' | 'list';
const files: Readonly<Record<Part, readonly string[]>> = {
  leaf: [`${folders.client}/client.crt`, `${folders.server}/server.crt`],
  key: [`${folders.client}/client.key`, `${folders.server}/server.key`],
  bundle: Object.values(folders).map((folder) => `${folder}/ca.crt`),
  list: Object.values(folders).map((folder) => `${folder}/ca.crl`),
};

/** The certificates that every case begins with. */
interface World {
  readonly folder: string;
  readonly ca: Issued;
  readonly other: Issued;
}
let world: World;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-'));
  const [ca, other] = await Promise.all([newCa(), newCa('Other CA')]);
  const [client, server] = await Promise.all([gatewayLeaf(ca), pluginLeaf(ca, plugin)]);
  const put = async (path: string, text: string, mode = 0o644) => {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text, { mode });
  };
  await put('ca/ca.key', ca.keyPem, 0o600);
  await put(`${folders.client}/client.crt`, client.certPem);
  await put(`${folders.client}/client.key`, client.keyPem, 0o600);
  await put(`${folders.server}/server.crt`, server.certPem);
  await put(`${folders.server}/server.key`, server.keyPem, 0o600);
  const list = await newCrl(ca);
  for (const path of files.bundle) await put(path, ca.certPem);
  for (const path of files.list) await put(path, list);
  const at = (name: string) => join(folders.server, name);
  const tls = { certfile: at('server.crt'), keyfile: at('server.key'), ca_bundle: at('ca.crt') };
  const server_settings = { port: 1, tls: { ...tls, crl_file: at('ca.crl'), ssl_cert_reqs: 2 } };
  await put('server.yaml', stringify({ plugins: [replaceBadWords], server_settings }));
  world = { folder, ca, other };
});

afterAll(() => rm(world.folder, { recursive: true, force: true }));

interface Case {
  readonly part: Part;
  readonly what: string;
  change(text: string, world: World): string | Buffer | Promise<string>;
  readonly now?: Date;
  /** The code with which files do not load; absent: they do. */
  readonly code?: string;
  /** What `certs check` says then. */
  readonly verdict?: string;
}

const relabelled = (from: string, to: string) => (text: string) =>
  text.replaceAll(`${from}-----`, `${to}-----`);
const cutOff = (text: string) => text.replace(/-----END[\s\S]*$/, '');
const der = (text: string) => Buffer.from(text.replace(/-----.*-----|\s/g, ''), 'base64');
const inYears = (years: number) => new Date(Date.now() + years * 365 * 86_400_000);
const bad = (verdict: string) => ({ code: 'SALLY_TLS_NOT_PEM', verdict });

/** Ways in which a file may stand that change nothing, and such that make it none. */
const forms = (part: Part, verdict: string): readonly Case[] => [
  { part, what: 'as it is', change: (text) => text },
  { part, what: 'with text around it', change: (text) => `Bag Attributes\n  a: b\n${text}\nthe end\n` },
  { part, what: 'with CRLF', change: (text) => text.replaceAll('\n', '\r\n') },
  { part, what: 'with a byte order mark', change: (text) => `\uFEFF${text}` },
  { part, what: 'without an end of its last line', change: (text) => text.trimEnd() },
  { part, what: 'in DER', change: der, ...bad(verdict) },
  { part, what: 'empty', change: () => '', ...bad(verdict) },
  { part, what: 'cut off', change: cutOff, ...bad(verdict) },
  {
    part,
    what: 'of another kind',
    change: () => '-----BEGIN X-----\nAA==\n-----END X-----\n',
    ...bad(verdict),
  },
  {
    part,
    what: 'with broken content',
    change: (text) => text.replace(/\n\w{40}/, '\nAAAA'),
    ...bad(verdict),
  },
];

const more: readonly Case[] = [
  ...(['leaf', 'bundle'] as const).flatMap((part): Case[] => [
    { part, what: 'as OpenSSL wrote it long ago', change: relabelled('CERTIFICATE', 'X509 CERTIFICATE') },
    { part, what: "in OpenSSL's own form", change: relabelled('CERTIFICATE', 'TRUSTED CERTIFICATE') },
    { part, what: 'twice', change: (text) => text + text },
    {
      part,
      what: 'with a second that is cut off',
      change: (text, { other }) => text + cutOff(other.certPem),
      ...bad('unreadable'),
    },
  ]),
  { part: 'leaf', what: 'with its CA behind it', change: (text, { ca }) => text + ca.certPem },
  {
    part: 'leaf',
    what: 'with its CA before it',
    change: (text, { ca }) => ca.certPem + text,
    code: 'SALLY_TLS_KEY_MISMATCH',
    verdict: 'wrong order',
  },
  {
    part: 'leaf',
    what: 'when it has ended',
    change: (text) => text,
    now: inYears(5),
    code: 'SALLY_CERT_EXPIRED',
    verdict: 'expired',
  },
  {
    part: 'leaf',
    what: 'when it has not begun',
    change: (text) => text,
    now: inYears(-5),
    code: 'SALLY_CERT_NOT_YET_VALID',
    verdict: 'not yet valid',
  },
  {
    part: 'bundle',
    what: 'with something beside it that is no CA',
    change: async (text) => text + (await readFile(join(world.folder, files.leaf[1] ?? ''), 'utf8')),
    code: 'SALLY_TLS_NOT_A_CA',
    verdict: 'unusable CA',
  },
  {
    part: 'bundle',
    what: 'with a second CA that has no list',
    change: (text, { other }) => text + other.certPem,
    code: 'SALLY_CRL_MISSING',
    verdict: 'ca.crl unusable',
  },
  {
    part: 'key',
    what: 'in the form of its kind',
    change: (text) => createPrivateKey(text).export({ type: 'sec1', format: 'pem' }),
  },
  {
    part: 'key',
    what: 'behind the parameters of its curve',
    change: (text) => `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${text}`,
  },
  {
    part: 'key',
    what: 'of another certificate',
    change: (_, { other }) => other.keyPem,
    code: 'SALLY_TLS_KEY_MISMATCH',
    verdict: 'key mismatch',
  },
  { part: 'list', what: 'twice', change: (text) => text + text },
  {
    part: 'list',
    what: 'with a second that is cut off',
    change: (text) => text + cutOff(text),
    ...bad('unusable'),
  },
  {
    part: 'list',
    what: 'of another CA of that name',
    change: async () => newCrl(await newCa()),
    code: 'SALLY_CRL_FOREIGN',
    verdict: 'ca.crl unusable',
  },
  {
    part: 'list',
    what: 'that has ended',
    change: (_, { ca }) => newCrl(ca, [], -9, -1),
    code: 'SALLY_CRL_EXPIRED',
    verdict: 'ca.crl expired',
  },
  {
    part: 'list',
    what: 'that has not begun',
    change: (_, { ca }) => newCrl(ca, [], 1, 9),
    code: 'SALLY_CRL_NOT_YET_VALID',
    verdict: 'ca.crl unusable',
  },
];

const cases: readonly Case[] = [
  ...forms('leaf', 'unreadable'),
  ...forms('key', 'unreadable'),
  ...forms('bundle', 'unreadable'),
  ...forms('list', 'ca.crl unusable'),
  ...more,
];

/** The code with which the files of one side do not load. */
async function loading(dir: string, role: TlsRole, now: () => Date): Promise<string | undefined> {
  const at = (name: string) => join(dir, folders[role], name);
  const own = { certfile: at(`${role}.crt`), keyfile: at(`${role}.key`), keyfilePassword: 'open sesame' };
  const store = createCredentialStore({ log: silentLogger, now });
  try {
    const opened = await store.open({ ...own, caBundle: at('ca.crt'), crlFile: at('ca.crl') }, role);
    opened.close();
    return undefined;
  } catch (error) {
    return error instanceof SallyError ? error.code : String(error);
  }
}

async function looks(dir: string, now: () => Date) {
  const credentials = createCredentialStore({ log: silentLogger, now });
  const context = { cwd: dir, env: {}, now, timeoutMs: 2_000, credentials };
  const { results } = diagnose(await examine({ targets: ['.', 'server.yaml'] }, context));
  const report = await checkCertificates({ dir, now });
  return {
    serve: await loading(dir, 'server', now),
    connector: await loading(dir, 'client', now),
    check: report.entries.flatMap(({ findings }) => findings.map(({ verdict }) => verdict)),
    doctor: results.filter(({ status }) => status === 'fail').flatMap(({ code }) => code ?? []),
  };
}

describe('serve, the connector, certs check and the doctor read', () => {
  it.each(cases)('alike: $part $what', async ({ part, change, now: at, code, verdict }) => {
    const dir = join(await temporaryFolder(), 'certs');
    await cp(world.folder, dir, { recursive: true });
    for (const name of files[part]) {
      const path = join(dir, name);
      const text = await change(await readFile(path, 'utf8'), world);
      await rm(path);
      await writeFile(path, text, { mode: part === 'key' ? 0o600 : 0o644 });
    }
    const seen = await looks(dir, () => at ?? new Date());
    expect({ serve: seen.serve, connector: seen.connector }).toEqual({ serve: code, connector: code });
    if (code === undefined) expect(seen).toMatchObject({ check: [], doctor: [] });
    else {
      expect(seen.doctor).toContain(code);
      expect(seen.check.join()).toContain(verdict);
    }
  });

  it('a key with a password alike, where it is given', async () => {
    const dir = join(await temporaryFolder(), 'certs');
    await cp(world.folder, dir, { recursive: true });
    for (const name of files.key) {
      const key = createPrivateKey(await readFile(join(dir, name), 'utf8'));
      const locked = {
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'open sesame',
      } as const;
      await writeFile(join(dir, name), key.export(locked));
    }
    expect(await looks(dir, () => new Date())).toMatchObject({
      serve: undefined,
      connector: undefined,
      check: [],
      // No password stands in the plugin server's file.
      doctor: ['SALLY_TLS_KEY_ENCRYPTED'],
    });
    expect(new X509Certificate(world.ca.certPem).ca).toBe(true);
  });
});
