import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose, examine } from '../../src/doctor/index.js';
import { silentLogger } from '../../src/log.js';
import { ensureAll, refreshCrl, revokeCertificate, rotateCa } from '../../src/pki/index.js';
import { createCredentialStore } from '../../src/tls/index.js';
import { rsaKey } from '../support/certs.js';
import { temporaryFolder } from '../support/folder.js';
import { newCa, pluginLeaf } from '../support/trust.js';

const options = (dir: string) => ({ dir, keyType: 'ec-p256', days: 90 }) as const;

/** A folder as `certs all` makes it, for the plugins A and B. */
async function certificates(): Promise<string> {
  const dir = join(await temporaryFolder(), 'mcp');
  await ensureAll(['A', 'B'], options(dir));
  return dir;
}

/** What is not on the host of the plugin A. */
const notOfA = ['ca', 'gateway', 'plugins/B', 'issued.jsonl'];

async function look(...targets: string[]) {
  const facts = await examine(
    { targets },
    {
      cwd: process.cwd(),
      env: {},
      now: () => new Date(),
      timeoutMs: 3_000,
      credentials: createCredentialStore({ log: silentLogger }),
    },
  );
  return diagnose(facts);
}

/** The file of a plugin server for A, beside the folder. */
async function serverFile(dir: string): Promise<string> {
  const file = join(dir, '../plugins.yaml');
  const tls = ['certfile: server.crt', 'keyfile: server.key', 'ca_bundle: ca.crt']
    .map((line) => line.replace(': ', `: ${dir}/plugins/A/`))
    .join('\n    ');
  await writeFile(
    file,
    `plugins:\n  - name: A\n    kind: plugins.regex_filter.search_replace.SearchReplacePlugin\n    config: {words: []}\nserver_settings:\n  tls:\n    ${tls}\n`,
  );
  return file;
}

const faults: readonly {
  readonly fault: string;
  readonly check: string;
  readonly code: string;
  plant(dir: string): Promise<unknown>;
}[] = [
  {
    fault: 'is empty',
    check: 'folder-filled',
    code: 'SALLY_CERTS_MISSING',
    plant: async (dir) => {
      await rm(dir, { recursive: true });
      await mkdir(dir);
    },
  },
  {
    fault: 'lacks a key',
    check: 'folder-complete',
    code: 'SALLY_FILE_UNREADABLE',
    plant: (dir) => rm(join(dir, 'plugins/A/server.key')),
  },
  {
    fault: 'has a key that others can read',
    check: 'folder-keys-private',
    code: 'SALLY_TLS_KEY_READABLE',
    plant: (dir) => chmod(join(dir, 'gateway/client.key'), 0o644),
  },
  {
    fault: 'has the key of another plugin',
    check: 'folder-keys-match',
    code: 'SALLY_TLS_KEY_MISMATCH',
    plant: (dir) => copyFile(join(dir, 'plugins/B/server.key'), join(dir, 'plugins/A/server.key')),
  },
  {
    fault: 'has the certificate of the gateway at a plugin',
    check: 'folder-purpose',
    code: 'SALLY_TLS_PURPOSE',
    plant: async (dir) => {
      for (const end of ['crt', 'key'])
        await copyFile(join(dir, `gateway/client.${end}`), join(dir, `plugins/A/server.${end}`));
    },
  },
  {
    fault: 'has a certificate with a short key',
    check: 'folder-strength',
    code: 'SALLY_TLS_WEAK',
    plant: async (dir) => {
      const [certPem, keyPem] = await Promise.all(
        ['ca.crt', 'ca.key'].map((name) => readFile(join(dir, 'ca', name), 'utf8')),
      );
      const issued = await pluginLeaf({ certPem: certPem ?? '', keyPem: keyPem ?? '' }, 'A', {
        keyPem: rsaKey(1024),
      });
      await writeFile(join(dir, 'plugins/A/server.crt'), issued.certPem);
      await writeFile(join(dir, 'plugins/A/server.key'), issued.keyPem);
    },
  },
  {
    fault: 'has a certificate of another CA',
    check: 'folder-issuer',
    code: 'SALLY_TLS_CHAIN',
    plant: async (dir) => {
      const { certPem, keyPem } = await pluginLeaf(await newCa('Another CA'), 'A');
      await writeFile(join(dir, 'plugins/A/server.crt'), certPem);
      await writeFile(join(dir, 'plugins/A/server.key'), keyPem);
    },
  },
  {
    fault: 'has another ca.crt in one folder',
    check: 'folder-bundles',
    code: 'SALLY_TLS_UNKNOWN_CA',
    plant: async (dir) => writeFile(join(dir, 'plugins/A/ca.crt'), (await newCa('Another CA')).certPem),
  },
  {
    fault: 'has a revoked certificate in use',
    check: 'folder-not-revoked',
    code: 'SALLY_CERT_REVOKED',
    plant: (dir) => revokeCertificate('A', options(dir)),
  },
  {
    fault: 'has not the revocation list in one folder',
    check: 'folder-crl',
    code: 'SALLY_CRL_FOREIGN',
    plant: async (dir) => {
      await refreshCrl(options(dir));
      await rm(join(dir, 'gateway/ca.crl'));
    },
  },
  {
    fault: 'has a leaf where the CA is to be',
    check: 'folder-ca',
    code: 'SALLY_CA_UNUSABLE',
    plant: async (dir) => {
      for (const end of ['crt', 'key'])
        await copyFile(join(dir, `gateway/client.${end}`), join(dir, `ca/ca.${end}`));
    },
  },
  {
    fault: 'has a replacement of the CA that one folder has not heard of',
    check: 'rotation-finished',
    code: 'SALLY_DOCTOR_ROTATION',
    plant: async (dir) => {
      const old = join(dir, 'old-ca.crt');
      await copyFile(join(dir, 'ca/ca.crt'), old);
      await rotateCa('prepare', options(dir));
      await rename(old, join(dir, 'plugins/A/ca.crt'));
    },
  },
];

describe('[O2] the doctor says that a folder', () => {
  it.for(faults)('$fault', async ({ check, code, plant }) => {
    const dir = await certificates();
    await plant(dir);
    const { causes } = await look(dir);
    expect(causes[0], JSON.stringify(causes, null, 1)).toMatchObject({ id: check, code });
    expect(causes[0]?.remedy).not.toBe('');
  });

  it('is in order', async () => {
    const { results } = await look(await certificates());
    expect(results.filter(({ status }) => status === 'fail' || status === 'warn')).toEqual([]);
  });

  it('has but the certificate of its own host, whose CA is elsewhere', async () => {
    const dir = await certificates();
    for (const other of notOfA) await rm(join(dir, other), { recursive: true });
    const { results } = await look(dir);
    expect(results.filter(({ status }) => status === 'fail' || status === 'warn')).toEqual([]);
    expect(results.find(({ id }) => id === 'rotation-finished')).toMatchObject({ status: 'skipped' });
  });

  it('has lost its CA, and still has the list of what that has issued', async () => {
    const dir = await certificates();
    await rm(join(dir, 'ca'), { recursive: true });
    const { causes } = await look(dir);
    expect(causes.map(({ id, remedy }) => [id, remedy])).toMatchObject([
      ['folder-complete', expect.stringMatching(/^look where it is/)],
    ]);
  });

  it('has the wrong key on such a host, and no word of making another CA', async () => {
    const dir = await certificates();
    await copyFile(join(dir, 'plugins/B/server.key'), join(dir, 'plugins/A/server.key'));
    for (const other of notOfA) await rm(join(dir, other), { recursive: true });
    const { causes } = await look(dir);
    expect(causes).toMatchObject([
      { id: 'folder-keys-match', remedy: expect.stringMatching(/^copy this host's folder again/) },
    ]);
  });

  it('is in the middle of an orderly replacement of the CA, with the next command', async () => {
    const dir = await certificates();
    await rotateCa('prepare', options(dir));
    const { results } = await look(dir);
    const remarks = results.filter(({ status }) => status === 'fail' || status === 'warn');
    expect(remarks).toMatchObject([{ id: 'rotation-finished', status: 'warn' }]);
    expect(remarks[0]?.remedy).toContain('ca-rotate activate');
  });

  it('has a plugin that no file names, and the key of the CA beside a server', async () => {
    const dir = await certificates();
    const file = await serverFile(dir);
    const { results } = await look(file, dir);
    const warned = results.filter(({ status }) => status === 'warn').map(({ id }) => id);
    expect(warned).toEqual(['folder-strays', 'ca-key-away']);
  });

  it('has a file at fault that a plugin file names too, and counts that once', async () => {
    const dir = await certificates();
    await chmod(join(dir, 'plugins/A/server.key'), 0o644);
    const { causes, counts } = await look(await serverFile(dir), dir);
    expect([causes.map(({ id }) => id), counts.fail]).toEqual([['folder-keys-private'], 2]);
  });
});
