import { describe, expect, it } from 'vitest';
import { findClashes, offerOf, shownEntries } from '../../../src/gateway/router/lists.js';

const offer = (name: string, more: object = {}) =>
  offerOf({ name, prefix: 'auto', include: [], exclude: [], ...more }, 2);

describe('[M7] the entries of an upstream', () => {
  it('have a new name, and are byte for byte the upstream’s otherwise', () => {
    const tool = {
      title: 'T',
      name: 'read',
      'x-unknown': { b: [1, null], a: 2 },
      inputSchema: { type: 'object' },
    };
    const [entry] = shownEntries('tools', [tool], offer('files'), new Set());
    expect(JSON.stringify(entry)).toBe(JSON.stringify(tool).replace('"read"', '"files__read"'));
    expect(shownEntries('tools', [tool], offer('files', { prefix: 'never' }), new Set())[0]).toBe(tool);
  });

  it('keep their URIs, which stand in results too', () => {
    const resource = { uri: 'file:///a', name: 'a' };
    expect(shownEntries('resources', [resource], offer('files'), new Set())).toEqual([resource]);
  });

  it('leave out what is excluded, what clashes, and what is no entry', () => {
    const entries = [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { title: 'nameless' }, null];
    const one = offer('files', { exclude: ['a'] });
    expect(shownEntries('tools', entries, one, new Set(['files__b']))).toEqual([{ name: 'files__c' }]);
    expect(shownEntries('tools', 'no list', one, new Set())).toEqual([]);
  });
});

describe('[M7] the tools that an editor has for a server', () => {
  it('are offered alone, without those that it has switched off, and nothing else is', () => {
    const entries = [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: '*' }];
    const shown = (tools: object, kind: 'tools' | 'prompts' = 'tools') =>
      shownEntries(kind, entries, offer('f', { prefix: 'never', tools }), new Set()).map(({ name }) => name);
    expect(shown({ exclude: ['b', '*'] })).toEqual(['a', 'c']);
    expect(shown({ include: ['a', 'b'], exclude: ['b'] })).toEqual(['a']);
    expect(shown({ include: [], exclude: [] })).toEqual([]);
    expect(shown({ include: ['a'], exclude: [] }, 'prompts')).toEqual(['a', 'b', 'c', '*']);
  });
});

describe('[M7] clashes', () => {
  it('name every upstream that offers the name', () => {
    const bare = { prefix: 'never' };
    const listings = [
      { offer: offer('a', bare), names: ['x', 'y'] },
      { offer: offer('b', bare), names: ['y', 'z'] },
      { offer: offer('c', bare), names: ['y'] },
    ];
    expect(findClashes('tools', listings)).toEqual([
      { kind: 'tools', name: 'y', upstreams: ['a', 'b', 'c'] },
    ]);
  });

  it('are none where the prefix or the patterns tell them apart', () => {
    const names = ['x'];
    expect(
      findClashes(
        'tools',
        [offer('a'), offer('b')].map((one) => ({ offer: one, names })),
      ),
    ).toEqual([]);
    const bare = { prefix: 'never' };
    const apart = [offer('a', { ...bare, exclude: ['x'] }), offer('b', bare)];
    expect(
      findClashes(
        'tools',
        apart.map((one) => ({ offer: one, names })),
      ),
    ).toEqual([]);
  });

  it('are seen where a prefix makes one name of two', () => {
    const listings = [
      { offer: offer('a'), names: ['b__x'] },
      { offer: offer('a__b'), names: ['x'] },
    ];
    expect(findClashes('tools', listings)).toEqual([
      { kind: 'tools', name: 'a__b__x', upstreams: ['a', 'a__b'] },
    ]);
  });
});
