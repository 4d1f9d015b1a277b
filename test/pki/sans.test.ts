import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSans, parseTrustDomain, sansWithout, showSan } from '../../src/pki/names.js';

describe('subject alternative names', () => {
  it('[C6] reads addresses, host names and URIs', () => {
    expect(
      parseSans(' IP:127.0.0.1, dns:Host.example ,URI:https://host/x,IP:0:0:0:0:0:0:0:1,DNS:*.example.org'),
    ).toEqual([
      { type: 'ip', value: '127.0.0.1' },
      { type: 'dns', value: 'Host.example' },
      { type: 'uri', value: 'https://host/x' },
      { type: 'ip', value: '::1' },
      { type: 'dns', value: '*.example.org' },
    ]);
  });

  it('an empty list has no names', () => {
    expect(parseSans('  ')).toEqual([]);
  });

  it('[C6] takes each name once, host names without regard to case', () => {
    expect(parseSans('DNS:a,DNS:A,IP:::1,IP:0::1').map(showSan)).toEqual(['DNS:a', 'IP:::1']);
  });

  it.each([
    ['127.0.0.1', 'DNS:, IP: or URI:'],
    ['DNS:a,,DNS:b', 'DNS:, IP: or URI:'],
    ['EMAIL:a@b', 'DNS:, IP: or URI:'],
    ['constructor:a', 'DNS:, IP: or URI:'],
    ['DNS:127.0.0.1', 'write IP:127.0.0.1'],
    ['DNS:', 'not a host name'],
    ['DNS:a b', 'not a host name'],
    ['DNS:a..b', 'not a host name'],
    ['DNS:bücher.example', 'not a host name'],
    [`DNS:${'a'.repeat(64)}`, 'not a host name'],
    ['IP:localhost', 'not an IP address'],
    ['IP:256.0.0.1', 'not an IP address'],
    ['IP:10.0.0.0/8', 'not an IP address'],
    ['IP:fe80::1%eth0', 'not an IP address'],
    ['URI:not a uri', 'not an absolute URI'],
    ['URI:/path', 'not an absolute URI'],
    ['URI:spiffe://sallyport.local/gateway', 'follows from the role'],
    ['URI:SPIFFE://sallyport.local/gateway', 'follows from the role'],
  ])('[C9] refuses %s', (text, reason) => {
    expect(() => parseSans(text)).toThrowError(
      expect.objectContaining({
        code: 'SALLY_CERT_SANS',
        message: expect.stringContaining(reason),
        exitStatus: 2,
      }),
    );
  });

  it('what it shows it reads again', () => {
    const san = fc.oneof(
      fc.ipV4().map((value) => `IP:${value}`),
      fc.ipV6().map((value) => `IP:${value}`),
      fc.domain().map((value) => `DNS:${value}`),
    );
    fc.assert(
      fc.property(fc.array(san), (entries) => {
        const sans = parseSans(entries.join(','));
        expect(parseSans(sans.map(showSan).join(','))).toEqual(sans);
        expect(sansWithout(sans, sans)).toEqual([]);
      }),
    );
  });

  it.each(['', 'Example.org', 'a/b', 'spiffe://a', 'a'.repeat(256)])(
    '[C9] %j is no trust domain',
    (value) => {
      expect(() => parseTrustDomain(value)).toThrowError(
        expect.objectContaining({ code: 'SALLY_CERT_TRUST_DOMAIN' }),
      );
    },
  );
});
