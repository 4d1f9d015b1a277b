import { pbkdf2 } from 'node:crypto';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { Server } from 'node:net';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { connect } from 'node:tls';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PeerRevoked } from '../../src/errors.js';
import { silentLogger } from '../../src/log.js';
import {
  type CredentialDeps,
  type CredentialSet,
  createCredentialStore,
  openCredentials,
  openTlsMetrics,
} from '../../src/tls/index.js';
import { temporaryFolder } from '../support/folder.js';
import { patience } from '../support/patience.js';
import { type Files, filesOf, newCa, newCrl, pluginLeaf, ways } from '../support/trust.js';
import { parsed } from './made.js';

interface Line {
  readonly code?: string;
  readonly message: string;
}

/** Credentials over `files`, put there in that way, with what was logged as a warning. */
async function watching(
  put: (folder: string, files: Files) => Promise<void>,
  files: Files,
  deps: Partial<CredentialDeps> = {},
) {
  const folder = await temporaryFolder();
  await put(folder, files);
  const warned: Line[] = [];
  const warn = (fields: object, message: string) => void warned.push({ ...fields, message });
  const paths = {
    certfile: join(folder, 'tls.crt'),
    keyfile: join(folder, 'tls.key'),
    caBundle: join(folder, 'ca.crt'),
    ...(files['ca.crl'] !== undefined && { crlFile: join(folder, 'ca.crl') }),
  };
  const credentials = await openCredentials(paths, 'server', { log: { ...silentLogger, warn }, ...deps });
  onTestFinished(() => credentials.close());
  const changed = () => new Promise((resolve) => credentials.onChange(resolve));
  return { folder, credentials, warned, changed };
}

describe.each(Object.entries(ways))('files replaced by %s', (_title, put) => {
  it.each([
    ['as often as usual', {}],
    // Whoever writes the files may be kept from it between two of them.
    ['all the time', { pollMs: 5, settleMs: patience(200) }],
  ])('[O3] are in use, looked at %s', async (_often, deps) => {
    const ca = await newCa();
    const { folder, credentials, changed, warned } = await watching(
      put,
      filesOf(await pluginLeaf(ca, 'P'), ca),
      deps,
    );
    const next = await pluginLeaf(ca, 'P', { keyType: 'ed25519' });
    const change = changed();
    await put(folder, filesOf(next, ca));
    await change;
    expect(credentials.current().certificate?.raw).toEqual(parsed(next).raw);
    expect(warned).toEqual([]);
  });
});

it('[O3] a folder that was removed and made anew is watched again', async () => {
  const ca = await newCa();
  const put = ways['a rename of each file'];
  const { folder, credentials, changed } = await watching(put, filesOf(await pluginLeaf(ca, 'P'), ca));
  for (let i = 0; i < 3; i += 1) {
    const change = changed();
    const next = await pluginLeaf(ca, 'P');
    await rm(folder, { recursive: true });
    await mkdir(folder);
    await put(folder, filesOf(next, ca));
    await change;
    expect(credentials.current().certificate?.raw).toEqual(parsed(next).raw);
  }
});

it('[O3] a link to the folder that leads elsewhere is followed', async () => {
  const ca = await newCa();
  const at = await temporaryFolder();
  const [leaf, next] = [await pluginLeaf(ca, 'P'), await pluginLeaf(ca, 'P')];
  const put = ways['a rename of each file'];
  for (const [name, one] of Object.entries({ v1: leaf, v2: next })) {
    await mkdir(join(at, name));
    await put(join(at, name), filesOf(one, ca));
  }
  await symlink('v1', join(at, 'certs'));
  const path = (name: string) => join(at, 'certs', name);
  const files = { certfile: path('tls.crt'), keyfile: path('tls.key'), caBundle: path('ca.crt') };
  const credentials = await openCredentials(files, 'server', { log: silentLogger });
  onTestFinished(() => credentials.close());
  const change = new Promise((resolve) => credentials.onChange(resolve));
  await symlink('v2', path('../new'));
  await rename(join(at, 'new'), join(at, 'certs'));
  await change;
  expect(credentials.current().certificate?.raw).toEqual(parsed(next).raw);
});

it('[O3] a write of the same length that leaves the time as it was is not missed', async () => {
  const ca = await newCa();
  const put = ways['a write in place'];
  const { folder, changed } = await watching(put, filesOf(await pluginLeaf(ca, 'P'), ca));
  const path = join(folder, 'ca.crt');
  const change = changed();
  await writeFile(path, `${ca.certPem}# a\n`);
  await change;
  const { atime, mtime } = await stat(path);
  const again = changed();
  await writeFile(path, `${ca.certPem}# b\n`);
  await utimes(path, atime, mtime);
  await again;
});

it('[O3] a revocation is in force within a second where the loop and the thread pool are busy too', async () => {
  const ca = await newCa();
  const leaf = await pluginLeaf(ca, 'P');
  const put = ways['a rename of each file'];
  const files = { ...filesOf(leaf, ca), 'ca.crl': await newCrl(ca) };
  const { folder, credentials } = await watching(put, files);
  const [next, bad] = [await newCrl(ca, [leaf]), parsed(leaf)];
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  let busy = true;
  const blocking = setInterval(() => {
    const end = performance.now() + 50;
    while (performance.now() < end);
  }, 10);
  // Each of the four threads has so much to do that whoever waits for one waits for seconds.
  const hash = () =>
    void pbkdf2('x', 'y', 50_000, 32, 'sha512', () => {
      if (busy) hash();
    });
  for (let i = 0; i < 100; i += 1) hash();
  onTestFinished(() => {
    busy = false;
    clearInterval(blocking);
  });
  // Not by way of the pool, which is busy.
  writeFileSync(join(folder, 'new'), next);
  renameSync(join(folder, 'new'), join(folder, 'ca.crl'));
  const began = performance.now();
  const set = await new Promise<CredentialSet>((resolve) => credentials.onChange(resolve));
  const took = performance.now() - began;
  delay.disable();
  expect(set.crls[0]?.revoked.has(bad.serialNumber.replace(/^0+/, ''))).toBe(true);
  // Three turns of the loop: the look, the second one, and what follows from it.
  expect(took).toBeLessThan(1_000 + 3 * (delay.max / 1e6));
});

it('[O3] files caught half-written hundreds of times: the old set stays, and one warning a cause', async () => {
  const ca = await newCa();
  const first = await pluginLeaf(ca, 'P');
  const put = ways['a write in place'];
  const all = { ...filesOf(first, ca, await newCa('Another')), 'ca.crl': await newCrl(ca) };
  const good = { ...all, 'ca.crt': ca.certPem };
  const { folder, credentials, warned } = await watching(put, good, { pollMs: 3_600_000, settleMs: 1 });
  const before = credentials.current();
  let refused = 0;
  for (const [name, text] of Object.entries(good)) {
    for (let i = 0; i < 100; i += 1) {
      await writeFile(join(folder, name), text.slice(0, Math.floor((text.length * i) / 100)));
      const outcome = await credentials.reload();
      expect(outcome.kind, `${name} cut at ${i} %`).not.toBe('changed');
      if (outcome.kind === 'refused') refused += 1;
    }
    await writeFile(join(folder, name), text);
    await credentials.reload();
    expect(credentials.current()).toBe(before);
  }
  expect(refused).toBeGreaterThan(380);
  // A key may be empty, cut off, or of nobody; a certificate may fit no key: a few causes for each file.
  expect(warned.length).toBeLessThan(20);
  expect(new Set(warned.map(({ code }) => code))).toEqual(new Set(['SALLY_TLS_NOT_PEM']));
});

it('[O3] a bundle that is cut between two CAs is not taken for one of one CA', async () => {
  const [a, b] = [await newCa('A'), await newCa('B')];
  const leaf = await pluginLeaf(a, 'P');
  const { folder, credentials } = await watching(ways['a write in place'], filesOf(leaf, a, b), {
    pollMs: 3_600_000,
  });
  const path = join(folder, 'ca.crt');
  await writeFile(path, a.certPem);
  const looking = credentials.reload();
  // Written on within the time that files have to stay as they are.
  await writeFile(path, `${a.certPem}${b.certPem}\n`);
  await looking;
  expect(credentials.current().authorities).toHaveLength(2);
});

it('[O3] a change that is not whole yet is taken as soon as it is, without an event', async () => {
  const ca = await newCa();
  const put = ways['a write in place'];
  const { folder, credentials, warned, changed } = await watching(
    put,
    filesOf(await pluginLeaf(ca, 'P'), ca),
    {
      pollMs: 400,
      settleMs: 10,
    },
  );
  const next = await pluginLeaf(ca, 'P');
  const change = changed();
  await writeFile(join(folder, 'tls.crt'), next.certPem);
  expect(await credentials.reload()).toMatchObject({
    kind: 'refused',
    error: { code: 'SALLY_TLS_KEY_MISMATCH' },
  });
  await writeFile(join(folder, 'tls.key'), next.keyPem);
  await change;
  expect(credentials.current().certificate?.raw).toEqual(parsed(next).raw);
  expect(warned[0]).toMatchObject({ code: 'SALLY_TLS_KEY_MISMATCH' });
});

it('[O3] a file that goes away for a while keeps the old set', async () => {
  const ca = await newCa();
  const { folder, credentials } = await watching(
    ways['a write in place'],
    filesOf(await pluginLeaf(ca, 'P'), ca),
  );
  const before = credentials.current();
  await rename(join(folder, 'ca.crt'), join(folder, 'away'));
  expect(await credentials.reload()).toMatchObject({
    kind: 'refused',
    error: { code: 'SALLY_FILE_UNREADABLE' },
  });
  await rename(join(folder, 'away'), join(folder, 'ca.crt'));
  expect(await credentials.reload()).toEqual({ kind: 'unchanged' });
  expect(credentials.current()).toBe(before);
});

it('[O3] what is closed is not looked at any more', async () => {
  const ca = await newCa();
  const put = ways['a write in place'];
  const { folder, credentials } = await watching(put, filesOf(await pluginLeaf(ca, 'P'), ca), { pollMs: 20 });
  const before = credentials.current();
  credentials.close();
  await put(folder, filesOf(await pluginLeaf(ca, 'P'), ca));
  expect(await credentials.reload()).toEqual({ kind: 'unchanged' });
  expect(credentials.current()).toBe(before);
});

describe('the end of a certificate', () => {
  const day = 86_400_000;

  it('[O3] is warned of 30, 7 and 1 days before, once each, with the command to run', async () => {
    const ca = await newCa();
    const folder = await temporaryFolder();
    const at = join(folder, 'plugins', 'P');
    await mkdir(at, { recursive: true });
    const leaf = await pluginLeaf(ca, 'P', { notBefore: new Date(Date.now() - 90 * day) });
    await writeFile(join(at, 'server.crt'), leaf.certPem);
    await writeFile(join(at, 'server.key'), leaf.keyPem, { mode: 0o600 });
    await writeFile(join(at, 'ca.crt'), ca.certPem);
    const warned: (Line & { remedy?: string })[] = [];
    const end = Date.parse(parsed(leaf).validTo);
    let now = new Date(end - 31 * day);
    const store = createCredentialStore({
      log: { ...silentLogger, warn: (fields, message) => void warned.push({ ...fields, message }) },
      now: () => now,
    });
    const files = {
      certfile: join(at, 'server.crt'),
      keyfile: join(at, 'server.key'),
      caBundle: join(at, 'ca.crt'),
    };
    // Two that hold the same certificate, as two plugins behind one gateway do, warn once.
    const look = async () => {
      for (const name of ['ca.crt', './ca.crt']) {
        (await store.open({ ...files, caBundle: `${at}/${name}` }, 'server')).close();
      }
    };
    for (const left of [31, 30, 29, 8, 6.5, 6, 2, 0.9, 0.5]) {
      now = new Date(end - left * day);
      await look();
    }
    const own = warned.filter(({ message }) => message.includes('server.crt'));
    expect(own.map(({ message }) => message.split(': ').at(-1))).toEqual([
      'in 30 days',
      'in 6 days',
      'in less than a day',
    ]);
    expect(own[0]).toMatchObject({
      code: 'SALLY_CERT_EXPIRING',
      remedy: `sallyport certs renew P --force --dir ${folder}`,
    });
  });

  it('[O3] and reloads and failures are metrics', async () => {
    const ca = await newCa();
    const registry = new Registry();
    const metrics = await openTlsMetrics(registry);
    const put = ways['a rename of each file'];
    const { folder, credentials } = await watching(put, filesOf(await pluginLeaf(ca, 'P'), ca), metrics);
    await put(folder, filesOf(await pluginLeaf(ca, 'P'), ca));
    await credentials.reload();
    await writeFile(join(folder, 'tls.key'), '');
    await credentials.reload();
    metrics.observer.handshake?.({ role: 'server' })?.end(PeerRevoked({ peer: 'p', side: 'server' }));
    const text = await registry.metrics();
    expect(text).toContain('sallyport_tls_reloads_total{role="server",result="changed"} 1');
    expect(text).toMatch(/sallyport_tls_reloads_total\{role="server",result="refused"\} [1-9]/);
    expect(text).toContain(
      'sallyport_tls_handshake_failures_total{role="server",reason="SALLY_TLS_REVOKED"} 1',
    );
    const seconds = (kind: string) =>
      Number(new RegExp(`expiry_seconds{role="server",kind="${kind}",.*} (\\d+)`).exec(text)?.[1]);
    expect(seconds('leaf') / 86_400).toBeCloseTo(60, 1);
    expect(seconds('ca') / 86_400).toBeCloseTo(90, 1);
    expect(
      Number(/^sallyport_tls_last_reload_timestamp_seconds\{.*} ([\d.]+)$/m.exec(text)?.[1]),
    ).toBeCloseTo(Date.now() / 1000, -2);
    credentials.close();
    expect(await registry.metrics()).not.toContain('kind="leaf"');
  });
});

it('[O3] the store gives one holder for the same files, and reloads all', async () => {
  const ca = await newCa();
  const put = ways['a write in place'];
  const { folder } = await watching(put, filesOf(await pluginLeaf(ca, 'P'), ca));
  const files = {
    certfile: join(folder, 'tls.crt'),
    keyfile: join(folder, 'tls.key'),
    caBundle: join(folder, 'ca.crt'),
  };
  const store = createCredentialStore({ log: silentLogger });
  const [a, b] = [await store.open(files, 'server'), await store.open(files, 'server')];
  expect(a.current()).toBe(b.current());
  a.close();
  a.close();
  await put(folder, filesOf(await pluginLeaf(ca, 'P'), ca));
  expect(await store.reload()).toHaveLength(1);
  expect(b.current().version).toBe(2);
  b.close();
  await expect(store.open({ ...files, certfile: '/nowhere' }, 'server')).rejects.toMatchObject({
    code: 'SALLY_FILE_UNREADABLE',
  });
  expect(await store.reload()).toEqual([]);
});

it('[O3] the chain of a peer is read without taking it out of its session', async () => {
  const { chainOf } = await import('../../src/tls/trust.js');
  const { createTlsFront } = await import('../../src/tls/index.js');
  const ca = await newCa();
  const { credentials } = await watching(ways['a write in place'], filesOf(await pluginLeaf(ca, 'P'), ca));
  const front = createTlsFront({
    credentials,
    clientCertificate: 'none',
    log: silentLogger,
    end: (raw) => raw.destroy(),
    onSecure: (socket) => socket.end(),
  });
  onTestFinished(() => void front.close());
  await once(front.listen(0, 'localhost'), 'listening');
  expect(front).toBeInstanceOf(Server);
  const { port } = front.address() as { port: number };
  const socket = connect({ port, host: 'localhost', ca: ca.certPem });
  await once(socket, 'secureConnect');
  const chain = chainOf(socket);
  expect(chain.map(({ subject }) => subject)).toEqual(['CN=mcp-plugin-P', 'CN=Sallyport MCP CA']);
  expect(chainOf(socket)).toHaveLength(2);
  expect(socket.getPeerCertificate().subject.CN).toBe('mcp-plugin-P');
});
