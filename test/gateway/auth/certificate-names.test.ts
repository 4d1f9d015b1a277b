import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { userOf } from '../../../src/gateway/auth/mtls.js';
import { principalOf } from '../../../src/gateway/client.js';
import { type CertificateName, certificateNames, matchingName } from '../../../src/tls/index.js';
import { cert } from '../../support/certs.js';

const names = [
  { kind: 'URI', value: 'spiffe://example.org/team/a' },
  { kind: 'DNS', value: 'Client.example.org' },
  { kind: 'EMAIL', value: 'ada@example.org' },
  { kind: 'CN', value: 'Ada Lovelace' },
] as const;

describe('the names of a certificate', () => {
  it('are read from it, the most telling first', async () => {
    const certificate = new X509Certificate(await readFile(cert('server.crt')));
    expect(certificateNames(certificate)).toEqual([
      { kind: 'DNS', value: 'P' },
      { kind: 'DNS', value: 'mcp-plugin-P' },
      { kind: 'DNS', value: 'localhost' },
      { kind: 'CN', value: 'mcp-plugin-P', besideSan: true },
    ]);
  });

  it.each([
    ['URI:spiffe://example.org/team/*', 'URI'],
    ['spiffe://example.org/team/a', 'URI'],
    ['URI:spiffe://example.org/*', undefined],
    ['URI:spiffe://*', undefined],
    ['DNS:client.EXAMPLE.org', 'DNS'],
    ['DNS:*.example.org', 'DNS'],
    ['DNS:*.org', undefined],
    ['EMAIL:*@example.org', 'EMAIL'],
    ['EMAIL:*', undefined],
    ['CN:Ada*', 'CN'],
    ['CN:ada*', undefined],
    ['CN:client.example.org', undefined],
    ['CN:.*', undefined],
    ['*', 'CN'],
  ])('%s fits the %s', (pattern, kind) => {
    expect(matchingName(names, pattern)?.kind).toBe(kind);
  });

  it('a pattern of many stars takes no time', () => {
    const long = [{ kind: 'CN', value: 'a'.repeat(2_000) }] as const;
    expect(matchingName(long, `CN:${'*'.repeat(500)}b`)).toBeUndefined();
  });

  it('say who it is: the first entry counts, and nobody else passes', () => {
    const users = [
      { match: 'CN:Nobody', user: 'nobody' },
      { match: 'EMAIL:*@example.org', tenant: 'research' },
      { match: '*', user: 'anyone' },
    ];
    const who = (given: object, tenant: string | null) => ({
      result: { kind: 'known', identity: { ...given, tenant, method: 'mtls' } },
    });
    expect(userOf(names, users)).toEqual(who({ user: 'ada@example.org', nameKind: 'EMAIL' }, 'research'));
    expect(userOf(names, [])).toEqual(who({ user: 'spiffe://example.org/team/a', nameKind: 'URI' }, null));
    expect(userOf(names.slice(3), users)).toEqual({
      ...who({ user: 'anyone' }, null),
      commonName: 'Ada Lovelace',
    });
    expect(userOf(names, users.slice(0, 1)).result).toMatchObject({ kind: 'unknown', status: 403 });
    expect(userOf([], []).result).toMatchObject({ kind: 'unknown', status: 403 });
  });

  const principal = (...names: CertificateName[]) => {
    const { result } = userOf(names, []);
    return result.kind === 'known' ? principalOf(result.identity) : undefined;
  };

  it.each(['spiffe://t/alice', 'alice', 'alice@example.org'])(
    '[M13,M14] the text %s is another principal for each kind of name that has it',
    (value) => {
      const kinds = ['URI', 'DNS', 'EMAIL', 'CN'] as const;
      const principals = kinds.map((kind) => principal({ kind, value }));
      expect(new Set(principals).size).toBe(4);
      const named = userOf([{ kind: 'CN', value: 'x' }], [{ match: 'CN:x', user: value }]).result;
      expect(principals).not.toContain(named.kind === 'known' && principalOf(named.identity));
    },
  );

  it('plugins, which see the text alone, see no URI in what is none', () => {
    const seen = userOf([{ kind: 'CN', value: 'spiffe://t/alice' }], []).result;
    expect(seen).toMatchObject({ identity: { user: 'CN:spiffe://t/alice' } });
  });

  it('a CN beside a SAN is nobody, unless an entry asks for it as CN:', () => {
    const beside = [{ kind: 'CN', value: 'ada', besideSan: true }] as const;
    expect(userOf(beside, []).result).toMatchObject({ kind: 'unknown', status: 403 });
    expect(userOf(beside, [{ match: '*' }]).result).toMatchObject({ kind: 'unknown', status: 403 });
    expect(userOf(beside, [{ match: 'CN:ada' }])).toEqual({
      result: { kind: 'known', identity: { user: 'ada', nameKind: 'CN', tenant: null, method: 'mtls' } },
    });
  });
});
