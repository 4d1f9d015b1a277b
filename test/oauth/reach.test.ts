import { expect, it } from 'vitest';
import { OauthAddress } from '../../src/errors.js';
import { isPublicAddress, Reach } from '../../src/oauth/reach.js';

const upstream = new URL('http://127.0.0.1:3001/mcp');

/** Whether a URL is asked, as far as it stands in it. */
function asks(url: string, listed: readonly string[] = []): boolean {
  try {
    new Reach('crm', [upstream], listed).check(new URL(url));
    return true;
  } catch (error) {
    if (OauthAddress.is(error)) return false;
    throw error;
  }
}

it('knows the addresses of the Internet from all others', () => {
  for (const address of ['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '2606:4700::1111', '2a00:1450::5'])
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
  for (const address of [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.0.9',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2001:0:7f00:1::',
    'localhost',
    '',
  ])
    expect([address, isPublicAddress(address)]).toEqual([address, false]);
});

it('asks https alone, and no private address in any spelling', () => {
  expect(asks('https://idp.example.com/x')).toBe(true);
  expect(asks('https://8.8.8.8/')).toBe(true);
  for (const url of [
    'http://idp.example.com/',
    'ftp://idp.example.com/',
    'file:///etc/passwd',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://017700000001/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'https://10.0.0.1/',
    // Another port of the upstream's host is another server.
    'http://127.0.0.1:3002/',
    'https://127.0.0.1:3001/',
  ])
    expect([url, asks(url)]).toEqual([url, false]);
});

it('asks what the configuration names', () => {
  expect(asks('http://127.0.0.1:3001/.well-known/oauth-protected-resource')).toBe(true);
  expect(asks('https://10.0.0.1/', ['10.0.0.0/8'])).toBe(true);
  expect(asks('https://172.16.0.1/', ['10.0.0.0/8'])).toBe(false);
  expect(asks('https://[fd00::5]/', ['fd00::5'])).toBe(true);
  expect(asks('http://localhost:9000/', ['localhost'])).toBe(true);
  // Without TLS this machine alone.
  expect(asks('http://10.0.0.1/', ['10.0.0.0/8'])).toBe(false);
  expect(asks('http://idp.internal/', ['idp.internal'])).toBe(false);
});

it('looks at what a name resolves to', async () => {
  const addressOf = (host: string, listed: readonly string[] = []) =>
    new Promise((done) => {
      const url = new URL(`https://${host}/`);
      new Reach('crm', [upstream], listed).lookup(url)(host, {}, (error, address) =>
        done(error ? (error as { code?: string }).code : address),
      );
    });
  expect(await addressOf('localhost')).toBe('SALLY_UPSTREAM_OAUTH_ADDRESS');
  expect(await addressOf('localhost', ['localhost'])).toMatch(/^(127\.0\.0\.1|::1)$/);
  expect(await addressOf('localhost', ['127.0.0.0/8', '::1'])).toMatch(/^(127\.0\.0\.1|::1)$/);
  expect(await addressOf('localhost', ['idp.internal'])).toBe('SALLY_UPSTREAM_OAUTH_ADDRESS');
});
