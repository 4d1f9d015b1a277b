import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { opened, startWatched, stateWhere } from '../../support/console.js';
import { everything } from '../../support/gateway-run.js';
import { replaceBadWords, startPluginServer } from '../../support/plugin-server.js';
import { workplace } from '../certs/run.js';

const gateway = { upstreams: { everything } };

/** Certificates of a gateway and one plugin, in a folder of the test's own. */
async function certificates() {
  const { certs: run, path, cwd } = workplace();
  const certs = async (...args: string[]) => {
    const { status, err } = await run(args);
    expect({ args, status, err }).toEqual({ args, status: 0, err: '' });
  };
  for (const args of [['gateway'], ['plugin', 'Guard']]) await certs(...args, '--key', 'ec-p256');
  await certs('crl');
  const files = (folder: string, own: string) => ({
    certfile: path('certs/mcp', folder, `${own}.crt`),
    keyfile: path('certs/mcp', folder, `${own}.key`),
    ca_bundle: path('certs/mcp', folder, 'ca.crt'),
    crl_file: path('certs/mcp', folder, 'ca.crl'),
  });
  return { certs, cwd, client: files('gateway', 'client'), server: files('plugins/Guard', 'server') };
}

describe('the page shows what changes', () => {
  it('of certificates: one that is renewed, and a plugin that is revoked', { timeout: 120_000 }, async () => {
    const { certs, client, server } = await certificates();
    const plugins = await startPluginServer({
      tls: server,
      plugins: [{ ...replaceBadWords, name: 'Guard' }],
    });
    const external = {
      name: 'Guard',
      kind: 'external',
      mcp: { proto: 'STREAMABLEHTTP', url: plugins.url, tls: client },
    };
    const { page, link } = await startWatched({ plugins: [external], gateway });
    const session = await opened(link);
    const before = await stateWhere(page, session, ({ plugins: [guard] }) => guard?.state === 'ready');
    expect(before.certificates.map(({ role, verdict }) => [role, verdict])).toEqual([
      ['CA', 'ok'],
      ['gateway', 'ok'],
      ['plugin Guard', 'ok'],
    ]);
    const endOf = ({ certificates }: typeof before) =>
      certificates.find(({ role }) => role === 'gateway')?.notBefore;

    await certs('renew', 'gateway', '--force');
    await stateWhere(page, session, (state) => endOf(state) !== endOf(before));

    await certs('revoke', 'Guard');
    const after = await stateWhere(page, session, ({ plugins: [guard] }) => guard?.state === 'unreachable');
    expect(after.plugins).toMatchObject([{ name: 'Guard', error: expect.stringContaining('revoked') }]);
    expect(after.certificates).toContainEqual(
      expect.objectContaining({
        role: 'plugin Guard',
        verdict: 'revoked',
        level: 'error',
        remedy: expect.any(String),
      }),
    );
  });

  it('of an upstream over HTTP that dies, though nobody calls it', { timeout: 60_000 }, async () => {
    const upstream = await startPluginServer({ tls: null });
    const { page, link } = await startWatched({ gateway: { upstreams: { far: { url: upstream.url } } } });
    const session = await opened(link);
    await stateWhere(page, session, ({ upstreams: [far] }) => far?.state === 'up');
    upstream.child.kill('SIGKILL');
    await once(upstream.child, 'exit');
    const { upstreams } = await stateWhere(page, session, ({ upstreams: [far] }) => far?.state === 'down');
    expect(upstreams).toMatchObject([{ error: expect.any(String), remedy: expect.any(String), calls: 0 }]);
  });

  it('by an event stream, as it comes', { timeout: 60_000 }, async () => {
    const { url, page, link } = await startWatched({ gateway });
    const session = await opened(link);
    const { body } = await fetch(new URL('events', page), { headers: session });
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    await fetch(url, { method: 'POST', headers: { Origin: 'https://elsewhere.example' }, body: '{}' });
    let text = '';
    while (!/event: decision\ndata: \[.*"http_403"/.test(text) || !text.includes('event: state\n')) {
      const { value, done } = await reader.read();
      if (done) throw new Error(text);
      text += new TextDecoder().decode(value);
    }
    await reader.cancel();
    const [state = ''] = text.match(/(?<=event: state\ndata: ).*/) ?? [];
    expect(JSON.parse(state)).not.toHaveProperty('configuration');
  });

  it('of what the doctor finds', { timeout: 120_000 }, async () => {
    const { page, link } = await startWatched({ gateway });
    const { doctor } = await stateWhere(
      page,
      await opened(link),
      (state) => state.doctor.at !== null,
      60_000,
    );
    expect(doctor.findings.map(({ level }) => level)).toContain('ok');
    expect(doctor.findings.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
