import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { snapshot } from '../../pki/folders.js';
import { cert, keyPassword } from '../../support/certs.js';
import { run, sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';
import { clientTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';

interface Report {
  readonly verdict: string;
  readonly causes: readonly string[];
  readonly checks: readonly Readonly<Record<string, unknown>>[];
}

const gatewayFile = (url: string, tls: object = clientTls(), name = 'ReplaceBadWordsPlugin') =>
  writeConfig({ plugins: [{ name, kind: 'external', mcp: { proto: 'STREAMABLEHTTP', url, tls } }] });

const shown = () => ['--cert', cert('client.crt'), '--key', cert('client.key'), '--ca', cert('ca.crt')];

describe('[O2] sallyport doctor', () => {
  it('ends with 0 where all is well, and says what it looked at', async () => {
    const server = await startPluginServer();
    const file = await gatewayFile(server.url);
    const { status, stdout, stderr } = await sallyport(['doctor', file]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ok +MCP contract {2,}\d checks$/m);
    expect((await sallyport(['doctor', file, '--verbose'])).stdout).toMatch(/^ok +plugin-known +/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^all is well: \d+ ok, 0 warned of, 0 failed$/);
    expect(status).toBe(0);
    expect(stdout).not.toContain('\u001b');
  });

  it('ends with 1 where something fails: that and its remedy stand first and last, and each line fits', async () => {
    const file = await gatewayFile('https://localhost:9/mcp');
    const { status, stdout } = await sallyport(['doctor', file]);
    const paragraphs = stdout.trimEnd().split('\n\n');
    const [first = '', last = ''] = [paragraphs[0], paragraphs.at(-1)].map((text) =>
      text?.replace(/\s+/g, ' '),
    );
    expect(first).toMatch(/fail reachable .* → start the server and read the first lines of its log/);
    expect(last).toMatch(/^one cause to mend: \d+ ok, .* first: reachable → start the server/);
    for (const line of stdout.split('\n'))
      if (line.trim().includes(' ')) expect(line.length).toBeLessThanOrEqual(80);
    expect(status).toBe(1);
  });

  it('prints every check as one JSON object', async () => {
    const server = await startPluginServer();
    const file = await gatewayFile(server.url.replace('localhost', '127.0.0.1'));
    const { status, stdout } = await sallyport(['doctor', file, '--json']);
    const { verdict, causes, checks } = JSON.parse(stdout) as Report;
    expect([status, verdict, causes]).toEqual([1, 'fail', ['server-name']]);
    for (const check of checks) {
      expect(Object.keys(check)).toEqual(
        expect.arrayContaining(['id', 'group', 'title', 'status', 'looked_at', 'seen']),
      );
      if (check['status'] === 'fail') expect(check['remedy']).toMatch(/./);
    }
  });

  it('looks at a bare URL without credentials, and says that the server demands some', async () => {
    const server = await startPluginServer();
    const { status, stdout } = await sallyport(['doctor', new URL(server.url).origin, '--json']);
    const { checks } = JSON.parse(stdout) as Report;
    const of = (id: string) => checks.find((check) => check['id'] === id);
    expect(status, stdout).toBe(0);
    expect(of('client-certificate-demanded')).toMatchObject({ status: 'ok' });
    expect(of('server-trusted')).toMatchObject({ status: 'skipped' });
    expect(of('tls-no-old-version')).toMatchObject({ status: 'ok' });
  });

  it('looks at a bare URL with credentials, as far as the plugins that are there', async () => {
    const server = await startPluginServer();
    const { status, stdout } = await sallyport([
      'doctor',
      new URL(server.url).origin,
      ...shown(),
      '--verbose',
    ]);
    expect(stdout).toMatch(/^paths are below \//);
    expect(stdout.replace(/\s+/g, ' ')).toContain('has ReplaceBadWordsPlugin');
    expect(status, stdout).toBe(0);
  });

  it('names the server that has other plugins', async () => {
    const server = await startPluginServer();
    const file = await gatewayFile(server.url, clientTls(), 'ReplaceWords');
    const { status, stdout } = await sallyport(['doctor', file, '--json']);
    expect([status, (JSON.parse(stdout) as Report).causes]).toEqual([1, ['plugin-known']]);
  });

  it('ends with 3 where a target is not there, and with 2 where it is used wrongly', async () => {
    const cwd = await temporaryFolder();
    const statuses = [];
    for (const args of [
      ['nowhere.yaml'],
      [],
      ['https://', '--ca', 'x'],
      ['.', '--cert', 'x'],
      ['.', '--cert', 'x', '--key', 'x', '--pfx', 'x'],
      ['.', '--password-file', 'x'],
      ['--side', 'left'],
    ])
      statuses.push((await sallyport(['doctor', ...args], { cwd })).status);
    expect(statuses).toEqual([3, 2, 2, 2, 2, 2, 2]);
  });

  judgedBy('openssl')('shows a server what is in a file of PKCS #12', async () => {
    const server = await startPluginServer();
    const folder = await temporaryFolder();
    const [pfx, password] = [join(folder, 'client.p12'), join(folder, 'password')];
    await writeFile(password, 'close sesame\n', { mode: 0o600 });
    const pair = ['-in', cert('client.crt'), '-inkey', cert('client.key')];
    const made = await run('openssl', [
      'pkcs12',
      '-export',
      ...pair,
      '-out',
      pfx,
      '-passout',
      `file:${password}`,
    ]);
    expect(made.status, made.stderr).toBe(0);
    await chmod(pfx, 0o600);
    const url = new URL(server.url).origin;
    const shownBy = ['--pfx', pfx, '--password-file', password, '--ca', cert('ca.crt')];
    const { status, stdout } = await sallyport(['doctor', url, ...shownBy]);
    expect(status, stdout).toBe(0);
    const wrong = join(folder, 'wrong');
    await writeFile(wrong, 'x', { mode: 0o600 });
    const refused = await sallyport(['doctor', url, '--pfx', pfx, '--password-file', wrong]);
    expect([refused.status, refused.stdout]).toEqual([1, expect.stringContaining('client.p12')]);
  });

  it('finds the files in their usual places', async () => {
    const cwd = await temporaryFolder();
    await sallyport(['certs', 'all', '--key', 'ec-p256'], { cwd });
    const { status, stdout } = await sallyport(['doctor'], { cwd });
    expect(stdout).toMatch(/^ok +rotation +1 check$/m);
    expect(status, stdout).toBe(0);
  });

  it('changes no file, and prints no secret', async () => {
    const folder = await temporaryFolder();
    await sallyport(['certs', 'all', '--key', 'ec-p256'], { cwd: folder });
    const tls = { ...clientTls(), keyfile: cert('client-encrypted.key'), keyfile_password: keyPassword };
    const file = await gatewayFile('https://localhost:9/mcp', tls);
    const before = [snapshot(folder), await readFile(file, 'utf8')];
    const env = { PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD: 'close sesame' };
    for (const more of [['--json'], ['--verbose']]) {
      const { stdout, stderr } = await sallyport(['doctor', file, join(folder, 'certs/mcp'), ...more], {
        env,
      });
      expect(stdout).toContain('SALLY_DOCTOR_VARIABLE');
      expect(stdout + stderr).not.toMatch(/sesame|PRIVATE KEY/);
    }
    expect([snapshot(folder), await readFile(file, 'utf8')]).toEqual(before);
  });

  it('reads the file of a gateway with upstreams', async () => {
    const file = await writeConfig(
      stringify({
        plugins: [],
        gateway: {
          upstreams: {
            search: {
              url: 'https://localhost:9/mcp',
              tls: { ...clientTls(), certfile: cert('server.crt'), keyfile: cert('server.key') },
            },
          },
        },
      }),
    );
    const { stdout } = await sallyport(['doctor', file, '--json']);
    expect((JSON.parse(stdout) as Report).causes, stdout).toEqual(['cert-purpose']);
  });
});
