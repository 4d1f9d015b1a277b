import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Agent, fetch as undiciFetch } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/log.js';
import { type Credentials, createCredentialStore } from '../../../src/tls/index.js';
import { openGateway } from '../../support/gateway.js';
import { everything, firstText, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { replaceBadWords, startPluginServer } from '../../support/plugin-server.js';
import { workplace } from '../certs/run.js';

const certificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const serials = (file: string) =>
  (readFileSync(file, 'utf8').match(certificate) ?? []).map((pem) => new X509Certificate(pem).serialNumber);

/** A `fetch` with the client certificate and the CAs of `credentials`, as they are at the time of each call. */
function fetchWith(credentials: Credentials): typeof fetch {
  let made: { readonly version: number; readonly agent: Agent } | undefined;
  return ((input: string | URL, init?: object) => {
    const { version, context } = credentials.current();
    if (made?.version !== version) {
      void made?.agent.close();
      made = { version, agent: new Agent({ connect: { secureContext: context } as object }) };
    }
    return undiciFetch(input, { ...init, dispatcher: made.agent } as never);
  }) as unknown as typeof fetch;
}

/** What came of calls that are made one after another, `atOnce` at a time, until it is stopped. */
function load(calls: Readonly<Record<string, () => Promise<string | undefined>>>, atOnce: number) {
  const counts: Record<string, Record<string, number>> = {};
  let stopped = false;
  const running = Object.entries(calls).flatMap(([name, call]) => {
    const own: Record<string, number> = {};
    counts[name] = own;
    return Array.from({ length: atOnce }, async () => {
      while (!stopped) {
        const outcome = await call().then(
          (text) => (text === undefined ? 'no answer' : /crud/.test(text) ? 'ok' : text),
          (error: { code?: string; message: string }) => error.code ?? error.message,
        );
        own[outcome] = (own[outcome] ?? 0) + 1;
      }
    });
  });
  return {
    counts,
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

it(
  '[O3] the commands renew, replace the CA and revoke below two plugin servers and a gateway under load: no call fails but those of the revoked plugin',
  async () => {
    const { certs: run, path } = workplace();
    const certs = async (...args: string[]) => {
      const { status, out, err } = await run(args);
      expect({ args, status, err }).toEqual({ args, status: 0, err: '' });
      return out;
    };
    for (const args of [['gateway'], ['plugin', 'First'], ['plugin', 'Second'], ['plugin', 'Entrance']])
      await certs(...args, '--key', 'ec-p256');
    await certs('crl');

    const folder = (name: string) => path('certs/mcp', name === 'gateway' ? name : `plugins/${name}`);
    const files = (name: string) => {
      const own = name === 'gateway' ? 'client' : 'server';
      return {
        certfile: `${folder(name)}/${own}.crt`,
        keyfile: `${folder(name)}/${own}.key`,
        ca_bundle: `${folder(name)}/ca.crt`,
        crl_file: `${folder(name)}/ca.crl`,
      };
    };
    const serve = (name: string) =>
      startPluginServer({ tls: files(name), plugins: [{ ...replaceBadWords, name }] });
    const [first, second] = [await serve('First'), await serve('Second')];
    const external = (name: string, url: string) => ({
      name,
      kind: 'external',
      mcp: { proto: 'STREAMABLEHTTP', url, tls: files('gateway') },
    });
    const gateway = await startGateway({
      plugins: [external('First', first.url)],
      gateway: {
        host: 'localhost',
        upstreams: { one: everything },
        tls: { ...files('Entrance'), ssl_cert_reqs: 2 },
        auth: { kind: 'mtls', users: [{ match: 'URI:spiffe://*/gateway', user: 'load' }] },
      },
    });
    const store = createCredentialStore({ log: silentLogger });
    const manager = (name: string, url: string) =>
      openGateway({ url, name, tls: files('gateway'), credentials: store });
    const managers = {
      First: await manager('First', first.url),
      Second: await manager('Second', second.url),
    };
    const { certfile, keyfile, ca_bundle: caBundle, crl_file: crlFile } = files('gateway');
    const own = await store.open({ certfile, keyfile, caBundle, crlFile }, 'client');
    onTestFinished(() => own.close());
    const client = new Client({ name: 'load', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url), { fetch: fetchWith(own) }));
    onTestFinished(() => client.close().catch(() => {}));

    const hook = (name: 'First' | 'Second') => async () => {
      const payload = { name: 'search', args: { q: 'what a crap day' } };
      const result = await managers[name].request().invoke('tool_pre_invoke', payload);
      return result.payload.args.q;
    };
    const echo = { name: 'echo', arguments: { message: 'what a crap day' } };
    const calls = load(
      {
        'hooks of First': hook('First'),
        'hooks of Second': hook('Second'),
        'calls through the gateway': async () => firstText(await client.callTool(echo)),
      },
      4,
    );
    let over = false;
    onTestFinished(() => (over ? undefined : calls.stop()));

    /** Every process uses what is in its folder now. */
    const reached = async () => {
      const sides = [
        [first.healthUrl, ['First']],
        [second.healthUrl, ['Second']],
        [gateway.healthUrl, ['gateway', 'Entrance']],
      ] as const;
      for (const [url, names] of sides) {
        const wanted = names.flatMap((name) => [
          ...serials(files(name).certfile),
          ...serials(files(name).ca_bundle),
        ]);
        for (;;) {
          const page = await (await fetch(url?.replace('/health', '/metrics') ?? '')).text();
          const used = [...page.matchAll(/expiry_seconds\{.*serial="([0-9A-F]+)"/g)].map(
            ([, serial]) => serial,
          );
          if (JSON.stringify(used.sort()) === JSON.stringify(wanted.sort())) break;
          await wait(50);
        }
      }
      expect((await store.reload()).map(({ kind }) => kind)).not.toContain('refused');
    };
    let commands = 0;
    const step = async (...args: string[]) => {
      await certs(...args);
      await reached();
      commands += 1;
    };
    await step('renew', '--all', '--force');
    await step('renew', '--all', '--force', '--key', 'ed25519');
    await step('ca-rotate', 'prepare', '--key', 'ec-p384');
    await step('ca-rotate', 'undo');
    await step('ca-rotate', 'prepare');
    await step('ca-rotate', 'activate', '--key', 'ec-p256');
    await step('ca-rotate', 'undo');
    await step('ca-rotate', 'activate');
    await step('renew', 'First', '--force');
    await step('crl', '--force');
    await step('ca-rotate', 'retire');
    await step('renew', '--all', '--force');
    const before = structuredClone(calls.counts);

    await certs('revoke', 'Second', '--reason', 'keyCompromise');
    await store.reload();
    await expect(hook('Second')()).rejects.toMatchObject({ code: 'SALLY_TLS_REVOKED' });
    await wait(300);
    over = true;
    await calls.stop();
    process.stdout.write(
      `\n${commands} commands under load, then one revocation: ${JSON.stringify({ before, after: calls.counts })}\n`,
    );
    for (const outcomes of Object.values(before)) {
      expect(outcomes).toEqual({ ok: expect.any(Number) });
      expect(outcomes['ok']).toBeGreaterThan(20);
    }
    const { 'hooks of Second': revoked = {}, ...others } = calls.counts;
    expect(Object.keys(revoked).sort()).toEqual(['SALLY_TLS_REVOKED', 'ok']);
    for (const outcomes of Object.values(others)) expect(Object.keys(outcomes)).toEqual(['ok']);
    // A slow disk may show a folder between two of its files: that is kept, said, and mended. Nobody is refused by it.
    const refused = [...first.log, ...gateway.log].filter(
      ({ code, msg }) => code !== undefined && !msg.startsWith('the certificates in use are kept'),
    );
    expect(refused.map(({ code, msg }) => `${code} ${msg}`)).toEqual([]);
    expect(existsSync(path('certs/mcp/ca/previous'))).toBe(false);
    expect(readdirSync(folder('First')).sort()).toEqual(['ca.crl', 'ca.crt', 'server.crt', 'server.key']);
  },
  patience(180_000),
);
