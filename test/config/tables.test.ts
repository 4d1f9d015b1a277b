import { describe, expect, it } from 'vitest';
import { keyTable, looksSecret, parseConfig, variableTable } from '../../src/config/index.js';
import { nearest } from '../../src/nearest.js';
import { problems } from './helpers.js';

describe('the tables', () => {
  it('[S2] [G1] list the variables of both sides', () => {
    const names = variableTable.map(({ name }) => name);
    for (const field of ['HOST', 'PORT']) expect(names).toContain(`PLUGINS_SERVER_${field}`);
    for (const field of ['ENABLED', 'KEYFILE', 'CERTFILE', 'CA_CERTS', 'CERT_REQS', 'KEYFILE_PASSWORD']) {
      expect(names).toContain(`PLUGINS_SERVER_SSL_${field}`);
    }
    for (const field of [
      'CERTFILE',
      'KEYFILE',
      'CA_BUNDLE',
      'VERIFY',
      'CHECK_HOSTNAME',
      'KEYFILE_PASSWORD',
      'SERVER_NAME',
    ]) {
      expect(names).toContain(`PLUGINS_CLIENT_MTLS_${field}`);
    }
    expect(names).toEqual(
      expect.arrayContaining(['PLUGINS_CONFIG_PATH', 'PLUGINS_TRANSPORT', 'LOG_LEVEL', 'LOG_FORMAT']),
    );
  });

  it('a variable overrides a key that there is, with its type and default', () => {
    const scalars = variableTable.filter(({ name }) => name !== 'PLUGINS_SERVER_SSL_ENABLED');
    for (const { overrides, type, default: fallback } of scalars.filter(({ overrides }) => overrides)) {
      expect(keyTable.find(({ path }) => path === overrides)).toMatchObject(
        fallback ? { type, default: fallback } : { type },
      );
    }
  });

  it('every key of the table is known to the validator', () => {
    for (const { path } of keyTable) {
      const text = path.split('.').reduceRight<unknown>((value, part) => {
        return part.endsWith('[]') ? { [part.slice(0, -2)]: [value] } : { [part]: value };
      }, null);
      expect(problems(JSON.stringify(text)).filter((problem) => problem.endsWith('UNKNOWN_KEY'))).toEqual([]);
    }
  });

  it('the defaults of the table are those of the value', () => {
    const config = parseConfig('plugins: []', {
      path: 'p',
      cwd: '/',
      env: {},
      side: 'server',
      exists: () => false,
    });
    const fallback = (path: string) => keyTable.find((row) => row.path === path)?.default;
    expect([
      fallback('server_settings.host'),
      fallback('server_settings.port'),
      fallback('plugin_settings.plugin_timeout'),
    ]).toEqual([
      config.server.host,
      String(config.server.port),
      String(config.settings.pluginTimeoutMs / 1000),
    ]);
  });
});

describe('nearest', () => {
  it.each([
    ['ca_bundel', 'ca_bundle'],
    ['CertFile', 'certfile'],
    ['keyfil', 'keyfile'],
    ['cert', undefined],
    ['zzzzzzzz', undefined],
    ['a'.repeat(100_000), undefined],
  ])('of %.20s', (seen, expected) => {
    expect(nearest(seen, ['certfile', 'keyfile', 'ca_bundle', 'verify'])).toBe(expected);
  });
});

describe('looksSecret', () => {
  it.each(['keyfile_password', 'API_TOKEN', 'MY_KEY', 'clientSecret', 'DB_PASS', 'apikey', 'KEY_MATERIAL'])(
    '%s',
    (name) => {
      expect(looksSecret(name)).toBe(true);
    },
  );
  it.each(['keyfile', 'PLUGINS_SERVER_SSL_KEYFILE', 'host', 'certfile', 'compass'])('not %s', (name) => {
    expect(looksSecret(name)).toBe(false);
  });
});
