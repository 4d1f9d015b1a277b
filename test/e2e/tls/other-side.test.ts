import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Issued } from '../../../src/pki/index.js';
import { run } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { startGateway } from '../../support/gateway-run.js';
import { judgedBy } from '../../support/judges.js';
import { serveModern } from '../../support/mcp-fixture.js';
import { gatewayLeaf, newCa, newCrl } from '../../support/trust.js';
import { httpUpstream, open, patient, reaches, sessionRequest, textOf } from '../../support/upstreams.js';
import { leaf, resigned } from '../../tls/made.js';

const upstreams = { echo: { command: process.execPath, args: ['-e', 'process.stdin.resume()'] } };

/** Files of the test's own, by what they hold. */
async function files() {
  const folder = await temporaryFolder();
  const put = async (name: string, ...parts: readonly (string | Issued)[]) => {
    const path = join(folder, name);
    const text = parts.map((part) => (typeof part === 'string' ? part : part.certPem)).join('');
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const pair = async (name: string, issued: Issued, ...chain: readonly Issued[]) => ({
    certfile: await put(`${name}.crt`, issued, ...chain),
    keyfile: await put(`${name}.key`, issued.keyPem),
  });
  return { put, pair };
}

/** A public CA with an intermediate, and a private one. */
async function cas() {
  const [made, clients] = await Promise.all([newCa('Public Root'), newCa('Private CA')]);
  // Those that are made here may have no CA below them.
  const publicRoot = resigned(made, made, { ca: true });
  return { publicRoot, clients, middle: resigned(await newCa('Public Issuing CA'), publicRoot) };
}

describe('[S3] a gateway with a public certificate and clients of a private CA', () => {
  judgedBy('curl', 'openssl')(
    'lets those in whom the private CA vouches for, and shows its whole chain, over TLS 1.2 and 1.3',
    { timeout: 120_000 },
    async () => {
      const { put, pair } = await files();
      const { publicRoot, middle, clients } = await cas();
      const [good, bad] = [await gatewayLeaf(clients), await gatewayLeaf(clients)];
      const own = await pair('server', await leaf(middle), middle);
      const crl_file = await put('clients.crl', await newCrl(clients, [bad]));
      const root = await put('root.crt', publicRoot);
      const tls = { ...own, ca_bundle: await put('clients.crt', clients), crl_file };
      const gateway = await startGateway({
        gateway: { host: 'localhost', upstreams, tls, auth: { kind: 'mtls' } },
      });
      const shown: Record<string, Awaited<ReturnType<typeof pair>> | undefined> = {
        good: await pair('good', good),
        none: undefined,
        revoked: await pair('bad', bad),
        'of the public root': await pair('stranger', await gatewayLeaf(publicRoot)),
        'of the public issuer': await pair('other', await gatewayLeaf(middle), middle),
      };
      for (const version of ['1.2', '1.3']) {
        for (const [name, client] of Object.entries(shown)) {
          const certificate = client ? ['--cert', client.certfile, '--key', client.keyfile] : [];
          const { status, stdout } = await run('curl', [
            ...['-s', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', root, ...certificate],
            ...[`--tlsv${version}`, '--tls-max', version, gateway.url.replace('/mcp', '/health')],
          ]);
          if (name === 'good') expect([version, stdout]).toEqual([version, '200']);
          else expect([version, name, status === 0, stdout]).toEqual([version, name, false, '000']);
        }
      }
      const { certfile = '', keyfile = '' } = shown['good'] ?? {};
      const { stdout } = await run('sh', [
        '-c',
        `openssl s_client -connect localhost:${gateway.port} -servername localhost -CAfile ${root} -cert ${certfile} -key ${keyfile} -showcerts </dev/null`,
      ]);
      expect(stdout).toContain('Verify return code: 0 (ok)');
      expect(stdout.match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(2);
      const [, names = ''] =
        /Acceptable client certificate CA names\n([\s\S]*?)\nRequested/.exec(stdout) ?? [];
      expect(names.split('\n')).toEqual([expect.stringContaining('Private CA')]);
    },
  );
});

describe('[G1] an upstream whose CA is not that of our client certificate', () => {
  const serving = async () => {
    const made = await files();
    const { publicRoot, middle, clients } = await cas();
    const server = await leaf(middle);
    const cert = server.certPem + middle.certPem;
    const { url } = await serveModern({ tls: { cert, key: server.keyPem, ca: clients.certPem } });
    const own = await made.pair('client', await gatewayLeaf(clients));
    return { ...made, url, own, publicRoot, middle, clients };
  };
  const checked = { verify: true, checkHostname: true, anyIssuer: true } as const;
  const echo = { name: 'echo', arguments: { text: 'over two CAs' } };
  const called = async (url: string, tls: object) => {
    const upstream = open(httpUpstream(url, { tls: { ...checked, ...tls } }));
    const session = await upstream.session(sessionRequest(), patient());
    return textOf(await session.request('tools/call', echo, { signal: patient() }));
  };

  it('is called, and its certificate judged by its own CA alone', async () => {
    const { url, own, put, publicRoot, clients } = await serving();
    expect(await called(url, { ...own, caBundle: await put('root.crt', publicRoot) })).toBe('over two CAs');
    const wrong = { ...checked, ...own, caBundle: await put('clients.crt', clients) };
    const state = await reaches(open(httpUpstream(url, { tls: wrong })), 'down');
    expect(state).toMatchObject({ code: 'SALLY_UPSTREAM_DOWN' });
    expect(JSON.stringify(state)).toContain('no CA of this side');
  });

  it('is called where its bundle holds the intermediate alone, and partial_chain says so', async () => {
    const { url, own, put, middle } = await serving();
    const caBundle = await put('middle.crt', middle);
    expect(await called(url, { ...own, caBundle, partialChain: true })).toBe('over two CAs');
    const crlFile = await put('middle.crl', await newCrl(middle));
    expect(await called(url, { ...own, caBundle, crlFile, partialChain: true })).toBe('over two CAs');
    const refused = open(httpUpstream(url, { tls: { ...checked, ...own, caBundle } }));
    await reaches(refused, 'down');
    const error = await errorOf(refused.session(sessionRequest(), patient()));
    expect(error.remedy).toContain('partial_chain: true');
  });

  it('is told of partial_chain where its intermediate stands in a bundle beside another root', async () => {
    const { url, own, put, middle, clients } = await serving();
    const caBundle = await put('mixed.crt', clients, middle);
    const upstream = open(httpUpstream(url, { tls: { ...checked, ...own, caBundle } }));
    await reaches(upstream, 'down');
    const error = await errorOf(upstream.session(sessionRequest(), patient()));
    expect(error.remedy).toContain('partial_chain: true');
    expect(await called(url, { ...own, caBundle, partialChain: true })).toBe('over two CAs');
  });

  it.each(['1.2', '1.3'])(
    'is called by a client certificate of ours beside the roots of the system, over TLS %s',
    async (version) => {
      const { url, own, put, publicRoot } = await serving();
      const file = (more: object) => ({
        gateway: { upstreams: { far: { url, tls: { ca: 'system', ...own, ...more } } } },
      });
      const NODE_OPTIONS = `--tls-max-v${version}`;
      const trusting = { NODE_EXTRA_CA_CERTS: await put('root.crt', publicRoot), NODE_OPTIONS };
      const up = await startGateway(file({}), { env: trusting });
      expect(up.log.find(({ msg }) => msg.startsWith("connected to the upstream 'far'"))).toBeDefined();
      const foreign = await startGateway(file({}), { env: { NODE_OPTIONS } });
      const refused = foreign.log.find(({ code }) => code === 'SALLY_UPSTREAM_DOWN');
      expect(refused?.msg).toContain("no CA of this system's roots has signed");
      const named = await startGateway(file({ server_name: 'elsewhere.example' }), { env: trusting });
      expect(named.log.map(({ msg }) => msg).join()).toContain('not valid for');
    },
  );
});
