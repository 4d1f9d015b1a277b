import { once } from 'node:events';
import { cp, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { run, sallyport, start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';

const root = resolve(import.meta.dirname, '../../..');

/** The project's own plugin files, with RSA 4096 certificates as `make certs-mcp-all` makes them. */
async function deployed() {
  const cwd = await temporaryFolder();
  await mkdir(join(cwd, 'plugins'));
  await cp(join(root, 'plugins'), join(cwd, 'plugins'), { recursive: true });
  expect(await sallyport(['certs', 'all'], { cwd })).toMatchObject({ status: 0 });
  const server = start(['serve', '--port', '0'], {
    cwd,
    env: {
      PLUGINS_CONFIG_PATH: 'plugins/test.mtls.yaml',
      PLUGINS_SERVER_HOST: 'localhost',
      LOG_FORMAT: 'json',
    },
  });
  const [line] = (await once(createInterface({ input: server.stderr as NodeJS.ReadableStream }), 'line')) as [
    string,
  ];
  const { port, url } = JSON.parse(line) as { port: number; url: string };
  const shell = (command: string) => run('bash', ['-c', command.replaceAll('8000', String(port))], { cwd });
  return { cwd, url, shell };
}

judgedBy('openssl', 'curl')('[O1,C4,C5] the six security-validation commands', async () => {
  const { cwd, shell } = await deployed();

  expect(await sallyport(['certs', 'check'], { cwd })).toMatchObject({ status: 0 });

  const keys = await shell('find certs/mcp -name "*.key" -exec ls -la {} \\;');
  expect(
    keys.stdout
      .trim()
      .split('\n')
      .map((line) => line.slice(0, 10)),
  ).toEqual(Array(3).fill('-rw-------'));

  const verified = await shell('openssl verify -CAfile certs/mcp/ca/ca.crt certs/mcp/gateway/client.crt');
  expect(verified).toMatchObject({ status: 0, stdout: 'certs/mcp/gateway/client.crt: OK\n' });

  expect((await shell('openssl s_client -connect localhost:8000 -tls1_1 < /dev/null')).status).not.toBe(0);

  const withCertificate = await shell(`curl -sS --cert certs/mcp/gateway/client.pem \\
    --cacert certs/mcp/gateway/ca.crt \\
    https://localhost:8000/health`);
  expect(withCertificate).toMatchObject({ status: 0, stdout: '{"status":"healthy"}\n' });

  const without = await shell('curl -sS --cacert certs/mcp/gateway/ca.crt https://localhost:8000/health');
  expect(without.status).not.toBe(0);
  expect(without.stdout).toBe('');

  const text = await shell('openssl x509 -in certs/mcp/ca/ca.crt -noout -text');
  expect(text.stdout).toMatch(/Public-Key: \(4096 bit\)/);
  expect(text.stdout).toContain('sha256WithRSAEncryption');
});

judgedBy('openssl')(
  '[G1,G3,S1] the gateway files call the plugin server, by name and by address',
  async () => {
    const { cwd, url } = await deployed();
    const port = new URL(url).port;
    const call = (file: string, env: Record<string, string> = {}) =>
      sallyport(
        [
          'invoke',
          'tool_pre_invoke',
          '--config',
          file,
          '--plugin',
          'ReplaceBadWordsPlugin',
          '--json',
          '--payload',
          '{"name":"t","args":{"q":"crap"}}',
        ],
        { cwd, env },
      );
    const at = async (file: string, host: string) => {
      await run('sed', ['-i', `s#https://[^/]*/mcp#https://${host}:${port}/mcp#`, file], { cwd });
      return file;
    };

    // As it stands: the address, with check_hostname false.
    const byAddress = await call(await at('plugins/external/config-client.yaml', '127.0.0.1'));
    expect(byAddress).toMatchObject({ status: 0, stdout: expect.stringContaining('yikes') });
    expect(byAddress.stderr).toContain('SALLY_CONFIG_HOSTNAME_CHECK_OFF');

    // The variables alone.
    const variables = {
      PLUGINS_CLIENT_MTLS_CERTFILE: 'certs/mcp/gateway/client.crt',
      PLUGINS_CLIENT_MTLS_KEYFILE: 'certs/mcp/gateway/client.key',
      PLUGINS_CLIENT_MTLS_CA_BUNDLE: 'certs/mcp/gateway/ca.crt',
      PLUGINS_CLIENT_MTLS_VERIFY: 'true',
      PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME: 'true',
    };
    const file = await at('plugins/external/config.yaml', 'localhost');
    expect(await call(file, variables)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('yikes'),
      stderr: '',
    });

    const mismatch = await call(await at(file, '127.0.0.1'), variables);
    expect(mismatch.status).toBe(3);
    expect(mismatch.stderr).toContain("IP address mismatch, certificate is not valid for '127.0.0.1'");
  },
);
