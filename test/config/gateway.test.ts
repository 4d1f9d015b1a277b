import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { external, invalid, parse, problems, warnings } from './helpers.js';

const url = 'https://localhost:8000/mcp';
const full = ['certfile: c.crt', 'keyfile: c.key', 'ca_bundle: ca.crt'];
const httpOf = (config: ReturnType<typeof parse>) => {
  const settings = config.plugins[0]?.mcp;
  return settings?.transport === 'http' ? settings : undefined;
};
const mcp = (text: string, env: Record<string, string> = {}) => httpOf(parse(text, { env }));
const variables = {
  PLUGINS_CLIENT_MTLS_CERTFILE: 'v.crt',
  PLUGINS_CLIENT_MTLS_KEYFILE: 'v.key',
  PLUGINS_CLIENT_MTLS_CA_BUNDLE: 'v-ca.crt',
};

describe('an external plugin', () => {
  it('[G1] takes url and tls from the file', () => {
    const config = parse(external(url, [...full, 'server_name: plugin.example', 'keyfile_password: "pw"']));
    expect(config.warnings).toEqual([]);
    expect(config.plugins[0]?.mcp).toEqual({
      transport: 'http',
      url: new URL(url),
      tls: {
        certfile: '/srv/app/c.crt',
        keyfile: '/srv/app/c.key',
        keyfilePassword: 'pw',
        caBundle: '/srv/app/ca.crt',
        verify: true,
        checkHostname: true,
        serverName: 'plugin.example',
      },
    });
  });

  it('[G6] lists hooks of the contract: one close to it is refused, and of any other it is said that nothing calls it', () => {
    const listing = (hook: string) =>
      `${external('http://localhost:8000/mcp')}    hooks: [tool_pre_invoke, ${hook}]\n`;
    expect(problems(listing('tool_post_invok'))).toEqual(['6:12 BAD_VALUE']);
    expect(invalid(listing('tool_post_invok')).message).toContain('plugins[0].hooks[1]');
    expect(warnings(parse(listing('theirs')))).toContain('BAD_VALUE');
    expect(warnings(parse(listing('tool_post_invoke')))).not.toContain('BAD_VALUE');
  });

  it('[G1] takes all of TLS from the variables', () => {
    const env = {
      ...variables,
      PLUGINS_CLIENT_MTLS_VERIFY: 'true',
      PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME: 'no',
    };
    expect(mcp(external(url), { ...env, PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD: 'pw' })?.tls).toEqual({
      certfile: '/srv/app/v.crt',
      keyfile: '/srv/app/v.key',
      keyfilePassword: 'pw',
      caBundle: '/srv/app/v-ca.crt',
      verify: true,
      checkHostname: false,
    });
  });

  it('[G1] a variable wins over YAML field by field', () => {
    const yaml = {
      certfile: '/y.crt',
      keyfile: '/y.key',
      caBundle: '/y-ca',
      keyfilePassword: 'y',
      verify: true,
      checkHostname: true,
      serverName: 'y',
    };
    const variable = {
      certfile: ['CERTFILE', '/v.crt', '/v.crt'],
      keyfile: ['KEYFILE', '/v.key', '/v.key'],
      caBundle: ['CA_BUNDLE', '/v-ca', '/v-ca'],
      keyfilePassword: ['KEYFILE_PASSWORD', 'v', 'v'],
      verify: ['VERIFY', '0', false],
      checkHostname: ['CHECK_HOSTNAME', 'off', false],
      serverName: ['SERVER_NAME', 'v', 'v'],
    } as const;
    const text = external(url, [
      'certfile: /y.crt',
      'keyfile: /y.key',
      'ca_bundle: /y-ca',
      'keyfile_password: y',
      'verify: true',
      'check_hostname: true',
      'server_name: y',
    ]);
    fc.assert(
      fc.property(fc.subarray(Object.keys(variable) as (keyof typeof variable)[]), (overridden) => {
        const env = overridden.map((name) => [`PLUGINS_CLIENT_MTLS_${variable[name][0]}`, variable[name][1]]);
        const expected = {
          ...yaml,
          ...Object.fromEntries(overridden.map((name) => [name, variable[name][2]])),
        };
        expect(mcp(text, Object.fromEntries(env))?.tls).toEqual(expected);
      }),
    );
  });

  it("[G1] the server's side leaves the variables of the gateway alone", () => {
    const env = { PLUGINS_CLIENT_MTLS_VERIFY: 'nonsense' };
    expect(httpOf(parse(external(url), { side: 'server', env }))?.tls).toEqual({
      verify: true,
      checkHostname: true,
    });
  });

  it.each([
    ['verify', 'verify: false', 'VERIFY_OFF'],
    ['check_hostname', 'check_hostname: false', 'HOSTNAME_CHECK_OFF'],
  ])('[G2] %s switched off is a warning that names the plugin', (_, line, code) => {
    const config = parse(external(url, [...full, line]));
    expect(warnings(config)).toEqual([code]);
    expect(config.warnings[0]?.message).toContain('"Remote"');
  });

  it('[G2] verify: false needs no ca_bundle', () => {
    const config = parse(external(url, ['verify: false']));
    expect(httpOf(config)?.tls).toEqual({ verify: false, checkHostname: true });
    expect(warnings(config)).toEqual(['NO_CLIENT_CERTIFICATE', 'VERIFY_OFF']);
  });

  it.each([
    ['https without a ca_bundle', external(url), '5:12 TLS_INCOMPLETE'],
    ['an empty tls block', external(url, [' ']), '6:7 TLS_INCOMPLETE'],
    ['a certfile without a keyfile', external(url, ['certfile: c', 'ca_bundle: a']), '7:19 TLS_INCOMPLETE'],
    ['a keyfile without a certfile', external(url, ['keyfile: c', 'ca_bundle: a']), '7:18 TLS_INCOMPLETE'],
    [
      'a password without a keyfile',
      external(url, ['keyfile_password: c', 'ca_bundle: a']),
      '7:27 TLS_INCOMPLETE',
    ],
    ['a tls block on an http URL', external('http://localhost:8000/mcp', full), '6:7 TLS_OVER_HTTP'],
    ['an empty tls block on an http URL', external('http://localhost:8000/mcp', [' ']), '6:7 TLS_OVER_HTTP'],
  ])('[G1] refuses %s', (_, text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  it('[G1] a half-given pair of variables points to the variable', () => {
    const env = { PLUGINS_CLIENT_MTLS_CERTFILE: 'c', PLUGINS_CLIENT_MTLS_CA_BUNDLE: 'a' };
    expect(problems(external(url), { env })).toEqual(['PLUGINS_CLIENT_MTLS_CERTFILE TLS_INCOMPLETE']);
  });

  it('[G1] variables on an http URL are a warning', () => {
    expect(warnings(parse(external('http://localhost:8000/mcp'), { env: variables }))).toEqual([
      'MTLS_VARIABLES_UNUSED',
    ]);
  });

  it.each(['http://localhost/mcp', 'http://127.0.0.2:1/mcp', 'http://[::1]:1/mcp', 'http://a.localhost/mcp'])(
    'http to this machine needs no warning: %s',
    (local) => expect(parse(external(`"${local}"`)).warnings).toEqual([]),
  );

  it('http to another machine is a warning', () => {
    const [warning] = parse(external('http://localhost.example:8000/mcp')).warnings;
    expect(warning?.message).toBe(
      'plugin "Remote": payloads travel unencrypted to localhost.example:8000, which is not this machine',
    );
  });

  it.each([
    ['https://localhost:8000', 'write https://localhost:8000/mcp'],
    ['https://localhost:8000?a=1', 'write https://localhost:8000/mcp?a=1'],
    ['localhost:8000/mcp', 'write https://localhost:8000/mcp'],
    ['/mcp', 'not an absolute http or https URL'],
    ['ftp://h/mcp', 'not an absolute http or https URL'],
    ['https://h:99999/mcp', 'not a valid URL'],
    ['"https://h/m cp"', 'not a valid URL'],
    ['https://h/mcp#x', 'write https://h/mcp'],
  ])('[G1] refuses the URL %s', (given, expected) => {
    expect(invalid(external(given, full)).message).toContain(expected);
  });

  it('[G1] refuses a URL with credentials, and does not show them', () => {
    const { message } = invalid(external('https://me:hunter2@h/mcp', full));
    expect(message).toContain('a URL holds no user name or password');
    expect(message).not.toContain('hunter2');
  });

  it('[G1] keeps the path as it is given', () => {
    expect(mcp(external('https://h/a/b?c=1', full))?.url.href).toBe('https://h/a/b?c=1');
    expect(mcp(external('https://h/', full))?.url.href).toBe('https://h/');
  });

  it.each([
    ['proto: SSE', '4:41 UNSUPPORTED'],
    ['proto: streamablehttp', '4:41 BAD_VALUE'],
    ['script: run.py', '4:42 TRANSPORT'],
    ['cmd: [run]', '4:39 TRANSPORT'],
    ['env: {A: 1}', '4:34 TRANSPORT'],
    ['cwd: /srv', '4:39 TRANSPORT'],
  ])('keys of another transport are an error: %s', (line, expected) => {
    const text = `plugins:\n  - name: A\n    kind: external\n    mcp: {url: "http://[::1]/p", ${line}}\n`;
    expect(problems(text)).toEqual([expected]);
  });

  const withMcp = (fields: string) => `plugins:\n  - name: A\n    kind: external\n    mcp: {${fields}}\n`;

  it.each([
    [
      'proto: STDIO, cmd: [node, server.js, -v], env: {A: 1, B: b}, cwd: sub',
      {
        command: 'node',
        args: ['server.js', '-v'],
        env: { A: '1', B: 'b' },
        cwd: '/srv/app/sub',
      },
    ],
    ['proto: STDIO, script: run.py', { command: 'python3', args: ['/srv/app/run.py'], env: {} }],
    ['proto: STDIO, script: /opt/run.sh', { command: 'sh', args: ['/opt/run.sh'], env: {} }],
    ['proto: STDIO, script: run.js', { command: process.execPath, args: ['/srv/app/run.js'], env: {} }],
  ])('STDIO starts a child process: %s', (fields, expected) => {
    expect(parse(withMcp(fields)).plugins[0]?.mcp).toEqual({ transport: 'stdio', ...expected });
  });

  it.each([
    ['proto: STDIO', '4:10 TRANSPORT'],
    ['proto: STDIO, cmd: []', '4:24 TRANSPORT'],
    ['proto: STDIO, cmd: [a], script: b.py', '4:34 TRANSPORT'],
    ['proto: STDIO, script: run.rb', '4:24 TRANSPORT'],
    ['proto: STDIO, cmd: [a], url: "http://[::1]/p"', '4:34 TRANSPORT'],
    ['proto: STDIO, cmd: [a], env: {A: [1]}', '4:34 WRONG_TYPE'],
    ['proto: STREAMABLEHTTP', '4:10 MISSING_KEY'],
  ])('STDIO and HTTP need what they need: %s', (fields, expected) => {
    expect(
      problems(withMcp(fields)).map((one) => one.replace(/^4:\d+/, expected.split(' ')[0] ?? '')),
    ).toEqual([expected]);
  });

  it('uds: a Unix domain socket in place of the host, with a URL or without', () => {
    const socketPath = '/run/p.sock';
    expect(parse(withMcp('uds: /run/p.sock')).plugins[0]?.mcp).toEqual({
      transport: 'uds',
      socketPath,
      url: new URL('http://localhost/mcp'),
    });
    const other = parse(withMcp('uds: /run/p.sock, url: "http://plugins/other"')).plugins[0]?.mcp;
    expect(other).toMatchObject({ transport: 'uds', url: new URL('http://plugins/other') });
  });

  it('uds with TLS is an error', () => {
    expect(problems(withMcp('uds: /run/p.sock, url: "https://h/mcp"'))).toEqual([
      expect.stringMatching(/TRANSPORT$/),
    ]);
    expect(problems(withMcp('uds: /run/p.sock, tls: {ca_bundle: ca.crt}'))).toEqual([
      expect.stringMatching(/TRANSPORT$/),
    ]);
  });

  it('accepts the keys of the contract that have no effect here', () => {
    const text =
      'plugin_dirs: [a]\nplugin_settings: {enable_plugin_api: true, plugin_health_check_interval: 5, parallel_execution_within_band: false}\n' +
      'plugins: [{name: A, kind: external, mcp: {url: "http://[::1]/p", reconnect_attempts: 3, reconnect_delay: 0.1, uds: null}}]';
    expect(parse(text).plugins).toHaveLength(1);
  });

  it.each([
    ['relative to the working directory', 'a/c', ['/srv/app/a/c', '/srv/app/conf/a/c'], '/srv/app/a/c'],
    ['relative to the file, where it exists only there', 'a/c', ['/srv/app/conf/a/c'], '/srv/app/conf/a/c'],
    ['relative to the working directory, where it exists nowhere', 'a/c', [], '/srv/app/a/c'],
    ['from home', '~/c', [], '/home/me/c'],
    ['absolute', '/x/../c', [], '/c'],
  ])('[G1] resolves a path %s', (_, path, existing, expected) => {
    const exists = (candidate: string) => existing.includes(candidate);
    const config = parse(external(url, [`ca_bundle: ${path}`]), { exists });
    expect(httpOf(config)?.tls?.caBundle).toBe(expected);
  });
});

describe('who the plugin server has to be', () => {
  const pin = `sha256/${'A'.repeat(43)}=`;
  const peers = ['identity: plugin', `pins: ["${pin}"]`, 'crl_file: ca.crl'];

  it('[O3] is in the tls block', () => {
    const expected = { identity: 'plugin', pins: [pin], crlFile: '/srv/app/ca.crl' };
    expect(mcp(external(url, [...full, ...peers]))?.tls).toMatchObject(expected);
    const env = { PLUGINS_CLIENT_MTLS_CRL_FILE: 'other.crl' };
    expect(mcp(external(url, [...full, ...peers]), env)?.tls?.crlFile).toBe('/srv/app/other.crl');
  });

  it('[O3] cannot be said where the server is not verified', () => {
    const found = problems(external(url, [...full, 'verify: false', ...peers]));
    expect(found.map((problem) => problem.split(' ').at(-1))).toEqual([
      'PEER_UNCHECKED',
      'PEER_UNCHECKED',
      'PEER_UNCHECKED',
    ]);
  });
});
