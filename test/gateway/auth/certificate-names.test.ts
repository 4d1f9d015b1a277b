import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { userOf } from '../../../src/gateway/auth/mtls.js';
import { certificateNames, matchingName } from '../../../src/tls/index.js';
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
      { kind: 'CN', value: 'mcp-plugin-P' },
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
    const known = (user: string, tenant: string | null) => ({
      kind: 'known',
      identity: { user, tenant, method: 'mtls' },
    });
    expect(userOf(names, users)).toEqual(known('ada@example.org', 'research'));
    expect(userOf(names, [])).toEqual(known('spiffe://example.org/team/a', null));
    expect(userOf(names, users.slice(0, 1))).toMatchObject({ kind: 'unknown', status: 403 });
    expect(userOf([], [])).toMatchObject({ kind: 'unknown', status: 403 });
  });
});
