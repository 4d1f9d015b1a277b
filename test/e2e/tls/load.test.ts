import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/log.js';
import type { PluginManager } from '../../../src/manager/index.js';
import type { Issued, KeyType } from '../../../src/pki/index.js';
import { createCredentialStore } from '../../../src/tls/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { openGateway } from '../../support/gateway.js';
import { patience } from '../../support/patience.js';
import { type RunningServer, replaceBadWords, startPluginServer } from '../../support/plugin-server.js';
import { filesOf, gatewayLeaf, newCa, newCrl, pluginLeaf, tlsBlock, ways } from '../../support/trust.js';

const put = ways['a rename of each file'];
const keyTypes: readonly KeyType[] = ['rsa-4096', 'ed25519', 'ec-p384'];
const plugins = ['First', 'Second'] as const;
type Name = (typeof plugins)[number];

/** Calls at full speed, until it is stopped: how many came to what. */
function load(managers: Record<Name, PluginManager>, atOnce: number) {
  const counts: Record<Name, Record<string, number>> = { First: {}, Second: {} };
  const hands = plugins.flatMap((name) => Array.from({ length: atOnce }, () => name));
  let stopped = false;
  const call = async (name: Name) => {
    const payload = { name: 'search', args: { q: 'what a crap day' } };
    try {
      const result = await managers[name].request().invoke('tool_pre_invoke', payload);
      return result.payload.args.q === 'what a crud day' ? 'ok' : 'wrong answer';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const running = hands.map(async (name) => {
    while (!stopped) {
      const outcome = await call(name);
      counts[name][outcome] = (counts[name][outcome] ?? 0) + 1;
    }
  });
  return {
    counts,
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

const serialOf = (issued: Issued) => new X509Certificate(issued.certPem).serialNumber;

/** Waits until the server uses exactly these certificates. */
async function using(server: RunningServer, ...expected: readonly Issued[]): Promise<void> {
  const url = server.healthUrl?.replace('/health', '/metrics') ?? '';
  const wanted = expected.map(serialOf).sort();
  for (;;) {
    const page = await (await fetch(url)).text();
    const found = [...page.matchAll(/expiry_seconds\{.*serial="([0-9A-F]+)"/g)].map(([, serial]) => serial);
    if (JSON.stringify(found.sort()) === JSON.stringify(wanted)) return;
    await wait(20);
  }
}

it(
  '[O3] at full speed, while leaves, kinds of key and CAs change many times: no call fails but those of a revoked plugin',
  async () => {
    const folders = {
      First: await temporaryFolder(),
      Second: await temporaryFolder(),
      gateway: await temporaryFolder(),
    };
    let ca = await newCa();
    let leaves = {
      First: await pluginLeaf(ca, 'First'),
      Second: await pluginLeaf(ca, 'Second'),
      gateway: await gatewayLeaf(ca),
    };
    /** What every side holds: its own leaf, and these CAs with their revocation lists. */
    const spread = async (cas: readonly Issued[]) => {
      const crl = (await Promise.all(cas.map((one) => newCrl(one)))).join('');
      const sides = Object.keys(folders) as (keyof typeof folders)[];
      await Promise.all(
        sides.map((side) => put(folders[side], { ...filesOf(leaves[side], ...cas), 'ca.crl': crl })),
      );
    };
    await spread([ca]);
    const tls = (folder: string) => tlsBlock(folder, { crl_file: join(folder, 'ca.crl') });
    const server = (name: Name) =>
      startPluginServer({ tls: tls(folders[name]), plugins: [{ ...replaceBadWords, name }] });
    const servers = { First: await server('First'), Second: await server('Second') };
    const store = createCredentialStore({ log: silentLogger });
    const gateway = (name: Name) =>
      openGateway({ url: servers[name].url, name, tls: tls(folders.gateway), credentials: store });
    const managers = { First: await gateway('First'), Second: await gateway('Second') };
    /** A step is over when every side uses what it was given. */
    const reached = async (cas: readonly Issued[]) => {
      expect((await store.reload()).map(({ kind }) => kind)).not.toContain('refused');
      await Promise.all(plugins.map((name) => using(servers[name], leaves[name], ...cas)));
    };
    // Making an RSA key would take the time of many calls.
    const { keyPem } = await pluginLeaf(ca, 'Key', { keyType: 'rsa-4096' });
    const renew = async (issuer: Issued, keyType: KeyType) => {
      const key = keyType === 'rsa-4096' ? { keyPem } : { keyType };
      leaves = {
        First: await pluginLeaf(issuer, 'First', key),
        Second: await pluginLeaf(issuer, 'Second', key),
        gateway: await gatewayLeaf(issuer, key),
      };
    };

    const calls = load(managers, 8);
    let stopped = false;
    onTestFinished(() => (stopped ? undefined : calls.stop()));
    let changes = 0;
    const step = async (cas: readonly Issued[]) => {
      await spread(cas);
      await reached(cas);
      changes += 1;
    };
    for (const keyType of keyTypes) {
      await renew(ca, keyType);
      await step([ca]);
      // A new CA: both in every bundle, then leaves of the new one, then the old one goes.
      const next = await newCa();
      await step([ca, next]);
      await renew(next, 'ec-p256');
      await step([ca, next]);
      await step([next]);
      ca = next;
    }
    const before = structuredClone(calls.counts);

    await put(folders.gateway, { 'ca.crl': await newCrl(ca, [leaves.Second]) });
    await store.reload();
    const refused = await managers.Second.request()
      .invoke('tool_pre_invoke', { name: 'search', args: {} })
      .catch((error: { code: string }) => error.code);
    expect(refused).toBe('SALLY_TLS_REVOKED');
    await wait(300);
    stopped = true;
    await calls.stop();
    const { First, Second } = calls.counts;
    const counted = JSON.stringify({ before, after: { First, Second } });
    process.stdout.write(`\n${changes} changes of certificates and CAs, then one revocation: ${counted}\n`);
    expect(before).toEqual({ First: { ok: expect.any(Number) }, Second: { ok: expect.any(Number) } });
    expect(before.First['ok']).toBeGreaterThan(100);
    expect(Object.keys(First)).toEqual(['ok']);
    expect(Object.keys(Second).sort()).toEqual(['SALLY_TLS_REVOKED', 'ok']);
    // The second server saw handshakes that its client gave up. On a busy machine a pair may be met half written: it is kept out.
    expect(
      servers.First.log
        .filter(({ code }) => code?.startsWith('SALLY_TLS_'))
        .map(({ msg }) => msg)
        .filter((msg) => !msg?.startsWith('the certificates in use are kept: ')),
    ).toEqual([]);
  },
  patience(120_000),
);
