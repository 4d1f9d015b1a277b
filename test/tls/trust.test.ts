import { sign, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ClientWithoutRole, SelfSignedServer } from '../../src/errors.js';
import { signCrl } from '../../src/pki/crl.js';
import { derValues } from '../../src/pki/der.js';
import type { Issued } from '../../src/pki/index.js';
import { loadCrls } from '../../src/tls/load.js';
import { remarkOnce } from '../../src/tls/reasons.js';
import { anyPeer, judgePeer, type PeerRule, pinOf } from '../../src/tls/trust.js';
import { keptLog } from '../manager/handles.js';
import { rsaKey } from '../support/certs.js';
import { gatewayLeaf, newCa, newCrl } from '../support/trust.js';
import { ca as madeCa, parsed, resigned, version1 } from './made.js';

const day = 86_400_000;
const later = (days: number) => new Date(Date.now() + days * day);

async function crlsOf(cas: readonly Issued[], text: string, now = new Date()) {
  const authorities = cas.map(parsed);
  return loadCrls(text, { path: 'ca.crl', caBundle: 'ca.crt', authorities, intermediates: [], now });
}

function judge(
  peer: Issued | undefined,
  cas: readonly Issued[],
  more: { rule?: PeerRule; crls?: Awaited<ReturnType<typeof crlsOf>>; now?: Date } = {},
) {
  const { rule = anyPeer, crls = [], now = new Date() } = more;
  const set = { authorities: cas.map(parsed), crls };
  return judgePeer(peer ? [parsed(peer)] : [], { set, rule, peer: 'the client x', side: 'server', now });
}
/** The same list, signed by an RSA key over another hash: the numbers of both algorithms are of one length. */
function overSha1(pem: string, ca: Issued): string {
  const hex = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64').toString('hex');
  const list = Buffer.from(hex.replaceAll('2a864886f70d01010b', '2a864886f70d010105'), 'hex');
  const [outer] = derValues(list) ?? [];
  const [content] = (outer && derValues(outer.content)) ?? [];
  const signature = sign('sha1', content?.whole ?? Buffer.alloc(0), ca.keyPem);
  signature.copy(list, list.length - signature.length);
  return `-----BEGIN X509 CRL-----\n${list.toString('base64')}\n-----END X509 CRL-----\n`;
}
const refusal = (code: string) => ({ kind: 'refused', error: { code } });

describe('a peer is judged again', () => {
  it('[O3] by its chain: until the first certificate of it ends', async () => {
    const [ca, other] = [await newCa(), await newCa()];
    const leaf = await gatewayLeaf(ca);
    expect(judge(leaf, [ca])).toMatchObject({ kind: 'trusted', until: new Date(parsed(leaf).validTo) });
    expect(judge(leaf, [other, ca])).toMatchObject({ kind: 'trusted' });
    expect(judge(leaf, [other])).toMatchObject(refusal('SALLY_TLS_UNKNOWN_CA'));
    expect(judge(leaf, [])).toMatchObject(refusal('SALLY_TLS_UNKNOWN_CA'));
    expect(judge(undefined, [ca])).toMatchObject(refusal('SALLY_TLS_UNKNOWN_CA'));
  });

  it('[O3] by the clock', async () => {
    const ca = await newCa();
    const leaf = await gatewayLeaf(ca);
    expect(judge(leaf, [ca], { now: later(61) })).toMatchObject(refusal('SALLY_TLS_PEER_EXPIRED'));
    expect(judge(leaf, [ca], { now: later(-5) })).toMatchObject(refusal('SALLY_TLS_PEER_NOT_YET_VALID'));
  });

  it('[O3] by pins of its key, or of the key of a CA above it', async () => {
    const ca = await newCa();
    const [leaf, other] = [await gatewayLeaf(ca), await gatewayLeaf(ca)];
    const pinned = (...pins: string[]) => ({ rule: { ...anyPeer, pins } });
    const pin = pinOf(parsed(leaf));
    expect(pin).toMatch(/^sha256\/[A-Za-z0-9+/]{43}=$/);
    expect(judge(leaf, [ca], pinned(pin)).kind).toBe('trusted');
    expect(judge(leaf, [ca], pinned(pinOf(parsed(ca)))).kind).toBe('trusted');
    const refused = judge(other, [ca], pinned(pin));
    expect(refused).toMatchObject(refusal('SALLY_TLS_PIN'));
    expect(refused).toMatchObject({ error: { message: expect.stringContaining(pinOf(parsed(other))) } });
  });

  it('[O3] by who it has to be, in the words of the side that asks', async () => {
    const ca = await newCa();
    const leaf = await gatewayLeaf(ca);
    const identity = { kind: 'client', allowed: ['URI:spiffe://other/*'] } as const;
    expect(judge(leaf, [ca], { rule: { identity } })).toMatchObject(refusal('SALLY_TLS_CLIENT_NOT_ALLOWED'));
    const set = { authorities: [parsed(ca)], crls: [] };
    const rule = { identity: { kind: 'plugin', name: 'P', required: false } } as const;
    const asked = { set, rule, peer: 'x', side: 'client', now: new Date() } as const;
    expect(judgePeer([parsed(leaf)], asked)).toMatchObject(refusal('SALLY_TLS_WRONG_PLUGIN'));
  });

  it('[O3] and one that says nothing of its role is told, but where a pin says who it is', async () => {
    const ca = await newCa();
    const leaf = await gatewayLeaf(ca, { sans: [{ type: 'dns', value: 'host' }] });
    const rule = { identity: { kind: 'client' } } as const;
    expect(judge(leaf, [ca], { rule })).toMatchObject({ remarks: [{ code: 'SALLY_TLS_NO_ROLE' }] });
    const pins = [pinOf(parsed(leaf))];
    expect(judge(leaf, [ca], { rule: { ...rule, pins } })).toMatchObject({ kind: 'trusted', remarks: [] });
  });

  it('[O3] by revocation lists, until the first of them ends', async () => {
    const ca = await newCa();
    const [good, bad] = [await gatewayLeaf(ca), await gatewayLeaf(ca)];
    const crls = await crlsOf([ca], await newCrl(ca, [bad]));
    expect(judge(good, [ca], { crls })).toMatchObject({ kind: 'trusted', until: crls[0]?.nextUpdate });
    expect(judge(bad, [ca], { crls })).toMatchObject(refusal('SALLY_TLS_REVOKED'));
    expect(judge(good, [ca], { crls, now: later(31) })).toMatchObject(refusal('SALLY_TLS_CRL'));
  });
});

describe('revocation lists', () => {
  it('[O3] count for every certificate of a chain, not for the first alone', async () => {
    const root = await newCa('Root');
    const middle = resigned(await newCa('Middle'), root);
    const chain = [parsed(await gatewayLeaf(middle)), parsed(middle)];
    const judged = async (...revoked: Issued[]) => {
      const text = `${await newCrl(root, revoked)}${await newCrl(middle)}`;
      const crls = await loadCrls(text, {
        path: 'ca.crl',
        caBundle: 'ca.crt',
        authorities: [parsed(root)],
        intermediates: [parsed(middle)],
        now: new Date(),
      });
      const set = { authorities: [parsed(root)], crls };
      return judgePeer(chain, { set, rule: anyPeer, peer: 'x', side: 'server', now: new Date() });
    };
    expect(await judged()).toMatchObject({ kind: 'trusted' });
    expect(await judged(middle)).toMatchObject(refusal('SALLY_TLS_REVOKED'));
  });

  it('[O3] that name a certificate count when they have ended, and are good to the end of their last second', async () => {
    const ca = await newCa();
    const [good, bad] = [await gatewayLeaf(ca, { notBefore: later(-20) }), await gatewayLeaf(ca)];
    const old = await crlsOf([ca], await newCrl(ca, [bad], -9, -1), later(-5));
    const crls = await crlsOf([ca], await newCrl(ca));
    expect(judge(bad, [ca], { crls: [...old, ...crls] })).toMatchObject(refusal('SALLY_TLS_REVOKED'));
    const end = crls[0]?.nextUpdate ?? new Date();
    expect(judge(good, [ca], { crls, now: end }).kind).toBe('trusted');
    const after = new Date(end.getTime() + 1);
    expect(judge(good, [ca], { crls, now: after })).toMatchObject(refusal('SALLY_TLS_CRL'));
  });

  it('[O3] of two CAs of one name: each has its own', async () => {
    const [a, b] = [await newCa(), await newCa()];
    const bad = await gatewayLeaf(b);
    const crls = await crlsOf([a, b], `${await newCrl(a)}${await newCrl(b, [bad])}`);
    expect(judge(bad, [a, b], { crls })).toMatchObject(refusal('SALLY_TLS_REVOKED'));
    expect(judge(await gatewayLeaf(a), [a, b], { crls }).kind).toBe('trusted');
  });

  it.each<[string, (a: Issued, b: Issued) => Promise<string>, string]>([
    [
      'that has ended',
      async (a, b) => `${await newCrl(a, [], -9, -1)}${await newCrl(b)}`,
      'SALLY_CRL_EXPIRED',
    ],
    ['of tomorrow', async (a, b) => `${await newCrl(a, [], 1)}${await newCrl(b)}`, 'SALLY_CRL_NOT_YET_VALID'],
    [
      'of another CA',
      async (a, b) => `${await newCrl(a)}${await newCrl(b)}${await newCrl(await newCa())}`,
      'SALLY_CRL_FOREIGN',
    ],
    ['of one CA of two', (a) => newCrl(a), 'SALLY_CRL_MISSING'],
    [
      'that is cut off',
      async (a, b) => `${await newCrl(a)}${(await newCrl(b)).slice(0, -30)}`,
      'SALLY_TLS_NOT_PEM',
    ],
    ['that is none', async (a) => a.certPem, 'SALLY_TLS_NOT_PEM'],
    ['that is damaged', async (a) => (await newCrl(a)).replace(/MI../, 'AAAA'), 'SALLY_TLS_NOT_PEM'],
  ])('[O3] a list %s is an error', async (_title, text, code) => {
    const [a, b] = [await newCa('A'), await newCa('B')];
    await expect(crlsOf([a, b], await text(a, b))).rejects.toMatchObject({ code });
  });

  it('[O3] a list over SHA-1 counts, and is named as weak', async () => {
    const ca = await madeCa('A', { keyPem: rsaKey(2048) });
    const pem = await signCrl({
      ca,
      number: 1n,
      thisUpdate: later(-1),
      nextUpdate: later(1),
      revoked: [],
    });
    expect((await crlsOf([ca], pem))[0]?.weak).toBe(false);
    expect((await crlsOf([ca], overSha1(pem, ca)))[0]?.weak).toBe(true);
  });

  it('[O3] a CA that signs with another key under the name of a CA does not count', async () => {
    const ca = await newCa();
    await expect(crlsOf([ca], await newCrl(await newCa()))).rejects.toMatchObject({
      code: 'SALLY_CRL_FOREIGN',
    });
  });
});

it('[O3] a root of X.509 version 1 is a CA to a live connection as it is to a new one', () => {
  const root = version1('Old root');
  const set = { authorities: [new X509Certificate(root.certPem)], crls: [] };
  const asked = { set, rule: anyPeer, peer: 'x', side: 'server', now: new Date() } as const;
  expect(judgePeer([parsed(version1('leaf', root))], asked).kind).toBe('trusted');
});

it('[O3] who is its own CA may be a server that the bundle names, and no client', async () => {
  const alone = await newCa('localhost');
  const set = { authorities: [parsed(alone)], crls: [] };
  const asked = { set, rule: anyPeer, peer: 'x', now: new Date() } as const;
  expect(judgePeer([parsed(alone)], { ...asked, side: 'client' })).toMatchObject({
    kind: 'trusted',
    remarks: [{ code: 'SALLY_TLS_PEER_SELF_SIGNED' }],
  });
  expect(judgePeer([parsed(alone)], { ...asked, side: 'server' })).toMatchObject(
    refusal('SALLY_TLS_PEER_WEAK'),
  );
});

it('[O3] a remark on connections is told once for each kind', () => {
  const { log, lines } = keptLog();
  const remark = remarkOnce(log);
  const [one, other] = [
    ClientWithoutRole(ClientWithoutRole.example),
    SelfSignedServer(SelfSignedServer.example),
  ];
  for (const each of [one, one, other, one]) remark(each);
  expect(lines).toEqual(
    [one, other].map(({ code, remedy, message }) => ({ level: 'warn', fields: { code, remedy }, message })),
  );
});
