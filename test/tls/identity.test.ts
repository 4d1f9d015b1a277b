import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CertificateName,
  certificateNames,
  type IdentityRule,
  judgeHostname,
  judgeIdentity,
  machineNames,
  matchingName,
  pluginRule,
  rolesOf,
  showNames,
} from '../../src/tls/identity.js';
import { temporaryFolder } from '../pki/folders.js';
import { judgedBy } from '../support/judges.js';
import { gatewayLeaf, newCa, pluginLeaf } from '../support/trust.js';
import { parsed } from './made.js';

const names = (given: { uris?: string[]; dns?: string[]; cns?: string[]; hasSan?: boolean }) => {
  const { uris = [], dns = [], cns = [], hasSan = uris.length + dns.length > 0 } = given;
  return [
    ...uris.map((value): CertificateName => ({ kind: 'URI', value })),
    ...dns.map((value): CertificateName => ({ kind: 'DNS', value })),
    ...cns.map((value): CertificateName => ({ kind: 'CN', value, ...(hasSan && { besideSan: true }) })),
  ];
};
const role = (path: string) => names({ uris: [`spiffe://sallyport.local/${path}`] });

describe('the names in a certificate', () => {
  it('[O3] are those of its SANs and its CN, whatever characters they have', async () => {
    const odd = await gatewayLeaf(await newCa(), {
      subject: { CN: 'a, DNS:b' },
      sans: [
        { type: 'uri', value: 'https://x/a, URI:spiffe://x/gateway' },
        { type: 'uri', value: 'https://x/"quoted"' },
        { type: 'dns', value: 'host' },
        { type: 'ip', value: '127.0.0.1' },
      ],
    });
    expect(machineNames(parsed(odd))).toEqual(
      names({
        uris: ['https://x/a, URI:spiffe://x/gateway', 'https://x/"quoted"'],
        dns: ['host'],
        cns: ['a, DNS:b'],
      }),
    );
    expect(rolesOf(machineNames(parsed(odd)))).toEqual([]);
  });

  it('[O3] come with the most telling kind first, whatever their order in the certificate', async () => {
    const mixed = await gatewayLeaf(await newCa(), {
      subject: { CN: 'cn' },
      sans: [
        { type: 'dns', value: 'host' },
        { type: 'uri', value: 'spiffe://x/gateway' },
      ],
    });
    expect(machineNames(parsed(mixed)).map(({ kind }) => kind)).toEqual(['URI', 'DNS', 'CN']);
  });

  judgedBy('openssl')('[O3] without the address of a person: it lets no machine in', async () => {
    const dir = temporaryFolder();
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-subj',
          '/CN=x',
        ],
        ...[
          '-addext',
          'subjectAltName=email:gw@example.org',
          '-keyout',
          join(dir, 'key'),
          '-out',
          join(dir, 'crt'),
        ],
      ],
      { stdio: 'pipe' },
    );
    const certificate = new X509Certificate(readFileSync(join(dir, 'crt')));
    expect(certificateNames(certificate).map(({ kind }) => kind)).toEqual(['EMAIL', 'CN']);
    for (const pattern of ['gw@example.org', 'EMAIL:gw@example.org', 'x'])
      expect(judgeIdentity(machineNames(certificate), { kind: 'client', allowed: [pattern] }).kind).toBe(
        'refused',
      );
  });

  it('[O3] name the role that our CA gives', async () => {
    const ca = await newCa();
    expect(rolesOf(machineNames(parsed(await gatewayLeaf(ca))))).toEqual([{ kind: 'gateway' }]);
    expect(rolesOf(machineNames(parsed(await pluginLeaf(ca, 'A'))))).toEqual([{ kind: 'plugin', name: 'A' }]);
  });

  it.each([
    'spiffe://x/gateway/y',
    'spiffe://x/plugin/',
    'spiffe:///gateway',
    'https://x/gateway',
    'spiffe://x/ns/a/sa/b',
  ])('[O3] %s is no role', (uri) => {
    expect(rolesOf(names({ uris: [uri] }))).toEqual([]);
  });

  it('[O3] a role is a URI: a DNS name or a CN that looks like one claims nothing', () => {
    const uri = 'spiffe://sallyport.local/gateway';
    for (const peer of [names({ dns: [uri] }), names({ cns: [uri] })]) expect(rolesOf(peer)).toEqual([]);
  });

  it('[O3] anyone passes where nothing is asked, and nothing else does', () => {
    expect(judgeIdentity(names({}), { kind: 'any' })).toEqual({ kind: 'passes' });
    expect(judgeIdentity(names({}), { kind: 'client' })).toEqual({ kind: 'passes-without-role' });
  });

  it('[O3] what was expected is said', () => {
    const expected = (rule: IdentityRule) => judgeIdentity(role('gateway'), rule);
    expect(expected(pluginRule('A', undefined))).toEqual({ kind: 'refused', expected: 'the role plugin/A' });
    expect(expected(pluginRule('A', 'host'))).toEqual({ kind: 'refused', expected: 'the role plugin/*' });
    expect(judgeIdentity(names({ dns: ['x'] }), pluginRule('A', 'plugin'))).toEqual({
      kind: 'refused',
      expected: 'DNS A or mcp-plugin-A',
    });
    expect(judgeIdentity(names({ cns: ['a'] }), pluginRule('A', 'plugin'))).toEqual({
      kind: 'passes',
      commonName: 'a',
    });
    expect(judgeIdentity(names({ dns: ['a'], cns: ['a'] }), pluginRule('A', 'plugin'))).toEqual({
      kind: 'passes',
    });
    expect(judgeIdentity(names({ uris: ['A'] }), pluginRule('A', 'plugin')).kind).toBe('refused');
    expect(judgeIdentity(names({ dns: ['x'] }), pluginRule('A', undefined)).kind).toBe('passes');
  });

  it('[O3] DNS names are compared without regard to case, URIs and common names are not', () => {
    expect(matchingName(names({ dns: ['HOST'] }), 'DNS:host')).toBeDefined();
    expect(matchingName(names({ cns: ['HOST'] }), 'CN:host')).toBeUndefined();
    expect(matchingName(names({ uris: ['https://x/A'] }), 'https://x/a')).toBeUndefined();
  });
});

describe('who may connect', () => {
  const rule = (...allowed: string[]): IdentityRule => ({
    kind: 'client',
    ...(allowed.length > 0 && { allowed }),
  });

  it.each<[string, ReturnType<typeof names>, string]>([
    ['the gateway', role('gateway'), 'passes'],
    ['a plugin', role('plugin/A'), 'refused'],
    ['who is both', names({ uris: ['spiffe://x/gateway', 'spiffe://x/plugin/A'] }), 'refused'],
    ['nobody in particular', names({ cns: ['someone'] }), 'passes-without-role'],
  ])('[O3] without allowed_clients: %s', (_title, peer, kind) => {
    expect(judgeIdentity(peer, rule()).kind).toBe(kind);
  });

  it('[O3] with allowed_clients: those that it names, and not even the gateway beside them', () => {
    expect(judgeIdentity(names({ cns: ['team-a'] }), rule('CN:team-*')).kind).toBe('passes');
    expect(judgeIdentity(role('gateway'), rule('CN:team-*', 'DNS:x'))).toEqual({
      kind: 'refused',
      expected: 'CN:team-*, DNS:x',
    });
  });

  it.each<[string, ReturnType<typeof names>, boolean]>([
    ['URI:spiffe://*/gateway', role('gateway'), true],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://a/b/gateway'] }), false],
    ['spiffe://sallyport.local/gateway', role('gateway'), true],
    ['URI:spiffe://sallyport.local/gate', role('gateway'), false],
    ['DNS:*.example.com', names({ dns: ['GW.example.com'] }), true],
    ['DNS:*.example.com', names({ dns: ['a.gw.example.com'] }), false],
    ['DNS:*.example.com', names({ cns: ['gw.example.com'] }), false],
    ['DNS:gw.example.com', names({ dns: ['gwxexample.com'] }), false],
    ['CN:gateway *', names({ cns: ['gateway 1'] }), true],
    ['CN:Gateway', names({ cns: ['gateway'] }), false],
    ['gw', names({ cns: ['gw'] }), true],
    ['*', names({ dns: ['gw'] }), true],
    ['*', names({}), false],
    // A pattern that reads like a URI is for URIs alone.
    ['spiffe://t/alice', names({ uris: ['spiffe://t/alice'] }), true],
    ['spiffe://t/alice', names({ cns: ['spiffe://t/alice'] }), false],
    ['spiffe://t/alice', names({ dns: ['spiffe://t/alice'] }), false],
    ['spiffe://t/*', names({ cns: ['spiffe://t/alice'] }), false],
    ['CN:spiffe://t/alice', names({ cns: ['spiffe://t/alice'] }), true],
    // In the host, what SPIFFE allows in a trust domain.
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://a.b-c_d9/gateway'] }), true],
    ['URI:spiffe://*.example.org/x', names({ uris: ['spiffe://a.b.example.org/x'] }), true],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe:///gateway'] }), false],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://user@host/gateway'] }), false],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://host:8443/gateway'] }), false],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://t?x=/gateway'] }), false],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://t%2fx/gateway'] }), false],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://UPPER/gateway'] }), false],
    ['URI:spiffe://*/gateway', names({ uris: ['spiffe://a b/gateway'] }), false],
    // In the path, one segment that is there.
    ['URI:spiffe://t/team/*', names({ uris: ['spiffe://t/team/a'] }), true],
    ['URI:spiffe://t/team/*', names({ uris: ['spiffe://t/team/a/b'] }), false],
    ['URI:spiffe://t/team/*', names({ uris: ['spiffe://t/team/'] }), false],
    ['URI:spiffe://t/team/*', names({ uris: ['spiffe://t/team/..'] }), false],
    ['URI:spiffe://t/*/x', names({ uris: ['spiffe://t/./x'] }), false],
    ['URI:spiffe://t/team/*', names({ uris: ['spiffe://t/team/a?admin'] }), false],
    ['URI:spiffe://t/team/*', names({ uris: ['spiffe://t/team/a#b'] }), false],
    ['URI:spiffe://t/team/a*', names({ uris: ['spiffe://t/team/a'] }), true],
    // A CN counts where there is no SAN of any kind, or where it is asked for.
    ['gw', names({ cns: ['gw'], hasSan: true }), false],
    ['*', names({ cns: ['gw'], hasSan: true }), false],
    ['CN:gw', names({ cns: ['gw'], hasSan: true }), true],
  ])('[O3] the pattern %s', (pattern, peer, expected) => {
    expect(matchingName(peer, pattern) !== undefined).toBe(expected);
  });

  it('[O3] a CN that lets a client in though nobody asked for a CN is told, and an explicit one is not', () => {
    const peer = names({ cns: ['gw'] });
    expect(judgeIdentity(peer, rule('gw'))).toEqual({ kind: 'passes', commonName: 'gw' });
    expect(judgeIdentity(peer, rule('gw', 'CN:gw'))).toEqual({ kind: 'passes' });
  });

  it('[O3] a star in a URI never reaches beyond its segment, whatever stands there', () => {
    const odd = fc.string({ unit: 'binary-ascii' });
    fc.assert(
      fc.property(odd, odd, (host, segment) => {
        const uri = `spiffe://${host}/team/${segment}`;
        const fits = matchingName(names({ uris: [uri] }), 'URI:spiffe://*/team/*') !== undefined;
        const plain = /^[a-z0-9._-]+$/.test(host) && /^[^/?#]+$/.test(segment) && !/^\.{1,2}$/.test(segment);
        expect(fits).toBe(plain);
      }),
    );
  });
});

describe('which plugin is there', () => {
  const other = names({ dns: ['mcp-plugin-A'], cns: ['host'] });

  it.each<[string, string | undefined, ReturnType<typeof names>, boolean]>([
    ['its role', undefined, role('plugin/a'), true],
    ['the role of another', undefined, role('plugin/B'), false],
    ['both roles', undefined, names({ uris: ['spiffe://x/plugin/A', 'spiffe://x/plugin/B'] }), false],
    ['the role of the gateway', undefined, role('gateway'), false],
    ['no role', undefined, names({ cns: ['x'] }), true],
    ['no role, but its name', 'plugin', other, true],
    ['its name as CN beside a SAN', 'plugin', names({ dns: ['host'], cns: ['A'] }), false],
    ['its name as CN, and no SAN', 'plugin', names({ cns: ['mcp-plugin-A'] }), true],
    ['no role and no name', 'plugin', names({ dns: ['localhost'] }), false],
    ['the role of another', 'plugin', role('plugin/B'), false],
    ['the role of any plugin', 'host', role('plugin/B'), true],
    ['the role of the gateway', 'host', role('gateway'), false],
    ['no role', 'host', names({}), true],
    ['the role of the named one', 'B', role('plugin/B'), true],
    ['its own role in place of the named one', 'B', role('plugin/A'), false],
    ['no role and no name', 'B', names({}), false],
  ])('[O3] %s, with identity %s', (_title, identity, peer, passes) => {
    expect(judgeIdentity(peer, pluginRule('A', identity)).kind).toBe(passes ? 'passes' : 'refused');
  });
});

describe('the host that a certificate is for', () => {
  const judged = async (
    host: string,
    CN: string,
    ...sans: NonNullable<Parameters<typeof pluginLeaf>[2]>['sans'] & object
  ) =>
    judgeHostname(
      host,
      parsed(await pluginLeaf(await newCa(), 'A', { subject: { CN }, sans })),
      'the server',
    );
  const dns = (value: string) => ({ type: 'dns', value }) as const;

  it('[O3] is one of its DNS names or addresses', async () => {
    expect(await judged('a.example', 'x', dns('A.example'))).toEqual({ kind: 'fits' });
    expect(await judged('b.example.org', 'x', dns('*.example.org'))).toEqual({ kind: 'fits' });
    expect(await judged('127.0.0.1', 'x', { type: 'ip', value: '127.0.0.1' })).toEqual({ kind: 'fits' });
  });

  it('[O3] is its CN where it has no SAN at all, which is told', async () => {
    expect(await judged('a.example', 'a.example')).toMatchObject({
      kind: 'fits',
      remark: { code: 'SALLY_TLS_COMMON_NAME', context: { name: 'a.example' } },
    });
    for (const san of [dns('b.example'), { type: 'uri', value: 'spiffe://x/gateway' } as const])
      expect((await judged('a.example', 'a.example', san)).kind).toBe('refused');
    expect((await judged('b.example', 'a.example')).kind).toBe('refused');
  });

  it('[O3] is no other, and what it is for is said', async () => {
    const uri = { type: 'uri', value: 'spiffe://x/gateway' } as const;
    expect(await judged('a.example', 'x', dns('b.example'), uri, dns('c.example'))).toMatchObject({
      error: { context: { host: 'a.example', ip: false, valid: 'DNS:b.example, DNS:c.example' } },
    });
    expect(await judged('127.0.0.1', 'x', uri)).toMatchObject({
      error: { context: { host: '127.0.0.1', ip: true, valid: 'no host name and no IP address' } },
    });
  });
});

it('[O3] a sentence has eight of its names at most, and says where there is none', () => {
  const many = names({ uris: ['u'], dns: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], cns: ['x'] });
  expect(showNames(many)).toBe('URI:u, DNS:a, DNS:b, DNS:c, DNS:d, DNS:e, DNS:f, DNS:g');
  expect(showNames(names({ dns: ['a'], cns: ['x'] }))).toBe('DNS:a, CN:x');
  expect(showNames(names({}))).toBe('without a name');
});
