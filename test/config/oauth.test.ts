import { expect, it } from 'vitest';
import { ConfigInvalid, type SallyError } from '../../src/errors.js';
import { parse, problems, warnings } from './helpers.js';

const jwt = 'auth: {kind: jwt, issuer: i, audience: a, jwks: /keys.json}';
const client = 'client_id: gw, client_secret_file: /secret';

/** A file with one upstream whose `oauth` block is this; `more` are further lines of the upstream. */
function file(oauth: string, { url = 'https://mcp.example.com/mcp', more = '', auth = jwt } = {}): string {
  return `gateway:\n  ${auth}\n  upstreams:\n    crm:\n      url: ${url}\n      oauth: {${oauth}}\n${more}`;
}
const read = (oauth: string, options: object = {}, env: Record<string, string> = {}) => {
  const [upstream] = parse(file(oauth, options), { env }).gateway?.upstreams ?? [];
  return upstream?.transport === 'http' ? upstream.oauth : undefined;
};
/** All that is wrong, as an operator reads it. */
const texts = (oauth: string, options: object = {}) => {
  try {
    read(oauth, options);
  } catch (error) {
    if (ConfigInvalid.is(error))
      return error.context.problems.map(({ message, remedy }: SallyError) => `${message}; ${remedy}`);
    throw error;
  }
  return [];
};

it('is for the gateway itself, and asks the server that the upstream names, where nothing else is said', () => {
  expect(read('client_id: gw, client_secret_file: secret')).toEqual({
    grant: 'client_credentials',
    clientId: 'gw',
    clientSecretFile: '/srv/app/secret',
    scopes: [],
    privateHosts: [],
  });
});

it('takes everything that a server may want', () => {
  const tls = 'tls: {certfile: /c.crt, keyfile: /c.key, ca_bundle: /ca.crt}';
  const more = 'issuer: "https://idp.example.com/tenant", audience: crm, resource: "https://crm.example.com"';
  const hosts = 'private_hosts: [idp.internal, 10.0.0.0/8, "fd00::/8", 127.0.0.1]';
  expect(read(`client_id: gw, ${tls}, ${more}, ${hosts}, scopes: [read]`)).toMatchObject({
    issuer: new URL('https://idp.example.com/tenant'),
    resource: 'https://crm.example.com',
    audience: 'crm',
    scopes: ['read'],
    privateHosts: ['idp.internal', '10.0.0.0/8', 'fd00::/8', '127.0.0.1'],
    tls: { certfile: '/c.crt', caBundle: '/ca.crt', verify: true },
  });
  expect(read('client_id: gw, private_key_file: /k.pem, private_key_id: k1')).toMatchObject({
    privateKeyFile: '/k.pem',
    privateKeyId: 'k1',
  });
  expect(read(`${client}, grant: token_exchange, issuer: "https://idp.example.com"`)?.grant).toBe(
    'token_exchange',
  );
});

it('takes a secret from a variable or a file, and none that stands in the file itself', () => {
  const fromVariable = `client_id: gw, client_secret: "{{ env.CRM_SECRET }}"`;
  expect(read(fromVariable, {}, { CRM_SECRET: 's3cret' })?.clientSecret).toBe('s3cret');
  const [text = '', ...more] = texts('client_id: gw, client_secret: hunter2');
  expect(more).toEqual([]);
  expect(text).toContain('its client_secret stands in the file');
  expect(text).not.toContain('hunter2');
  expect(problems(file('client_id: gw, client_secret: hunter2'))).toEqual(['6:45 OAUTH']);
});

it('says what is missing, and what goes with nothing', () => {
  for (const [oauth, text] of [
    ['client_secret_file: /s', 'client_id is missing'],
    ['client_id: gw', 'nothing shows who the client is'],
    [`${client}, private_key_file: /k`, 'it has a secret and a private key'],
    [`${client}, client_auth: private_key_jwt`, 'give private_key_file'],
    [`${client}, client_auth: tls_client_auth`, 'give tls with certfile and keyfile'],
    ['client_id: gw, client_auth: none', 'is for clients that show who they are'],
    [`${client}, private_key_id: k`, 'it has private_key_id, and no key'],
    [`${client}, grant: token_exchange`, 'issuer is missing'],
    [`${client}, grant: jwt_bearer`, 'the upstream must not choose who gets them'],
    [`${client}, issuer: "http://idp.example.com"`, 'begin the URL of issuer with https:'],
    [`${client}, issuer: "https://idp.example.com?x=1"`, 'write the issuer without the ?'],
    [`${client}, resource: crm`, 'not an absolute http or https URL'],
    [`${client}, private_hosts: ["10.0.0.0/99"]`, 'host names, addresses and ranges'],
    [
      `${client}, grant: implicit`,
      'one of client_credentials, token_exchange, jwt_bearer, authorization_code',
    ],
    [`${client}, tls: {certfile: /c}`, 'keyfile'],
  ] as const)
    expect([oauth, texts(oauth).join('\n')]).toEqual([oauth, expect.stringContaining(text)]);
});

it('goes with a URL that keeps tokens to itself, and no other credentials', () => {
  const header = '      headers: {Authorization: x}\n';
  expect(texts(client, { more: header }).join()).toContain('it has oauth and a header Authorization');
  expect(texts(client, { url: 'http://mcp.example.com/mcp' }).join()).toContain('sent unencrypted');
  expect(texts(client, { url: 'http://localhost:3001/mcp' })).toEqual([]);
  const stdio = file(client).replace(/url: .*/, 'command: npx');
  expect(problems(stdio)).toEqual(['6:7 UPSTREAM']);
});

it('makes tokens of those of callers where the gateway asks callers for some', () => {
  const exchange = `${client}, grant: token_exchange, issuer: "https://idp.example.com"`;
  for (const auth of ['auth: {kind: bearer, tokens_file: t.json}', 'auth: none'])
    expect(texts(exchange, { auth }).join()).toContain('needs the token of the caller');
});

it('shares no session of one user with all', () => {
  const exchange = `${client}, grant: token_exchange, issuer: "https://idp.example.com"`;
  expect(texts(exchange, { more: '      share: all\n' }).join()).toContain('set share to user or session');
  for (const share of ['user', 'session'])
    expect(texts(exchange, { more: `      share: ${share}\n` })).toEqual([]);
  expect(texts(client, { more: '      share: all\n' })).toEqual([]);
});

it('warns of a secret that the upstream could have sent anywhere', () => {
  expect(warnings(parse(file(client)))).toEqual(['OAUTH_ISSUER']);
  expect(warnings(parse(file(`${client}, issuer: "https://idp.example.com"`)))).toEqual([]);
  expect(warnings(parse(file('client_id: gw, private_key_file: /k')))).toEqual([]);
});

it('asks users where the gateway block says where, and keeps their tokens with a key alone', () => {
  const ask = (more: string, grant = 'grant: authorization_code') =>
    file(grant).replace('upstreams:', `oauth: {${more}}\n  upstreams:`);
  const gateway = parse(ask('base_url: "https://gw.example.com", tokens_file: t.json, key_file: k')).gateway;
  expect(gateway?.consent).toEqual({
    baseUrl: new URL('https://gw.example.com'),
    files: { tokensFile: '/srv/app/t.json', keyFile: '/srv/app/k' },
  });
  expect(gateway?.upstreams).toMatchObject([{ oauth: { grant: 'authorization_code' } }]);
  expect(parse(ask('base_url: "http://localhost:4444"')).gateway?.consent?.files).toBeUndefined();
  expect(problems(ask('base_url: "https://gw.example.com", tokens_file: t.json'))).toEqual([
    '3:60 OAUTH_CONSENT',
  ]);
  expect(problems(ask('base_url: "http://gw.example.com"'))).toEqual(['3:21 OAUTH_CONSENT']);
  expect(texts('grant: authorization_code').join()).toContain('nothing says where');
});
