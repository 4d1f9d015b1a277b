import { mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/index.js';
import { type Diagnosis, diagnose, examine, type Targets } from '../../src/doctor/index.js';
import { silentLogger } from '../../src/log.js';
import type { Issued } from '../../src/pki/index.js';
import { createPluginServer } from '../../src/server/index.js';
import { createCredentialStore } from '../../src/tls/index.js';
import { temporaryFolder } from '../support/folder.js';
import { replaceBadWords } from '../support/plugin-server.js';
import { tcpServer } from '../support/tcp.js';
import { gatewayLeaf, newCa, pluginLeaf } from '../support/trust.js';

/** A gateway and a plugin server as they ought to be, before a fault is planted. */
export interface Place {
  readonly folder: string;
  readonly ca: Issued;
  readonly port: number;
  /** Environment of the doctor. */
  env: Record<string, string>;
  /** Fields of the two `tls` blocks. */
  client: Record<string, unknown>;
  server: Record<string, unknown> | null;
  host: string;
  url: string;
  plugin: string;
  now: () => Date;
  /** The path of a file in the folder. */
  at(name: string): string;
  /** Writes a file there. */
  put(name: string, text: string | Buffer, mode?: number): Promise<void>;
  /** Writes `<name>.crt` and `<name>.key`. */
  issue(name: string, issued: Issued): Promise<void>;
}

export const pluginName = 'ReplaceBadWordsPlugin';

/** A port that is free, and the one 1000 above it too. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = await tryListen(0);
    if (port !== undefined && port + 1_000 <= 65_535 && (await tryListen(port + 1_000))) return port;
  }
}

function tryListen(wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = tcpServer();
    server.once('error', () => resolve(undefined));
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export async function newPlace(): Promise<Place> {
  const folder = await temporaryFolder();
  const ca = await newCa();
  const port = await freePort();
  const at = (name: string) => join(folder, name);
  const place: Place = {
    folder,
    ca,
    port,
    env: {},
    client: { certfile: at('client.crt'), keyfile: at('client.key'), ca_bundle: at('ca.crt') },
    server: {
      certfile: at('server.crt'),
      keyfile: at('server.key'),
      ca_bundle: at('server-ca.crt'),
      ssl_cert_reqs: 2,
    },
    host: '127.0.0.1',
    url: `https://localhost:${port}/mcp`,
    plugin: pluginName,
    now: () => new Date(),
    at,
    put: (name, text, mode = 0o644) => writeFile(at(name), text, { mode }),
    async issue(name, { certPem, keyPem }) {
      await place.put(`${name}.crt`, certPem);
      await place.put(`${name}.key`, keyPem, 0o600);
    },
  };
  await place.put('ca.crt', ca.certPem);
  await place.put('server-ca.crt', ca.certPem);
  await place.issue('client', await gatewayLeaf(ca));
  await place.issue('server', await pluginLeaf(ca, pluginName));
  return place;
}

/** The two plugin files, as the place has it now. */
export async function writeFiles(place: Place): Promise<{ gateway: string; server: string }> {
  const secure = place.url.startsWith('https:');
  const mcp = { proto: 'STREAMABLEHTTP', url: place.url, ...(secure && { tls: place.client }) };
  await mkdir(place.folder, { recursive: true });
  await place.put('gateway.yaml', stringify({ plugins: [{ name: place.plugin, kind: 'external', mcp }] }));
  await place.put(
    'server.yaml',
    stringify({
      plugins: [replaceBadWords],
      server_settings: { host: place.host, port: place.port, ...(place.server && { tls: place.server }) },
    }),
  );
  return { gateway: place.at('gateway.yaml'), server: place.at('server.yaml') };
}

/** Starts the plugin server of the place in this process. */
export async function serve(place: Place): Promise<void> {
  const { server: path } = await writeFiles(place);
  const config = await loadConfig({ path, cwd: place.folder, env: {}, side: 'server' });
  const server = await createPluginServer(config, { log: silentLogger, version: '0.0.0' });
  onTestFinished(() => server.close());
  await server.listen();
}

/** What the doctor says of the targets. */
export async function diagnosis(
  place: Place,
  targets: Targets,
  { timeoutMs = 3_000, ...more }: { timeoutMs?: number; loadWithinMs?: number } = {},
): Promise<Diagnosis> {
  const facts = await examine(targets, {
    cwd: place.folder,
    env: place.env,
    now: place.now,
    timeoutMs,
    ...more,
    loader: new URL('../../dist/doctor/loading.js', import.meta.url),
    credentials: createCredentialStore({ log: silentLogger }),
  });
  return diagnose(facts);
}
