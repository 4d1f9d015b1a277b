import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';
import { runIn } from '../certs/faults.js';

interface Check {
  readonly id: string;
  readonly status: string;
  readonly cause?: string;
  readonly remedy?: string;
}

const serverFile = `plugins: []
server_settings:
  port: 8123
  tls:
    certfile: certs/mcp/plugins/One/server.crt
    keyfile: certs/mcp/plugins/One/server.key
    ca_bundle: certs/mcp/plugins/One/ca.crt
`;

/** A plugin server's folder; what of files the doctor finds wrong there. */
async function place() {
  const cwd = await temporaryFolder();
  runIn(cwd, 'sallyport certs gateway && sallyport certs plugin One');
  await writeFile(join(cwd, 'server.yaml'), serverFile);
  const wrong = async () => {
    const { stdout, stderr } = await sallyport(['doctor', 'server.yaml', 'certs/mcp', '--json'], { cwd });
    expect(stderr).toBe('');
    const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
    return checks.filter(({ id, status }) => status === 'fail' && /^(files|folder|config)-/.test(id));
  };
  return { cwd, wrong };
}

const one = 'certs/mcp/plugins/One';
const openSsh =
  '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n';

type Fault = [fault: string, says: RegExp, plant: (cwd: string) => Promise<unknown>];

const faults: readonly Fault[] = [
  [
    'a folder in the place of a key, as a container mounts what is not there',
    /it is a folder/,
    async (cwd) => {
      await rm(join(cwd, one, 'server.key'));
      await mkdir(join(cwd, one, 'server.key'));
    },
  ],
  [
    'a folder in the place of a certificate',
    /it is a folder/,
    async (cwd) => {
      await rm(join(cwd, one, 'server.crt'));
      await mkdir(join(cwd, one, 'server.crt'));
    },
  ],
  [
    'a link to itself in the place of a key',
    /too many symbolic links/,
    async (cwd) => {
      await rm(join(cwd, one, 'server.key'));
      await symlink('server.key', join(cwd, one, 'server.key'));
    },
  ],
  [
    'a key of OpenSSH',
    /OPENSSH PRIVATE KEY/,
    async (cwd) => writeFile(join(cwd, one, 'server.key'), openSsh),
  ],
  [
    'a key in the place of the CA bundle',
    /it holds a PRIVATE KEY/,
    async (cwd) => runIn(cwd, `cp ${one}/server.key ${one}/ca.crt`),
  ],
  [
    'a certificate in UTF-16',
    /UTF-16/,
    async (cwd) => writeFile(join(cwd, one, 'server.crt'), Buffer.from('\ufeff-----BEGIN', 'utf16le')),
  ],
];

describe('a file that is not what its name says', () => {
  it.each(faults)(
    '[S9] %s: the doctor goes on, serve says the same, and the remedy of either mends it',
    async (_, says, plant) => {
      const { cwd, wrong } = await place();
      expect(await wrong()).toEqual([]);
      await plant(cwd);
      const found = await wrong();
      expect(found.map(({ cause }) => cause).join('\n')).toMatch(says);
      const { status, stderr } = await sallyport(['serve', '--config', 'server.yaml'], { cwd });
      expect(status).toBe(3);
      expect(stderr).toMatch(says);
      const served = stderr.slice(stderr.indexOf('→ ') + 2).trim();
      const remedies = new Set([...found.map(({ remedy }) => remedy), served]);
      expect(remedies.size).toBeGreaterThan(0);
      for (const remedy of remedies) {
        await rm(join(cwd, 'certs'), { recursive: true });
        runIn(cwd, 'sallyport certs gateway && sallyport certs plugin One');
        await plant(cwd);
        runIn(cwd, remedy ?? '');
        expect(await wrong()).toEqual([]);
      }
    },
    patience(60_000),
  );
});

it.each([
  ['gateway:\n  sse: yess\n  upstreams: {}\n', 'gateway side'],
  ['plugins:\n  - name: One\n    kind: external\n    mod: enforce\n', 'gateway side'],
  ['plugins:\n  - name: One\n    kind: ./one.js\n    mod: enforce\n', 'server side'],
])('a file that is wrong is that of the program whose words it has: %j is of the %s', async (text, side) => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'a.yaml'), text);
  expect((await sallyport(['doctor', 'a.yaml'], { cwd })).stdout).toContain(`a.yaml (${side})`);
});

describe('a pipe as a file', () => {
  judgedBy('mkfifo')(
    'that nobody writes to is refused at once',
    async () => {
      const cwd = await temporaryFolder();
      runIn(cwd, 'mkfifo server.yaml');
      const { status, stderr } = await sallyport(['serve', '--config', 'server.yaml'], { cwd });
      expect(status).toBe(3);
      expect(stderr).toContain('it is a named pipe, and nobody writes to it');
    },
    patience(30_000),
  );

  judgedBy('mkfifo')(
    'is read to its end where somebody writes',
    async () => {
      const { cwd } = await place();
      const written =
        '{ sleep 1; echo "plugins:"; sleep 1; echo "- name: Two\n  kind: external"; } > pipe.yaml & ';
      runIn(cwd, `mkfifo pipe.yaml; ${written} sallyport certs all --config pipe.yaml; wait`);
      expect(runIn(cwd, 'sallyport certs check')).toMatch(/\bTwo\b/);
    },
    patience(60_000),
  );
});
