import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { opensslVerify, snapshot } from '../../pki/folders.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';
import { workplace } from './run.js';

const all = ['all', '--key', 'ec-p256'];
const wholeSet = [
  ...['ca/ca.crt', 'ca/ca.key'],
  ...['ca.crt', 'client.crt', 'client.key', 'client.pem'].map((name) => `gateway/${name}`),
  ...['a', 'b'].flatMap((name) =>
    ['ca.crt', 'server.crt', 'server.key'].map((file) => `plugins/example-plugin-${name}/${file}`),
  ),
];

function expectWhole(dir: string): void {
  expect(Object.keys(snapshot(dir))).toEqual(wholeSet);
  const ca = `${dir}/ca/ca.crt`;
  expect(opensslVerify(ca, `${dir}/gateway/client.crt`, 'sslclient')).toBe('OK');
  for (const name of ['a', 'b']) {
    expect(opensslVerify(ca, `${dir}/plugins/example-plugin-${name}/server.crt`, 'sslserver')).toBe('OK');
  }
}

describe('certs all under adverse conditions', () => {
  judgedBy('openssl')(
    '[C9] killed at any moment, it can simply be run again',
    { timeout: patience(60_000) },
    async () => {
      const { certs, path } = workplace();
      const moments = [
        'ca',
        'ca/ca.key',
        'ca/ca.crt',
        'gateway/client.key',
        'gateway/client.crt',
        'gateway/ca.crt',
      ];
      let cut = 0;
      for (const [i, moment] of moments.entries()) {
        const dir = `run-${i}`;
        const { signal } = await certs([...all, '--dir', dir], {
          killWhen: () => existsSync(path(dir, moment)),
        });
        if (signal === 'SIGKILL') cut += 1;
        const left = Object.entries(snapshot(path(dir))).filter(([name]) => wholeSet.includes(name));
        for (const [name] of left) expect(readFileSync(path(dir, name), 'utf8')).toMatch(/-----\n$/);
        const again = await certs([...all, '--dir', dir]);
        expect(again, again.err).toMatchObject({ status: 0 });
        expect(snapshot(path(dir))).toMatchObject(Object.fromEntries(left));
        expectWhole(path(dir));
      }
      expect(cut).toBeGreaterThan(0);
    },
  );

  judgedBy('openssl')(
    '[C9] several at once all end well, with one CA and matching pairs',
    { timeout: patience(60_000) },
    async () => {
      for (let round = 0; round < 2; round += 1) {
        const { certs, path } = workplace();
        const outcomes = await Promise.all(Array.from({ length: 5 }, () => certs([...all, '--json'])));
        for (const { status, err } of outcomes) expect({ status, err }).toEqual({ status: 0, err: '' });
        expectWhole(path('certs/mcp'));
        expect((await certs(['check'])).status).toBe(0);
        const made = outcomes.flatMap(({ out }) =>
          JSON.parse(out).results.flatMap((result: { made: string[] }) => result.made),
        );
        expect(made.sort()).toEqual(wholeSet.map((name) => `certs/mcp/${name}`).sort());
      }
    },
  );

  it('[C4] no key is readable by others for an instant, whatever the umask', async () => {
    const { certs, path } = workplace();
    const seen = new Map<string, number>();
    const watch = () => {
      for (const folder of ['ca', 'gateway', 'plugins/example-plugin-a', 'plugins/example-plugin-b']) {
        try {
          for (const name of readdirSync(path('certs/mcp', folder))) {
            seen.set(
              `${folder}/${name}`,
              (seen.get(`${folder}/${name}`) ?? 0) | statSync(path('certs/mcp', folder, name)).mode,
            );
          }
        } catch {
          // Not there yet, or renamed between the two calls.
        }
      }
    };
    const timer = setInterval(watch, 0);
    const { status } = await certs(all, { shell: 'umask 000' });
    clearInterval(timer);
    watch();
    expect(status).toBe(0);
    const keys = [...seen].filter(([name]) => /\.(key|pem)/.test(name));
    expect(keys.length).toBeGreaterThanOrEqual(5);
    for (const [name, mode] of keys) expect([name, mode & 0o077]).toEqual([name, 0]);
  });

  it('[C4] certificates are 644 under a narrow umask', async () => {
    const { certs, path } = workplace();
    await certs(all, { shell: 'umask 077' });
    expect(statSync(path('certs/mcp/gateway/client.crt')).mode & 0o777).toBe(0o644);
    expect(statSync(path('certs/mcp/gateway/client.key')).mode & 0o777).toBe(0o600);
  });

  it('[C9] a disk that is full from the start: an error, and no file', async () => {
    const { cwd, certs } = workplace();
    const { status, err } = await certs(all, { shell: 'ulimit -f 0' });
    expect(status).toBe(3);
    expect(err).toContain('error SALLY_CERT_WRITE\n  cannot write certs/mcp/ca/');
    expect(snapshot(cwd)).toEqual({});
  });

  it('[C9] a file system that takes no folders: an error, not a run without end', async () => {
    const { status, err } = await workplace().certs([...all, '--dir', '/proc/certs']);
    expect(status).toBe(3);
    expect(err).toContain('error SALLY_CERT_WRITE\n  cannot write /proc/certs');
  });

  judgedBy('openssl')(
    '[C9] a disk that fills up on the way: nothing half-written, and the next run completes it',
    async () => {
      const { certs, path } = workplace();
      // An EC key and its certificate have less than 1 KiB each, an RSA key has more.
      expect((await certs(['ca', '--key', 'ec-p256'], { shell: 'ulimit -f 1' })).status).toBe(0);
      const before = snapshot(path('certs/mcp'));
      const { status, err } = await certs(['all', '--key', 'rsa-4096'], { shell: 'ulimit -f 1' });
      expect(status).toBe(3);
      expect(err).toContain('SALLY_CERT_WRITE');
      expect(snapshot(path('certs/mcp'))).toEqual(before);
      expect((await certs(all)).status).toBe(0);
      expectWhole(path('certs/mcp'));
    },
  );

  it('[C9] a file in place of the folder, or of one inside: an error, and nothing is touched', async () => {
    const { cwd, certs, path } = workplace();
    writeFileSync(path('file'), 'mine');
    mkdirSync(path('certs/mcp'), { recursive: true });
    writeFileSync(path('certs/mcp/gateway'), 'mine');
    const before = snapshot(cwd);
    for (const args of [[...all, '--dir', 'file'], [...all, '--dir', 'file/below'], all]) {
      const { status, err } = await certs(args);
      expect(status).toBe(3);
      expect(err).toMatch(/^error SALLY_(CERT_WRITE|FILE_UNREADABLE)\n/);
    }
    expect(snapshot(cwd)).toEqual(before);
  });

  it('[C9] a symbolic link to nowhere in place of a key is an error, and is not followed', async () => {
    const { certs, path } = workplace();
    mkdirSync(path('certs/mcp/ca'), { recursive: true });
    symlinkSync(path('elsewhere'), path('certs/mcp/ca/ca.key'));
    const { status } = await certs(['ca', '--key', 'ec-p256']);
    expect(status).toBe(3);
    expect(existsSync(path('elsewhere'))).toBe(false);
  });

  it('an RSA key made by one run and an EC key asked for by the next: the key is kept', async () => {
    const { certs } = workplace();
    await certs(['ca', '--key', 'ec-p384']);
    expect((await certs(all)).status).toBe(0);
  });
});
