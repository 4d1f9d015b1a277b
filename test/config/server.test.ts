import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invalid, parse, problems, serving, warnings } from './helpers.js';

const tls = ['certfile: s.crt', 'keyfile: s.key', 'ca_bundle: ca.crt'];
const server = (text: string, env: Record<string, string> = {}) => parse(text, { side: 'server', env });
const failing = (text: string, env: Record<string, string> = {}) => problems(text, { side: 'server', env });
const allTls = {
  PLUGINS_SERVER_SSL_CERTFILE: 'v.crt',
  PLUGINS_SERVER_SSL_KEYFILE: 'v.key',
  PLUGINS_SERVER_SSL_CA_CERTS: 'v-ca.crt',
};

describe('the plugin server', () => {
  it('[S2] has defaults', () => {
    expect(server('plugins: []').server).toEqual({ transport: 'http', host: '127.0.0.1', port: 8000 });
  });

  it('[S2] takes host, port and tls from the file', () => {
    const text = serving(
      ['host: 0.0.0.0', 'port: 8443'],
      [...tls, 'ssl_cert_reqs: 1', 'keyfile_password: "pw"'],
    );
    expect(server(text).server).toEqual({
      transport: 'http',
      host: '0.0.0.0',
      port: 8443,
      tls: {
        certfile: '/srv/app/s.crt',
        keyfile: '/srv/app/s.key',
        keyfilePassword: 'pw',
        caBundle: '/srv/app/ca.crt',
        sslCertReqs: 1,
      },
    });
  });

  it('[S2] takes all from the variables', () => {
    const env = {
      PLUGINS_SERVER_HOST: '::1',
      PLUGINS_SERVER_PORT: '9443',
      PLUGINS_SERVER_SSL_ENABLED: 'true',
      ...allTls,
      PLUGINS_SERVER_SSL_CERT_REQS: '1',
      PLUGINS_SERVER_SSL_KEYFILE_PASSWORD: 'pw',
    };
    expect(server('plugins: []', env).server).toEqual({
      transport: 'http',
      host: '::1',
      port: 9443,
      tls: {
        certfile: '/srv/app/v.crt',
        keyfile: '/srv/app/v.key',
        keyfilePassword: 'pw',
        caBundle: '/srv/app/v-ca.crt',
        sslCertReqs: 1,
      },
    });
  });

  it('[S2] a variable wins over YAML field by field', () => {
    const yaml = {
      host: 'yaml.host',
      port: 8001,
      certfile: '/yaml.crt',
      keyfile: '/yaml.key',
      caBundle: '/yaml-ca.crt',
      keyfilePassword: 'yaml',
      sslCertReqs: 2,
    };
    const variable = {
      host: ['PLUGINS_SERVER_HOST', 'var.host', 'var.host'],
      port: ['PLUGINS_SERVER_PORT', '8002', 8002],
      certfile: ['PLUGINS_SERVER_SSL_CERTFILE', '/var.crt', '/var.crt'],
      keyfile: ['PLUGINS_SERVER_SSL_KEYFILE', '/var.key', '/var.key'],
      caBundle: ['PLUGINS_SERVER_SSL_CA_CERTS', '/var-ca.crt', '/var-ca.crt'],
      keyfilePassword: ['PLUGINS_SERVER_SSL_KEYFILE_PASSWORD', 'var', 'var'],
      sslCertReqs: ['PLUGINS_SERVER_SSL_CERT_REQS', '1', 1],
    } as const;
    const text = serving(
      ['host: yaml.host', 'port: 8001'],
      [
        'certfile: /yaml.crt',
        'keyfile: /yaml.key',
        'ca_bundle: /yaml-ca.crt',
        'keyfile_password: "yaml"',
        'ssl_cert_reqs: 2',
      ],
    );
    const names = Object.keys(variable) as (keyof typeof variable)[];
    fc.assert(
      fc.property(fc.subarray(names), fc.constantFrom('true', undefined), (overridden, enabled) => {
        const env = Object.fromEntries(overridden.map((name) => [variable[name][0], variable[name][1]]));
        const expected = {
          ...yaml,
          ...Object.fromEntries(overridden.map((name) => [name, variable[name][2]])),
        };
        const { server } = parse(text, {
          side: 'server',
          env: { ...env, PLUGINS_SERVER_SSL_ENABLED: enabled },
        });
        expect({ host: server.host, port: server.port, ...server.tls }).toEqual(expected);
      }),
    );
  });

  it('[S2] an empty variable counts as not set', () => {
    const env = { PLUGINS_SERVER_PORT: '', PLUGINS_SERVER_SSL_ENABLED: '', PLUGINS_SERVER_SSL_CERTFILE: '' };
    expect(server(serving(['port: 8001']), env).server).toEqual({
      transport: 'http',
      host: '127.0.0.1',
      port: 8001,
    });
  });

  it("[S2] the gateway's side leaves the variables of the server alone", () => {
    expect(parse('plugins: []', { env: { PLUGINS_SERVER_PORT: 'nonsense', ...allTls } }).server.port).toBe(
      8000,
    );
  });

  it('[S2] PLUGINS_SERVER_SSL_ENABLED=false turns the tls block off, and a warning says so', () => {
    const config = server(serving(['port: 8001'], tls), { PLUGINS_SERVER_SSL_ENABLED: 'False' });
    expect(config.server.tls).toBeUndefined();
    expect(warnings(config)).toEqual(['TLS_TURNED_OFF']);
    expect(config.warnings[0]?.message).toContain('conf/p.yaml:4:3');
  });

  it('[S7] half a tls block is an error that names what is missing', () => {
    const { message } = invalid(serving(['port: 8001'], ['certfile: s.crt']), { side: 'server' });
    expect(message).toContain(
      'conf/p.yaml:4:3  the plugin server: TLS is asked for, with ssl_cert_reqs 2, but keyfile and ca_bundle are missing',
    );
  });

  it('[S7] variables complete half a tls block', () => {
    const text = serving(['port: 8001'], ['certfile: s.crt', 'ssl_cert_reqs: 0']);
    expect(server(text, { PLUGINS_SERVER_SSL_KEYFILE: 'v.key' }).server.tls).toEqual({
      certfile: '/srv/app/s.crt',
      keyfile: '/srv/app/v.key',
      sslCertReqs: 0,
    });
  });

  it.each([
    ['an empty block', serving(['tls:']), {}, '3:3 TLS_INCOMPLETE'],
    ['an empty map', serving(['tls: {}']), {}, '3:3 TLS_INCOMPLETE'],
    ['a block that is no map', serving(['tls: true']), {}, '3:8 WRONG_TYPE'],
    [
      'SSL_ENABLED alone',
      'plugins: []',
      { PLUGINS_SERVER_SSL_ENABLED: '1' },
      'PLUGINS_SERVER_SSL_ENABLED TLS_INCOMPLETE',
    ],
    ['variables without SSL_ENABLED', 'plugins: []', allTls, 'PLUGINS_SERVER_SSL_KEYFILE TLS_UNDECIDED'],
    [
      'a password without a key',
      serving(['tls: {keyfile_password: "x", certfile: c, ca_bundle: a}']),
      {},
      '3:3 TLS_INCOMPLETE',
    ],
    ['ssl_cert_reqs 3', serving(['port: 1'], [...tls, 'ssl_cert_reqs: 3']), {}, '8:20 BAD_VALUE'],
    [
      'ssl_cert_reqs 1 without a ca_bundle',
      serving(['port: 1'], ['certfile: c', 'keyfile: k', 'ssl_cert_reqs: 1']),
      {},
      '4:3 TLS_INCOMPLETE',
    ],
    ['port + 1000 out of range', serving(['port: 64536'], tls), {}, '3:9 HEALTH_PORT'],
  ])('[S7] refuses %s', (_, text, env, expected) => {
    expect(failing(text, env)).toEqual([expected]);
  });

  it('takes the highest port that leaves room for health', () => {
    expect(server(serving(['port: 64535'], tls)).server.port).toBe(64535);
    expect(server(serving(['port: 65535'])).server.port).toBe(65535);
  });

  it.each(['0', '65536', '-1', '8000.0', '0x1F40', '8e3', '"8000"', 'true', '08000'])(
    '[S2] refuses the port %s',
    (port) => {
      expect(failing(serving([`port: ${port}`]))).toHaveLength(1);
    },
  );

  it.each(['0', '65536', '-1', '8000.0', '0x1F40', '8e3', ' 8000', '8000 ', '+8000', '08000', '８０００'])(
    '[S2] refuses the variable port %j',
    (port) => expect(failing('plugins: []', { PLUGINS_SERVER_PORT: port })).toHaveLength(1),
  );

  it.each(['1', 'true', 'YES', 'On'])('[S2] reads %s as true', (word) => {
    const env = { PLUGINS_SERVER_SSL_ENABLED: word, ...allTls };
    expect(server('plugins: []', env).server.tls?.sslCertReqs).toBe(2);
  });

  it.each(['0', 'FALSE', 'no', 'Off'])('[S2] reads %s as false', (word) => {
    expect(server('plugins: []', { PLUGINS_SERVER_SSL_ENABLED: word, ...allTls }).server.tls).toBeUndefined();
  });

  it.each(['2', 'enabled', 'y', ' true', 'constructor'])(
    '[S2] refuses the boolean %j with name and value',
    (word) => {
      const { message } = invalid('plugins: []', {
        side: 'server',
        env: { PLUGINS_SERVER_SSL_ENABLED: word },
      });
      expect(message).toContain(
        `PLUGINS_SERVER_SSL_ENABLED must be true or false, but is ${JSON.stringify(word)}`,
      );
    },
  );

  it.each([
    ['STDIO', 'stdio'],
    ['http', 'http'],
    ['StreamableHTTP', 'http'],
  ])('PLUGINS_TRANSPORT=%s', (given, transport) => {
    expect(server('plugins: []', { PLUGINS_TRANSPORT: given }).server.transport).toBe(transport);
  });

  it('refuses a transport that does not exist, with the nearest', () => {
    const { message } = invalid('plugins: []', { side: 'server', env: { PLUGINS_TRANSPORT: 'stido' } });
    expect(message).toContain("did you mean 'stdio'?");
  });

  it('[S2] warns of a variable that is misspelt', () => {
    const config = server('plugins: []', {
      PLUGINS_SERVER_SSL_CERT: 'x',
      PLUGINS_SERVER_UDS: '/x',
      OTHER: '1',
    });
    expect(config.warnings.map(({ message, remedy }) => `${message}; ${remedy}`)).toEqual([
      'PLUGINS_SERVER_SSL_CERT is set, but no variable has that name; did you mean PLUGINS_SERVER_SSL_CERTFILE?',
    ]);
  });

  it.each(['http://x', '127.0.0.1:8000', 'a b', '""', '[::1]'])('refuses the host %s', (host) => {
    expect(failing(serving([`host: ${host}`]))).toHaveLength(1);
  });
});

describe('who may connect', () => {
  const pin = `sha256/${'A'.repeat(43)}=`;
  const peers = ['allowed_clients: ["URI:spiffe://*/gateway"]', `pins: ["${pin}"]`, 'crl_file: ca.crl'];

  it('[O3] is in the tls block', () => {
    expect(server(serving([], [...tls, ...peers])).server.tls).toMatchObject({
      allowedClients: ['URI:spiffe://*/gateway'],
      pins: [pin],
      crlFile: '/srv/app/ca.crl',
    });
    const env = { PLUGINS_SERVER_SSL_CRL_FILE: 'other.crl' };
    expect(server(serving([], [...tls, ...peers]), env).server.tls?.crlFile).toBe('/srv/app/other.crl');
  });

  it.each([
    ['1', ['PEER_UNCHECKED', 'PEER_UNCHECKED']],
    ['0', Array.from({ length: 3 }, () => 'PEER_UNCHECKED')],
  ])('[O3] cannot be said where a client needs no certificate: ssl_cert_reqs %s', (reqs, codes) => {
    const found = failing(serving([], [...tls, ...peers, `ssl_cert_reqs: ${reqs}`]));
    expect(found.map((problem) => problem.split(' ').at(-1))).toEqual(codes);
  });

  it.each([
    'pins: []',
    'allowed_clients: []',
    'allowed_clients: [""]',
    'pins: ["sha1/x"]',
    `pins: ["${pin}x"]`,
  ])('[O3] %s is wrong', (line) => {
    expect(failing(serving([], [...tls, line]))).toHaveLength(1);
  });
});
