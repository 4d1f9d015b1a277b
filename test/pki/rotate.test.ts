import { X509Certificate } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkCertificates,
  ensureAll,
  ensurePlugin,
  type RotationStep,
  refreshCrl,
  renewCertificates,
  revokeCertificate,
  rotateCa,
  rotationStatus,
} from '../../src/pki/index.js';
import { judgedBy } from '../support/judges.js';
import { patience } from '../support/patience.js';
import { snapshot, temporaryFolder } from './folders.js';
import { gnutlsAccepts, listsVerify, opensslAccepts } from './judges.js';

const keyType = 'ec-p256';
const plugins = ['One', 'Two'];

async function certificates(): Promise<string> {
  const dir = temporaryFolder();
  await ensureAll(plugins, { dir, keyType, days: 90 });
  return dir;
}

/** The folders of leaves, each with its certificate. */
const leavesIn = (dir: string): { folder: string; cert: string }[] => [
  { folder: join(dir, 'gateway'), cert: join(dir, 'gateway/client.crt') },
  ...readdirSync(join(dir, 'plugins')).map((name) => ({
    folder: join(dir, 'plugins', name),
    cert: join(dir, 'plugins', name, 'server.crt'),
  })),
];

const bundleAt = (folder: string): X509Certificate[] =>
  (
    readFileSync(join(folder, 'ca.crt'), 'utf8').match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  ).map((pem) => new X509Certificate(pem));

/** Who would refuse whom: every certificate has to be of a CA in every bundle. */
function strangers(dir: string): string[] {
  const leaves = leavesIn(dir);
  return leaves.flatMap(({ folder }) => {
    const cas = bundleAt(folder);
    return leaves
      .map(({ cert }) => [cert, new X509Certificate(readFileSync(cert))] as const)
      .filter(([, leaf]) => !cas.some((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey)))
      .map(([cert]) => `${cert} at ${folder}`);
  });
}

const refused = async (dir: string, step: RotationStep, text: string) => {
  const before = snapshot(dir);
  await expect(rotateCa(step, { dir })).rejects.toMatchObject({
    code: 'SALLY_CA_ROTATE',
    message: expect.stringContaining(text),
    remedy: expect.stringMatching(/^(where they are to have one: )?sallyport certs /),
  });
  expect(snapshot(dir)).toEqual(before);
};

describe('replacing the CA', () => {
  judgedBy('openssl', 'certtool')(
    'at every step two independent TLS stacks accept every certificate at every folder, with revocation lists',
    { timeout: patience(120_000) },
    async () => {
      const dir = await certificates();
      await ensurePlugin('Gone', { dir, keyType });
      await revokeCertificate('Gone', { dir });
      const gone = readFileSync(join(dir, 'plugins/Gone/server.crt'));
      rmSync(join(dir, 'plugins/Gone'), { recursive: true });
      expect(gone.length).toBeGreaterThan(0);
      const judge = (lists: number) => {
        for (const { cert } of leavesIn(dir))
          for (const { folder } of leavesIn(dir)) {
            const at = [cert, join(folder, 'ca.crt'), join(folder, 'ca.crl')] as const;
            expect([at, opensslAccepts(...at), gnutlsAccepts(...at)]).toEqual([at, true, true]);
          }
        expect(listsVerify(join(dir, 'ca/ca.crl'), join(dir, 'ca/ca.crt'))).toEqual({
          openssl: true,
          gnutls: true,
          lists,
        });
      };
      judge(1);
      for (const step of ['prepare', 'activate', 'undo', 'activate', 'retire'] as const) {
        const { status } = await rotateCa(step, { dir });
        expect(status.phase).toBe(
          { prepare: 'prepared', activate: 'activated', undo: 'prepared', retire: 'none' }[step],
        );
        judge(step === 'retire' ? 1 : 2);
        expect((await checkCertificates({ dir })).status).toBe(0);
      }
    },
  );

  it('keeps names and files, and leaves no trace of the old CA', async () => {
    const dir = await certificates();
    const before = Object.keys(snapshot(dir));
    const [old] = bundleAt(join(dir, 'ca'));
    const names = () =>
      leavesIn(dir).map(({ cert }) => new X509Certificate(readFileSync(cert)).subjectAltName);
    const namesBefore = names();
    for (const step of ['prepare', 'activate', 'retire'] as const) await rotateCa(step, { dir });
    expect(Object.keys(snapshot(dir))).toEqual(before);
    expect(names()).toEqual(namesBefore);
    const [now, ...more] = bundleAt(join(dir, 'ca'));
    expect(more).toEqual([]);
    expect(now?.subject).toBe('CN=Sallyport MCP CA G2\nO=Sallyport');
    expect(now?.fingerprint256).not.toBe(old?.fingerprint256);
    expect(now?.publicKey.asymmetricKeyType).toBe('ec');
    expect(strangers(dir)).toEqual([]);
  });

  it('undone twice, everything of it is gone', async () => {
    const dir = await certificates();
    const bundle = readFileSync(join(dir, 'ca/ca.crt'), 'utf8');
    await rotateCa('prepare', { dir });
    await rotateCa('activate', { dir });
    await rotateCa('undo', { dir });
    expect((await rotateCa('undo', { dir })).status.phase).toBe('none');
    expect(readdirSync(join(dir, 'ca')).sort()).toEqual(['ca.crt', 'ca.key']);
    for (const { folder } of leavesIn(dir)) expect(readFileSync(join(folder, 'ca.crt'), 'utf8')).toBe(bundle);
    expect((await checkCertificates({ dir })).status).toBe(0);
  });

  it.each<[string, readonly RotationStep[], readonly [RotationStep, string][]]>([
    [
      'at first',
      [],
      [
        ['activate', 'no second CA'],
        ['retire', 'no CA to retire'],
        ['undo', 'nothing is under way'],
      ],
    ],
    ['prepared', ['prepare'], [['retire', 'does not issue yet']]],
    ['activated', ['prepare', 'activate'], [['prepare', 'is active already']]],
  ])('%s: what does not follow is refused, and changes nothing', async (_, steps, wrong) => {
    const dir = await certificates();
    for (const step of steps) await rotateCa(step, { dir });
    for (const [step, text] of wrong) await refused(dir, step, text);
  });

  it('a step run twice changes nothing the second time', async () => {
    const dir = await certificates();
    for (const step of ['prepare', 'activate'] as const) {
      await rotateCa(step, { dir });
      const before = snapshot(dir);
      expect((await rotateCa(step, { dir })).changed).toEqual([]);
      expect(snapshot(dir)).toEqual(before);
    }
  });

  it('activate waits until the bundle is everywhere, and retire until no certificate is of the old CA', async () => {
    const dir = await certificates();
    const old = readFileSync(join(dir, 'gateway/ca.crt'));
    const leaf = ['server.crt', 'server.key'].map(
      (name) => [join(dir, 'plugins/Two', name), readFileSync(join(dir, 'plugins/Two', name))] as const,
    );
    const { writeFileSync } = await import('node:fs');
    await rotateCa('prepare', { dir });
    writeFileSync(join(dir, 'plugins/One/ca.crt'), old);
    await refused(dir, 'activate', join(dir, 'plugins/One'));
    expect((await rotationStatus({ dir })).next).toContain('ca-rotate prepare');
    await rotateCa('prepare', { dir });
    await rotateCa('activate', { dir });
    for (const [path, content] of leaf) writeFileSync(path, content);
    await refused(dir, 'retire', join(dir, 'plugins/Two'));
    await rotateCa('activate', { dir });
    await rotateCa('retire', { dir });
    await refused(dir, 'undo', 'nothing is under way');
  });

  it('activate waits for the lists of both CAs too', async () => {
    const dir = await certificates();
    await refreshCrl({ dir });
    await rotateCa('prepare', { dir });
    rmSync(join(dir, 'plugins/One/ca.crl'));
    await refused(dir, 'activate', join(dir, 'plugins/One'));
    await refreshCrl({ dir });
    expect((await rotateCa('activate', { dir })).status.phase).toBe('activated');
  });

  it.each(['prepare', 'retire'] as const)(
    '%s brings the lists to a folder right behind its bundle, for a peer takes neither without the other',
    async (step) => {
      const dir = await certificates();
      await refreshCrl({ dir });
      if (step === 'retire') {
        await rotateCa('prepare', { dir });
        await rotateCa('activate', { dir });
      }
      const { changed } = await rotateCa(step, { dir });
      const inFolders = changed.filter((path) => !/ca\/(next|previous)\//.test(path));
      const folders = ['ca', 'gateway', 'plugins/One', 'plugins/Two'];
      expect(inFolders).toEqual(
        folders.flatMap((folder) => ['ca.crt', 'ca.crl'].map((name) => join(dir, folder, name))),
      );
    },
  );

  it('a revoked certificate does not come back to life', async () => {
    const dir = await certificates();
    await revokeCertificate('One', { dir });
    await rotateCa('prepare', { dir });
    await refused(dir, 'activate', 'revoked');
    await renewCertificates({ dir, names: ['One'], force: true });
    await rotateCa('activate', { dir });
  });

  it('a retirement that has begun can only be finished', async () => {
    const dir = await certificates();
    await rotateCa('prepare', { dir });
    await rotateCa('activate', { dir });
    let changes = 0;
    const onChange = () => {
      changes += 1;
      if (changes === 3) throw new Error('cut off');
    };
    await expect(rotateCa('retire', { dir, onChange })).rejects.toThrow('cut off');
    await refused(dir, 'undo', 'can only be finished');
    expect(strangers(dir)).toEqual([]);
    expect((await rotateCa('retire', { dir })).status.phase).toBe('none');
  });

  it('without the key of a CA: an error that says which, and nothing has changed', async () => {
    const dir = await certificates();
    await rotateCa('prepare', { dir });
    const key = readFileSync(join(dir, 'ca/next/ca.key'));
    rmSync(join(dir, 'ca/next/ca.key'));
    const before = snapshot(dir);
    await expect(rotateCa('activate', { dir })).rejects.toMatchObject({
      code: 'SALLY_CA_UNUSABLE',
      remedy: expect.stringContaining(join(dir, 'ca/next/ca.key')),
    });
    expect(snapshot(dir)).toEqual(before);
    appendFileSync(join(dir, 'ca/next/ca.key'), key, { mode: 0o600 });
    await rotateCa('activate', { dir });
  });

  it('certs plugin and certs all work at every step', async () => {
    const dir = await certificates();
    for (const [i, step] of (['prepare', 'activate', 'undo', 'activate', 'retire'] as const).entries()) {
      await rotateCa(step, { dir });
      const [, made] = await ensurePlugin(`New${i}`, { dir, keyType, days: 80 });
      expect(made).toMatchObject({ outcome: 'made', notes: [] });
      expect(strangers(dir)).toEqual([]);
      const results = await ensureAll(plugins, { dir, keyType });
      expect(results.map(({ outcome }) => outcome)).toEqual(['kept', 'kept', 'kept', 'kept']);
    }
  });
});

describe('any sequence of steps, cut off anywhere', () => {
  const command = fc.record({
    step: fc.constantFrom<RotationStep | 'renew' | 'plugin'>(
      'prepare',
      'activate',
      'activate',
      'retire',
      'undo',
      'renew',
      'plugin',
    ),
    cut: fc.option(fc.integer({ min: 0, max: 24 }), { freq: 2 }),
  });

  /** Through every phase, whatever chance brings beside it. */
  const through: [{ step: RotationStep; cut: number | null }[], boolean] = [
    [
      { step: 'prepare', cut: null },
      { step: 'activate', cut: 3 },
      { step: 'undo', cut: 1 },
      { step: 'activate', cut: null },
      { step: 'retire', cut: 2 },
    ],
    true,
  ];

  /** As `command` would end if its process were killed just before the change with that number. */
  const cutAt = (cut: number | null) => {
    let changes = 0;
    return () => {
      if (changes === cut) throw new Error('cut off');
      changes += 1;
    };
  };

  it('leaves every certificate acceptable to every folder, and can go on to the end', {
    timeout: patience(240_000),
  }, async () => {
    let phases = '';
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 3, maxLength: 9 }),
        fc.boolean(),
        async (commands, lists) => {
          const dir = temporaryFolder();
          await ensureAll(['One'], { dir, keyType, days: 90 });
          if (lists) await refreshCrl({ dir });
          for (const [i, { step, cut }] of commands.entries()) {
            const options = { dir, onChange: cutAt(cut) };
            const run =
              step === 'renew'
                ? renewCertificates({ ...options, force: true })
                : step === 'plugin'
                  ? ensurePlugin(`P${i}`, { dir, keyType })
                  : rotateCa(step, options);
            const failure = await run.then(
              () => undefined,
              (error: Error & { code?: string }) => error,
            );
            expect(failure?.code ?? 'cut off').toMatch(/^(cut off|SALLY_CA_ROTATE)$/);
            if (failure && !failure.code) expect(failure.message).toBe('cut off');
            expect(strangers(dir)).toEqual([]);
            phases += (await rotationStatus({ dir })).phase[0];
          }
          for (let steps = 0; (await rotationStatus({ dir })).phase !== 'none'; steps += 1) {
            expect(steps).toBeLessThan(5);
            const [step] = /(prepare|activate|retire)/.exec((await rotationStatus({ dir })).next) ?? [];
            await rotateCa(step as RotationStep, { dir });
            expect(strangers(dir)).toEqual([]);
          }
          await renewCertificates({ dir });
          const { entries, status } = await checkCertificates({ dir });
          expect({ status, findings: entries.flatMap(({ findings }) => findings) }).toEqual({
            status: 0,
            findings: [],
          });
          expect(existsSync(join(dir, 'ca/next')) || existsSync(join(dir, 'ca/previous'))).toBe(false);
        },
      ),
      { numRuns: 12, examples: [through] },
    );
    // It has been everywhere.
    for (const phase of ['n', 'p', 's', 'a']) expect(phases).toContain(phase);
  });
});
