import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cert } from '../../support/certs.js';
import { temporaryFolder } from '../../support/folder.js';
import { errorOf } from '../../support/gateway.js';
import { serveModern, serveSessions } from '../../support/mcp-fixture.js';
import { httpUpstream, open, patient, reaches, sessionRequest, textOf } from '../../support/upstreams.js';

const tls = (name = 'client') => ({
  certfile: cert(`${name}.crt`),
  keyfile: cert(`${name}.key`),
  caBundle: cert('ca.crt'),
  verify: true,
  checkHostname: true,
});
const echo = { name: 'echo', arguments: { text: 'over TLS' } };

for (const [era, start] of [
  ['2025-11-25', serveSessions],
  ['2026-07-28', serveModern],
] as const) {
  it(`calls a server of ${era} behind mutual TLS`, async () => {
    const { url } = await start({ tls: true });
    const upstream = open(httpUpstream(url, { tls: tls() }));
    const session = await upstream.session(sessionRequest(), patient());
    expect(session.revision).toBe(era);
    expect(textOf(await session.request('tools/call', echo, { signal: patient() }))).toBe('over TLS');
  });
}

it('says which certificate is wrong where the handshake fails', async () => {
  const { url } = await serveModern({ tls: true });
  for (const [settings, text] of [
    [{ ...tls(), caBundle: cert('other-ca.crt') }, /CA/],
    [{ caBundle: cert('ca.crt'), verify: true, checkHostname: true }, /client certificate/],
    [tls('client-expired'), /expired/],
  ] as const) {
    const upstream = open(httpUpstream(url, { tls: settings }));
    const state = await reaches(upstream, 'down');
    expect(JSON.stringify(state)).toMatch(text);
    await upstream.close();
  }
});

it('trusts the roots of the system alone where no tls block says otherwise', async () => {
  const { url } = await serveModern({ tls: true });
  const upstream = open(httpUpstream(url));
  const state = await reaches(upstream, 'down');
  expect(state).toMatchObject({ reason: expect.stringContaining("no CA of this system's roots has signed") });
  const error = await errorOf(upstream.session(sessionRequest(), patient()));
  expect(error.remedy).toContain('give the upstream a tls block with ca_bundle');
  expect(error.message + error.remedy).not.toMatch(/this side's ca_bundle|certs\/mcp/);
});

it('says that a port may speak TLS where a URL without it is not answered', async () => {
  const { url } = await serveModern({ tls: true });
  const state = await reaches(open(httpUpstream(url.replace('https:', 'http:'))), 'down');
  expect(JSON.stringify(state)).toContain('where it speaks TLS, its url begins with https:');
});

it('takes new certificates when their files change', async () => {
  const folder = await temporaryFolder();
  const path = (file: string) => join(folder, file);
  const use = async (name: string) => {
    await copyFile(cert(`${name}.crt`), path('c.crt'));
    await copyFile(cert(`${name}.key`), path('c.key'));
  };
  await use('client-other-ca');
  const { url } = await serveModern({ tls: true });
  const own = { ...tls(), certfile: path('c.crt'), keyfile: path('c.key') };
  const upstream = open(httpUpstream(url, { tls: own }));
  await reaches(upstream, 'down');
  await use('client');
  expect(await reaches(upstream, 'up')).toMatchObject({ era: 'modern' });
});
