import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { writeConfig } from '../../support/plugin-server.js';
import { tcpServer } from '../../support/tcp.js';
import { freePort } from '../../support/upstreams.js';
import { commandIn, runIn } from '../certs/faults.js';

interface Check {
  readonly id: string;
  readonly status: string;
  readonly code?: string;
  readonly cause?: string;
  readonly remedy?: string;
}

/** What the doctor finds, of those checks alone that are about whether a program starts. */
async function examined(path: string, timeout = '5'): Promise<readonly Check[]> {
  const { stdout } = await sallyport(['doctor', path, '--json', '--timeout', timeout]);
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  return checks.filter(({ id }) => ['clients-known', 'port-ours'].includes(id));
}

const found = (checks: readonly Check[]) =>
  checks.filter(({ status }) => status === 'fail' || status === 'warn');

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    if ('closeAllConnections' in server) (server as { closeAllConnections(): void }).closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const gatewayFile = async (folder: string, block: object) => {
  const gateway = { port: await freePort(), upstreams: { one: everything }, ...block };
  return writeConfig({ plugins: [], gateway }, folder);
};
const bearer = (tokens_file: string) => ({ auth: { kind: 'bearer', tokens_file } });
const jwt = (jwks: string) => ({
  auth: { kind: 'jwt', issuer: 'https://issuer.example', audience: 'mcp', jwks },
});

type Fault = [
  fault: string,
  code: string,
  plant: (folder: string) => object | Promise<object>,
  /** What mends it where no command does. */
  says?: RegExp,
];

/** What the gateway does not start with. */
const refused: readonly Fault[] = [
  ['a tokens file that is not there', 'SALLY_FILE_UNREADABLE', (at) => bearer(join(at, 'tokens.json'))],
  [
    'a tokens file that is no JSON',
    'SALLY_TOKENS_FILE',
    async (at) => {
      await writeFile(join(at, 'tokens.json'), 'secret\n', { mode: 0o600 });
      return bearer(join(at, 'tokens.json'));
    },
  ],
  [
    'a tokens file that somebody has written',
    'SALLY_TOKENS_FILE',
    async (at) => {
      await writeFile(join(at, 'my tokens.json'), '{"tokens": ["secret"]}', { mode: 0o600 });
      return bearer(join(at, 'my tokens.json'));
    },
  ],
  [
    'a tokens file that leads nowhere',
    'SALLY_FILE_UNREADABLE',
    async (at) => {
      await symlink(join(at, 'gone.json'), join(at, 'tokens.json'));
      return bearer(join(at, 'tokens.json'));
    },
  ],
  [
    'a folder in place of a tokens file',
    'SALLY_FILE_UNREADABLE',
    async (at) => {
      await mkdir(join(at, 'tokens'));
      return bearer(join(at, 'tokens'));
    },
    /it is a folder → rmdir .*tokens && sallyport token create/,
  ],
  [
    'keys of the issuer that are not there',
    'SALLY_FILE_UNREADABLE',
    (at) => jwt(join(at, 'jwks.json')),
    /no such file → .*jwks/,
  ],
  [
    'keys of the issuer that are none',
    'SALLY_JWKS',
    async (at) => {
      await writeFile(join(at, 'jwks.json'), '{"issuer": "https://issuer.example"}');
      return jwt(join(at, 'jwks.json'));
    },
    /→ give the issuer's jwks_uri document/,
  ],
  [
    'an empty set of keys of the issuer',
    'SALLY_JWKS',
    async (at) => {
      await writeFile(join(at, 'jwks.json'), '{"keys": []}');
      return jwt(join(at, 'jwks.json'));
    },
    /there is no key in it → give the issuer's jwks_uri document/,
  ],
  [
    'a port that another program has',
    'SALLY_SERVER_PORT_IN_USE',
    async () => ({ port: await portOf(tcpServer((socket) => socket.end('220 mail\r\n'))) }),
    /→ see who has it with: lsof -i :\d+; or choose another: gateway\.port/,
  ],
  [
    'an address that is not of this machine',
    'SALLY_SERVER_LISTEN',
    () => ({ host: '192.0.2.1', port: 4567, allow_unauthenticated: true }),
    /EADDRNOTAVAIL → host must be an address of this machine/,
  ],
];

/** What it starts with, though nobody gets far. */
const remarked: readonly Fault[] = [
  [
    'a tokens file without tokens',
    'SALLY_TOKENS_NONE',
    async (at) => {
      await writeFile(join(at, 'tokens.json'), '{"tokens": []}', { mode: 0o600 });
      return bearer(join(at, 'tokens.json'));
    },
  ],
  [
    'a tokens file that others can read',
    'SALLY_TOKENS_READABLE',
    async (at) => {
      const path = join(at, 'tokens.json');
      await sallyport(['token', 'create', '--user', 'ada', '--file', path]);
      await chmod(path, 0o644);
      return bearer(path);
    },
  ],
  [
    'an issuer that is not there',
    'SALLY_JWKS_UNAVAILABLE',
    async () => jwt(`http://127.0.0.1:${await freePort()}/jwks`),
    /refuses the connection.* → .*curl http:\/\/127\.0\.0\.1:\d+\/jwks/,
  ],
  [
    'an issuer that does not answer',
    'SALLY_JWKS_UNAVAILABLE',
    async () => jwt(`http://127.0.0.1:${await portOf(createHttp(() => {}))}/jwks`),
    /timed out/,
  ],
  [
    'an issuer that has its keys elsewhere',
    'SALLY_JWKS_UNAVAILABLE',
    async () => {
      const port = await portOf(createHttp((_, response) => response.writeHead(404).end('<h1>no</h1>')));
      return jwt(`http://127.0.0.1:${port}/jwks`);
    },
    /200 OK.* → .*is the jwks_uri of the issuer's metadata/,
  ],
  [
    'an issuer that answers with a page',
    'SALLY_JWKS_UNAVAILABLE',
    async () => {
      const port = await portOf(createHttp((_, response) => response.end('<h1>Sign in</h1>')));
      return jwt(`http://127.0.0.1:${port}/jwks`);
    },
    /not.* JSON.* → .*is the jwks_uri of the issuer's metadata/,
  ],
];

async function mends(path: string, folder: string, found: Check | undefined, says: RegExp | undefined) {
  if (says) {
    expect(`${found?.cause} → ${found?.remedy}`).toMatch(says);
    return;
  }
  runIn(folder, commandIn(found?.remedy ?? ''));
  expect((await examined(path)).find(({ code }) => code === found?.code)).toBeUndefined();
}

describe('[O2] the doctor tells of what a gateway does not start with:', () => {
  it.each(refused)(
    '%s',
    async (_fault, code, plant, says) => {
      const folder = await temporaryFolder();
      const path = await gatewayFile(folder, await plant(folder));
      const started = await sallyport(['gateway', '--config', path], { env: { LOG_FORMAT: 'json' } });
      expect([started.status, started.stderr]).toEqual([3, expect.stringContaining(code)]);
      const [first] = found(await examined(path));
      expect(first).toMatchObject({ status: 'fail', code });
      await mends(path, folder, first, says);
    },
    patience(30_000),
  );
});

describe('[O2] the doctor tells of what nobody comes in with:', () => {
  it.each(remarked)(
    '%s',
    async (_fault, code, plant, says) => {
      const folder = await temporaryFolder();
      const path = await gatewayFile(folder, await plant(folder));
      const [first] = found(await examined(path, '1'));
      expect(first).toMatchObject({ code });
      await mends(path, folder, first, says);
    },
    patience(30_000),
  );

  it('not of a gateway that runs, and whose tokens are well', async () => {
    const folder = await temporaryFolder();
    const tokens = join(folder, 'tokens.json');
    await sallyport(['token', 'create', '--user', 'ada', '--file', tokens]);
    const health = createHttp((_, response) => response.end('{"status":"ok"}'));
    const path = await gatewayFile(folder, { ...bearer(tokens), port: await portOf(health) });
    expect(found(await examined(path))).toEqual([]);
  });
});
