import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/config/index.js';
import { type Logger, silentLogger } from '../../../src/log.js';
import type { Issued } from '../../../src/pki/index.js';
import { createPluginServer } from '../../../src/server/index.js';
import { followStrongChain } from '../../../src/tls/chain.js';
import { loadCredentials } from '../../../src/tls/index.js';
import { rsaKey } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { callTool, errorOf, openGateway } from '../../support/gateway.js';
import { judgedBy } from '../../support/judges.js';
import { replaceBadWords } from '../../support/plugin-server.js';
import { filesOf, gatewayLeaf, newCa, pluginLeaf, tlsBlock, ways } from '../../support/trust.js';
import { ca as madeCa, openssl, parsed, resigned, version1 } from '../../tls/made.js';

const plugin = 'ReplaceBadWordsPlugin';
const put = ways['a rename of each file'];
const bundle = (...all: readonly Issued[]) => all.map(({ certPem }) => certPem).join('');
const filesIn = (folder: string) => ({
  certfile: join(folder, 'tls.crt'),
  keyfile: join(folder, 'tls.key'),
  caBundle: join(folder, 'ca.crt'),
});
/** What peers do that are less strict than we are. */
const lax = { ciphers: 'DEFAULT@SECLEVEL=0' } as const;

/** A chain, and the CA that the other side trusts. */
interface Chain {
  readonly leaf: Issued;
  readonly above?: readonly Issued[];
  readonly root: Issued;
}
type Make = (ca: Issued, more?: { keyPem?: string }) => Promise<Issued>;

const rsaRoot = () => madeCa('RSA Root', { keyPem: rsaKey(2048), pathLength: 2 });
const changed = async (make: Make, change: Parameters<typeof resigned>[2]): Promise<Chain> => {
  const root = await newCa();
  return { root, leaf: resigned(await make(root), root, change) };
};

const kinds: readonly (readonly [string, (make: Make) => Promise<Chain>, RegExp])[] = [
  [
    'a leaf of RSA 1024',
    async (make) => {
      const root = await newCa();
      return { root, leaf: await make(root, { keyPem: rsaKey(1024) }) };
    },
    /has an RSA key of 1024 bits/,
  ],
  [
    'a root of RSA 1024',
    async (make) => {
      const root = await madeCa('Short Root', { keyPem: rsaKey(1024) });
      return { root, leaf: await make(root) };
    },
    /CN=Short Root has an RSA key of 1024 bits/,
  ],
  [
    'an intermediate of RSA 1024',
    async (make) => {
      const root = await madeCa('Root', { pathLength: 2 });
      const middle = await intermediate(root, rsaKey(1024));
      return { root, leaf: await make(middle), above: [middle] };
    },
    /CN=Middle has an RSA key of 1024 bits/,
  ],
  ['a leaf signed over SHA-1', (make) => changed(make, { hash: 'sha1' }), /is signed over SHA-1/],
  [
    'a leaf signed over MD5',
    async (make) => {
      const root = await rsaRoot();
      return { root, leaf: resigned(await make(root), root, { hash: 'md5' }) };
    },
    /is signed over MD5/,
  ],
  ['a leaf that is a CA', (make) => changed(make, { ca: true }), /is a CA itself/],
  ['an extension twice', (make) => changed(make, { twice: 17 }), /has the extension subjectAltName twice/],
  ['a basic extension twice', (make) => changed(make, { twice: 19 }), /basicConstraints twice/],
  ['serial number 0', (make) => changed(make, { serial: Buffer.from([0]) }), /serial number 0/],
  [
    'a negative serial number',
    (make) => changed(make, { serial: Buffer.from([0xfe, 1]) }),
    /negative serial/,
  ],
];

/** A CA below another. */
async function intermediate(root: Issued, keyPem?: string): Promise<Issued> {
  const own = await madeCa('Middle', { ...(keyPem !== undefined && { keyPem }), pathLength: 1 });
  return resigned(own, root);
}

/** A plugin server with the files of that folder, and what it warns of. */
async function serve(folder: string) {
  const server_settings = { host: 'localhost', port: 8000, tls: tlsBlock(folder) };
  const config = parseConfig(stringify({ plugins: [replaceBadWords], server_settings }), {
    path: join(folder, 'plugins.yaml'),
    cwd: folder,
    env: {},
    side: 'server',
    exists: () => true,
  });
  const warned: { code?: string; text: string }[] = [];
  let look = () => {};
  const log: Logger = {
    ...silentLogger,
    warn(fields, text) {
      warned.push({ ...fields, text });
      look();
    },
  };
  const server = await createPluginServer(
    { ...config, server: { ...config.server, port: 0 } },
    { log, version: '0' },
  );
  const { port } = await server.listen();
  return {
    port,
    close: () => server.close(),
    warning: (code: string, text = /./) =>
      new Promise<void>((resolve) => {
        look = () => warned.some((one) => one.code === code && text.test(one.text)) && resolve();
        look();
      }),
  };
}

const made = new Map<string, { readonly client: Chain; readonly server: Chain }>();
let server: Awaited<ReturnType<typeof serve>>;
let serverFolder: string;
let serverCa: Issued;

beforeAll(async () => {
  for (const [title, make] of kinds) {
    const asServer: Make = (ca, more) => pluginLeaf(ca, plugin, more);
    made.set(title, { client: await make(gatewayLeaf), server: await make(asServer) });
  }
  serverFolder = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  serverCa = await newCa('Server CA');
  const roots = [...made.values()].map(({ client }) => client.root);
  await put(serverFolder, filesOf(await pluginLeaf(serverCa, plugin), serverCa, ...roots));
  server = await serve(serverFolder);
});
afterAll(async () => {
  await server.close();
  await rm(serverFolder, { recursive: true });
});

/** What comes back from the plugin server on a request of a client that shows that chain. */
async function replyTo(leaf: Issued, above: readonly Issued[] = [], to = server): Promise<string> {
  const socket = connect({
    port: to.port,
    host: 'localhost',
    ca: serverCa.certPem,
    cert: bundle(leaf, ...above),
    key: leaf.keyPem,
    ...lax,
  });
  let reply = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    reply += chunk;
  });
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await once(socket, 'close');
  return reply;
}

/** A gateway that trusts `root`, and a server of another make that shows the chain. */
async function gatewayTo({ leaf, above = [], root }: Chain, log?: Logger) {
  const other = createHttps({ cert: bundle(leaf, ...above), key: leaf.keyPem, ...lax }, (_, response) =>
    response.writeHead(404).end(),
  );
  other.on('tlsClientError', () => {});
  onTestFinished(() => void other.close());
  other.listen(0, 'localhost');
  await once(other, 'listening');
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'ca.crt'), root.certPem);
  const { port } = other.address() as AddressInfo;
  const tls = { ca_bundle: join(folder, 'ca.crt') };
  return openGateway({ url: `https://localhost:${port}/mcp`, tls, ...(log && { log }) });
}

describe.each(kinds)('%s', (title, _make, detail) => {
  const chains = () => made.get(title) as { client: Chain; server: Chain };

  it('[S7] is refused in a client, which the server names with the reason', async () => {
    const { leaf, above } = chains().client;
    // One of its own: the log bounds how many refusals of a kind and a peer it tells one by one.
    const strict = await serve(serverFolder);
    onTestFinished(() => strict.close());
    expect(await replyTo(leaf, above, strict)).toBe('');
    await strict.warning('SALLY_TLS_PEER_WEAK', detail);
  });

  it('[S7] is refused in a server, which the gateway names with the reason', async () => {
    const gateway = await gatewayTo(chains().server);
    expect(await errorOf(callTool(gateway))).toMatchObject({
      code: 'SALLY_TLS_PEER_WEAK',
      message: expect.stringMatching(detail),
    });
  });

  it('[S7] is refused as the own one, before anything listens or connects', async () => {
    const { client, server } = chains();
    for (const [role, { leaf, above = [], root }] of [
      ['client', client],
      ['server', server],
    ] as const) {
      const folder = await temporaryFolder();
      await put(folder, filesOf({ ...leaf, certPem: bundle(leaf, ...above) }, root));
      const error = await errorOf(loadCredentials(filesIn(folder), role, { version: 1, now: new Date() }));
      expect(error).toMatchObject({ code: 'SALLY_TLS_WEAK', message: expect.stringMatching(detail) });
    }
  });
});

it('[S7] strong certificates pass, and so does one of X.509 version 1', async () => {
  expect(await replyTo(await gatewayLeaf(serverCa))).toContain('200 OK');
  expect(await replyTo(version1('old client', serverCa))).toContain('200 OK');
  await server.warning('SALLY_TLS_NO_ROLE');
});

it('[S7] a chain that is too long is named as such at both ends', async () => {
  let [signer, above]: [Issued, Issued[]] = [await madeCa('Root', { pathLength: 20 }), []];
  const root = signer;
  for (let i = 0; i < 9; i += 1) {
    signer = resigned(await madeCa(`Middle ${i}`, { pathLength: 20 }), signer);
    above = [signer, ...above];
  }
  const folder = await temporaryFolder();
  await put(folder, filesOf(await pluginLeaf(serverCa, plugin), serverCa, root));
  const strict = await serve(folder);
  onTestFinished(() => strict.close());
  const client = await gatewayLeaf(signer);
  await replyTo(client, above, strict);
  await strict.warning('SALLY_TLS_PEER_CHAIN_LENGTH');
  expect(await replyTo(await gatewayLeaf(above[1] as Issued), above.slice(1), strict)).toContain('200 OK');
  const leaf = await pluginLeaf(signer, plugin);
  const gateway = await gatewayTo({ leaf, above, root });
  expect(await errorOf(callTool(gateway))).toMatchObject({ code: 'SALLY_TLS_PEER_CHAIN_LENGTH' });
  const own = await temporaryFolder();
  await put(own, filesOf({ ...leaf, certPem: bundle(leaf, ...above) }, root));
  const error = await errorOf(loadCredentials(filesIn(own), 'server', { version: 1, now: new Date() }));
  expect(error).toMatchObject({ code: 'SALLY_TLS_CHAIN_LENGTH' });
});

describe('a self-signed certificate', () => {
  judgedBy('openssl').each([
    ['that is a CA', ''],
    ['that is none', ' -addext basicConstraints=CA:FALSE'],
    ['that may not sign', ' -addext basicConstraints=CA:FALSE -addext keyUsage=digitalSignature'],
  ])('[S7] %s, in a server whose own bundle names it, passes with a warning', async (_title, more) => {
    const folder = await temporaryFolder();
    const names = `-subj /CN=self -addext subjectAltName=DNS:localhost${more}`;
    await openssl(folder, `req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt ${names}`);
    const read = (name: string) => readFile(join(folder, name), 'utf8');
    const own = { certPem: await read('own.crt'), keyPem: await read('own.key') };
    const warned: string[] = [];
    const warn = (fields: object) => void warned.push((fields as { code: string }).code);
    const gateway = await gatewayTo({ leaf: own, root: own }, { ...silentLogger, warn });
    // It is no plugin server: the handshake is what counts.
    expect((await errorOf(callTool(gateway))).code).toBe('SALLY_WIRE_HTTP_STATUS');
    expect(warned.filter((code) => code === 'SALLY_TLS_PEER_SELF_SIGNED')).toHaveLength(1);
  });

  it('[S7] that is a CA, in a client that the bundle names, is refused', async () => {
    const own = await newCa('self');
    const folder = await temporaryFolder();
    await put(folder, filesOf(await pluginLeaf(serverCa, plugin), serverCa, own));
    const strict = await serve(folder);
    onTestFinished(() => strict.close());
    expect(await replyTo(own, [], strict)).toBe('');
    await strict.warning('SALLY_TLS_PEER_WEAK', /is a CA/);
  });
});

it('[S7] of two ways to a root, the one without a weak certificate counts', async () => {
  const root = await madeCa('Root', { pathLength: 2 });
  const middle = await intermediate(root);
  const weak = resigned(middle, root, { hash: 'sha1' });
  const leaf = await gatewayLeaf(middle);
  const [own, ...chain] = [leaf, weak, middle, root].map(parsed) as [X509Certificate, ...X509Certificate[]];
  const verdict = followStrongChain(own, chain.slice(0, 2), chain.slice(2), 'client');
  expect(verdict.kind).toBe('trusted');
  expect(followStrongChain(own, chain.slice(0, 1), chain.slice(2), 'client')).toMatchObject({
    kind: 'weak',
    weak: { detail: expect.stringContaining('SHA-1') },
  });
});
