import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScanner } from '../../src/plugins/secrets/scanner.js';
import { secretKinds, secretsSettings } from '../../src/plugins/secrets/settings.js';
import { startFilter, textThrough } from './filter-run.js';

const kind = 'sallyport/secrets';
const scan = createScanner(secretsSettings.parse({}));
const found = (text: string) => scan(text).map(({ kind, start, end }) => `${kind}=${text.slice(start, end)}`);

// Made here, and not written out: tools that look for secrets in sources would find them.
const random = 'aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0eF2hI4kL6nO8qR0tU2wX4zA6cD8fG0iJ2l';
const of = (length: number) => random.repeat(8).slice(0, length);
const hex = (length: number) => '0f1e2d3c4b5a69788796a5b4c3d2e1f0'.repeat(4).slice(0, length);
const jwtPart = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = `${jwtPart({ alg: 'HS256', typ: 'JWT' })}.${jwtPart({ sub: 'ada', iat: 1 })}.${of(43)}`;
const pem = `-----BEGIN RSA PRIVATE KEY-----\n${of(64)}\n${of(64)}\n-----END RSA PRIVATE KEY-----`;

const secrets: [kind: string, before: string, secret: string, after: string][] = [
  ['aws_access_key_id', 'id=', `AKIA${'IOSFODNN7EXAMPLE'}`, ''],
  ['aws_secret_access_key', 'aws_secret_access_key = ', `wJalrXUtnFEMI/K7MDENG/bPx${of(15)}`, '\n'],
  ['aws_secret_access_key', '"SecretAccessKey": "', `wJalrXUtnFEMI/K7MDENG/bPx${of(15)}`, '"'],
  ['github_token', 'token ', `ghp_${of(36)}`, '.'],
  ['github_token', '', `github_pat_${of(22)}_${of(59)}`, ''],
  ['gitlab_token', '', `glpat-${of(20)}`, ' '],
  ['slack_token', '', `xoxb-123456789012-${of(24)}`, ''],
  ['slack_webhook', 'https://hooks.slack.com/services/', `T00000000/B00000000/${of(24)}`, ''],
  ['stripe_secret_key', '(', `sk_live_${of(24)}`, ')'],
  ['anthropic_key', '', `sk-ant-api03-${of(60)}`, ''],
  ['openai_key', '', `sk-proj-${of(48)}`, ''],
  ['google_api_key', 'key=', `AIza${of(35)}`, '&x=1'],
  ['azure_key', 'AccountName=x;AccountKey=', `${of(86)}==`, ';'],
  ['npm_token', '//registry/:_authToken=', `npm_${of(36)}`, ''],
  ['pypi_token', '', `pypi-AgEIcHlwaS5vcmc${of(60)}`, ''],
  ['huggingface_token', '', `hf_${of(34)}`, ''],
  ['sendgrid_key', '', `SG.${of(22)}.${of(43)}`, ''],
  ['digitalocean_token', '', `dop_v1_${hex(64)}`, ''],
  ['jwt', 'cookie ', jwt, ';'],
  ['private_key', 'x ', pem, ' y'],
  ['private_key', '', pem.replaceAll('\n', '\\n'), ''],
  ['url_password', 'postgres://app:', 'hunter22', '@db.example.org/app'],
  ['url_password', 'https://ada:', of(20), '@example.org'],
  ['authorization', 'Authorization: Bearer ', of(40), ''],
  ['authorization', 'authorization: basic ', Buffer.from('ada:hunter22').toString('base64'), ''],
  ['assignment', 'api_key: "', of(24), '"'],
  ['assignment', "DB_PASSWORD='", 'hunter', "'"],
  ['assignment', 'password=', 'hunter22', '\n'],
];

describe('what is found', () => {
  it.each(secrets)('%s', (kind, before, secret, after) => {
    expect(found(before + secret + after)).toEqual([`${kind}=${secret}`]);
  });

  it.each([
    'task-force and sk-loading-indicator-of-the-page',
    'password: must have 12 characters',
    `password = \${DB_PASSWORD}`,
    'api_key: YOUR_API_KEY',
    'token: process.env.TOKEN',
    'the secret: nobody knows',
    'https://example.org:8080/a@b and https://user@example.org',
    `postgres://app:\${PASSWORD}@db/app`,
    'eyJhbGciOiJIUzI1NiJ9 is half a token',
    `commit ${hex(40)}`,
    'AKIAshort, ghp_short, sk-short',
    `x${'AKIA'}IOSFODNN7EXAMPLE`,
    '-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----',
    '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----',
    'Bearer tokens are used by everybody',
  ])('nothing in: %s', (text) => {
    expect(found(text)).toEqual([]);
  });

  it('what only looks random, where it is asked for', () => {
    const all = createScanner(secretsSettings.parse({ detect: ['hex_32', 'base64_24', 'random'] }));
    expect(all(`${hex(32)} ${of(40)} ${of(30)}-_x`).map(({ kind }) => kind)).toEqual([
      'hex_32',
      'base64_24',
      'random',
    ]);
  });

  it('what is long and has nothing costs little', () => {
    for (const part of [
      'eyJ',
      'eyJhbGci.',
      '://',
      '://a:',
      '-----BEGIN ',
      'password=',
      'AKIA',
      'a_',
      'bearer ',
      'sk-',
      'a.b-',
    ])
      expect(scan(part.repeat(200_000 / part.length)).length).toBeLessThan(60_000);
  });
});

describe('what becomes of it', () => {
  it.each(secrets)(
    '%s is masked, what is around it stays, and once more changes nothing',
    async (kind, before, secret, after) => {
      const through = await textThrough('sallyport/secrets', {});
      const masked = await through(before + secret + after);
      expect(masked).toBe(`${before}[${kind.toUpperCase()}]${after}`);
      expect(await through(masked)).toBe(masked);
    },
  );

  it('blocks without the secret', async () => {
    const call = await startFilter(kind, { action: 'block' });
    const token = `ghp_${of(36)}`;
    const result = await call('tool_pre_invoke', { name: 't', args: { a: { [token]: token } } });
    expect(result).toMatchObject({
      continue_processing: false,
      violation: { code: 'SECRETS_DETECTED', details: { total: 2, kinds: { github_token: 2 } } },
    });
    expect(JSON.stringify(result)).not.toContain(token);
  });

  it('reports without the secret, and leaves it', async () => {
    const call = await startFilter(kind, { action: 'report' });
    const token = `ghp_${of(36)}`;
    const result = await call('tool_pre_invoke', { name: 't', args: { [token]: token } });
    expect(result).toMatchObject({
      continue_processing: true,
      modified_payload: null,
      metadata: { secrets: { total: 2 } },
    });
    expect(JSON.stringify(result)).not.toContain(token);
  });

  it('fields that are not looked at, and the only ones that are', async () => {
    const token = `ghp_${of(36)}`;
    const args = { a: { b: [token] }, c: token };
    const not = await (await startFilter(kind, { not_fields: ['a.b'] }))('tool_pre_invoke', {
      name: 't',
      args,
    });
    expect(not.modified_payload).toMatchObject({ args: { a: { b: [token] }, c: '[GITHUB_TOKEN]' } });
    const only = await (await startFilter(kind, { only_fields: ['a'] }))('tool_pre_invoke', {
      name: 't',
      args,
    });
    expect(only.modified_payload).toMatchObject({ args: { a: { b: ['[GITHUB_TOKEN]'] }, c: token } });
  });

  it('a text without a finding is returned as it is', async () => {
    const through = await textThrough(kind, {});
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        fc.pre(scan(text).length === 0);
        expect(await through(text)).toBe(text);
      }),
    );
  });
});

it.each([
  [{ detect: ['github'] }, 'no such kind'],
  [{ actions: { githup_token: 'mask' } }, 'config.actions'],
  [{ action: 'hash' }, 'hash needs a key'],
])('settings %j are refused', async (config, problem) => {
  await expect(startFilter(kind, config)).rejects.toThrow(problem);
});

it('every kind has a case above', () => {
  const tried = new Set(secrets.map(([kind]) => kind));
  expect(secretKinds.length - tried.size).toBeLessThan(25);
});

describe('as ContextForge has it', () => {
  const python = 'cpex_secrets_detection.SecretsDetectionPlugin';
  const token = `ghp_${of(36)}`;

  it('blocks by default, redacts or only tells of it by its keys', async () => {
    const payload = { name: 't', args: { a: token } };
    expect(await (await startFilter(python))('tool_pre_invoke', payload)).toMatchObject({
      continue_processing: false,
    });
    const redact = await startFilter(python, { redact: true, block_on_detection: false });
    expect((await redact('tool_pre_invoke', payload)).modified_payload).toMatchObject({
      args: { a: '***REDACTED***' },
    });
    const tell = await startFilter(python, { block_on_detection: false });
    expect(await tell('tool_pre_invoke', payload)).toMatchObject({
      modified_payload: null,
      metadata: { secrets: { total: 1 } },
    });
  });

  it('a partial map of what is looked for inherits the rest', async () => {
    const call = await startFilter(python, { enabled: { github_token: false } });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: token } })).toMatchObject({
      continue_processing: true,
    });
    expect(
      await call('tool_pre_invoke', { name: 't', args: { a: `AKIA${'IOSFODNN7EXAMPLE'}` } }),
    ).toMatchObject({
      continue_processing: false,
    });
  });
});
