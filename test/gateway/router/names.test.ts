import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canClash,
  fullName,
  isShown,
  type Offer,
  offerOf,
  ownName as ownNameOf,
  publicName as publicNameOf,
} from '../../../src/gateway/router/lists.js';
import { patternMatches } from '../../../src/gateway/router/uris.js';

const publicName = (one: Offer, name: string) => publicNameOf('tools', name, one);
const ownName = (one: Offer, name: string) => ownNameOf('tools', name, one);
const mayCollide = (a: Offer, b: Offer) => canClash('tools', a, b);
const nameOffered = (one: Offer, name: string) => isShown('tools', name, one);
const uriOffered = (one: Offer, uri: string) => isShown('resources', uri, one);
const settings = (more: object = {}) =>
  ({ name: 'files', prefix: 'auto', include: [], exclude: [], ...more }) as Parameters<typeof offerOf>[0];
const offer = (more: object = {}, count = 2) => offerOf(settings(more), count);

describe('[M7] the names of an upstream', () => {
  it('stay as they are where there is one, and have its name before them where there are several', () => {
    expect(publicName(offer({}, 1), 'read')).toBe('read');
    expect(publicName(offer({}, 2), 'read')).toBe('files__read');
    expect(publicName(offer({ prefix: 'always' }, 1), 'read')).toBe('files__read');
    expect(publicName(offer({ prefix: 'never' }, 2), 'read')).toBe('read');
  });

  it('come back as the upstream has them, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.string({ minLength: 1 }),
        fc.boolean(),
        (upstream, name, always) => {
          const one = offer({ name: upstream, prefix: always ? 'always' : 'never' });
          expect(ownName(one, fullName('tools', name, one))).toBe(name);
        },
      ),
    );
  });

  it('are nobody else’s: a name with another prefix, or with nothing after it', () => {
    expect(ownName(offer(), 'web__read')).toBeUndefined();
    expect(ownName(offer(), 'files__')).toBeUndefined();
    expect(ownName(offer(), 'files_read')).toBeUndefined();
  });

  it('can meet those of another where one of the two has no prefix, or one prefix begins with the other', () => {
    const named = (name: string, prefix = 'auto') => offer({ name, prefix });
    expect(mayCollide(named('a'), named('b'))).toBe(false);
    expect(mayCollide(named('a'), named('ab'))).toBe(false);
    expect(mayCollide(named('a'), named('a__b'))).toBe(true);
    expect(mayCollide(named('a'), named('b', 'never'))).toBe(true);
  });

  it('meet only where that is foreseen', () => {
    const word = fc.stringMatching(/^[ab_]{1,6}$/);
    fc.assert(
      fc.property(word, word, word, word, (upstream, other, name, otherName) => {
        fc.pre(upstream !== other);
        const [a, b] = [offer({ name: upstream }), offer({ name: other })];
        if (publicName(a, name) === publicName(b, otherName)) expect(mayCollide(a, b)).toBe(true);
      }),
    );
  });
});

describe('[M7] patterns', () => {
  it('have one sign, * for any text', () => {
    expect(patternMatches('read_*', 'read_file')).toBe(true);
    expect(patternMatches('*_file', 'read_file')).toBe(true);
    expect(patternMatches('r*d*e', 'read_file')).toBe(true);
    expect(patternMatches('read', 'read_file')).toBe(false);
    expect(patternMatches('a*a', 'a')).toBe(false);
    expect(patternMatches('read.file', 'readXfile')).toBe(false);
  });

  it('match what a regular expression of the same meaning matches', () => {
    const text = fc.stringMatching(/^[ab*]{0,8}$/);
    fc.assert(
      fc.property(text, fc.stringMatching(/^[ab]{0,8}$/), (pattern, value) => {
        const same = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
        expect(patternMatches(pattern, value)).toBe(same.test(value));
      }),
    );
  });

  it('let through what is included and not excluded', () => {
    expect(nameOffered(offer(), 'anything')).toBe(true);
    expect(nameOffered(offer({ include: ['read_*'] }), 'write_file')).toBe(false);
    expect(nameOffered(offer({ include: ['read_*'], exclude: ['*_secret'] }), 'read_secret')).toBe(false);
    expect(nameOffered(offer({ include: ['read_*'], exclude: ['*_secret'] }), 'read_file')).toBe(true);
  });

  it.each([
    'file:///secret/key',
    'file:///docs/../secret/key',
    'file:///docs/%2e%2e/secret/key',
    'file:///%73ecret/key',
    'file:///%2573ecret/key',
    'FILE:///secret/key',
  ])('exclude a resource in every spelling: %s', (uri) => {
    expect(uriOffered(offer({ exclude: ['file:///secret/*'] }), uri)).toBe(false);
    expect(uriOffered(offer({ include: ['file:///docs/*'] }), uri)).toBe(false);
  });

  it('include a resource whose name has to be escaped', () => {
    expect(uriOffered(offer({ include: ['note:///Été 1'] }), 'note:///Été 1')).toBe(true);
    expect(uriOffered(offer({ include: ['file:///docs/*'] }), 'file:///docs/a%20b.txt')).toBe(true);
  });
});
