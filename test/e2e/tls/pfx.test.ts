import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { cert } from '../../support/certs.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { callTool, openGateway } from '../../support/gateway.js';
import { judgedBy } from '../../support/judges.js';
import { startPluginServer, writeConfig } from '../../support/plugin-server.js';
import { openssl } from '../../tls/made.js';

const packed = async (name: string, more = '') => {
  const folder = await temporaryFolder();
  const path = join(folder, `${name}.p12`);
  await openssl(
    folder,
    `pkcs12 -export -in ${cert(`${name}.crt`)} -inkey ${cert(`${name}.key`)} -out ${path} -passout pass:secret ${more}`,
  );
  return path;
};

judgedBy('openssl')(
  '[S1,G1,S4] both ends of a plugin connection take PKCS #12, from the file and from a variable',
  async () => {
    const server = await startPluginServer({
      tls: { ca_bundle: cert('ca.crt') },
      env: {
        PLUGINS_SERVER_SSL_PFX: await packed('server'),
        PLUGINS_SERVER_SSL_KEYFILE_PASSWORD: 'secret',
      },
    });
    const password = join(await temporaryFolder(), 'password');
    await writeFile(password, 'secret\n', { mode: 0o600 });
    const tls = {
      pfx: await packed('client'),
      keyfile_password_file: password,
      ca_bundle: cert('ca.crt'),
    };
    expect(await callTool(await openGateway({ url: server.url, tls }))).toBe('what a crud day');
    // A variable wins over the pair that the file names.
    const env = { PLUGINS_CLIENT_MTLS_PFX: tls.pfx, PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD: 'secret' };
    const pair = { certfile: '/nowhere.crt', keyfile: '/nowhere.key', ca_bundle: cert('ca.crt') };
    expect(await callTool(await openGateway({ url: server.url, tls: pair, env }))).toBe('what a crud day');
  },
);

judgedBy('openssl')(
  '[O2,C7] doctor, serve and certs check say the same of a file of PKCS #12',
  { timeout: 60_000 },
  async () => {
    const old = await packed('server', '-legacy');
    const config = await writeConfig({
      plugins: [],
      server_settings: {
        tls: { pfx: old, keyfile_password: 'secret', ca_bundle: cert('ca.crt') },
      },
    });
    const said = await Promise.all([
      sallyport(['doctor', config]),
      sallyport(['serve', '--config', config, '--port', '0']),
      sallyport(['certs', 'check', old], { env: { MCP_CERT_PFX_PASSWORD: 'secret' } }),
    ]);
    for (const { stdout, stderr, status } of said) {
      // The doctor breaks its lines.
      const text = (stdout + stderr).replace(/\s+/g, ' ');
      expect(text).toContain('is encrypted with RC2-40, which is given up as too weak');
      expect(text).toContain('openssl pkcs12 -legacy');
      expect(status).not.toBe(0);
      expect(text).not.toContain('secret');
    }
    const good = await packed('client');
    const checked = await sallyport(['certs', 'check', good, cert('ca.crt'), cert('client-expired.crt')], {
      env: { MCP_CERT_PFX_PASSWORD: 'secret' },
    });
    expect(checked.stdout).toMatch(/client\.p12: .* 59 days left {2}ok\n/);
    expect(checked.stdout).toMatch(/ca\.crt: .* 89 days left {2}ok\n/);
    expect(checked.stdout).toMatch(/client-expired\.crt: .* ago .* expired\n/);
    expect(checked.status).toBe(1);
    const without = await sallyport(['certs', 'check', good]);
    expect(without.stdout).toContain('MCP_CERT_PFX_PASSWORD');
  },
);

judgedBy('openssl')(
  '[S7,G1] a pfx beside a pair of files, or without a CA, is an error with what to do',
  async () => {
    const pfx = await packed('server');
    const serve = async (tls: object) => {
      const config = await writeConfig({ plugins: [], server_settings: { tls } });
      const { stderr, status } = await sallyport(['serve', '--config', config, '--port', '0']);
      expect(status).toBe(3);
      return stderr;
    };
    const both = {
      pfx,
      certfile: cert('server.crt'),
      keyfile: cert('server.key'),
      ca_bundle: cert('ca.crt'),
    };
    expect(await serve(both)).toContain('pfx is in place of certfile and keyfile, and both are given');
    expect(await serve({ pfx })).toContain('ca_bundle is missing');
  },
);
