import { describe, expect, it } from 'vitest';
import { aliasOf, isAliasOf, looksLikeAlias } from '../../src/hooks/index.js';

const form = { maxLength: 64, characters: 'model' } as const;
const long = `files__${'read_the_whole_of_a_file_'.repeat(3)}now`;

describe('the alias of a name', () => {
  it('is none where models take the name as it is', () => {
    for (const name of ['read', 'files__read-1', 'x'.repeat(64)]) expect(aliasOf(name, form)).toBeUndefined();
    expect(aliasOf('a.b/c', { ...form, characters: 'any' })).toBeUndefined();
  });

  it('is the same at all times, fits, and is told from that of a name that begins alike', () => {
    const alias = aliasOf(long, form) ?? '';
    expect(alias).toBe('files__read_the_whole_of_a_file_read_the_whole_of_a_fil_26807f1b');
    expect(alias).toMatch(/^[a-zA-Z0-9_-]{64}$/);
    expect(aliasOf(`${long}!`, form)).not.toBe(alias);
    expect(aliasOf('git.hub/searchß', form)).toMatch(/^git_hub_search__[0-9a-f]{8}$/);
    expect(aliasOf(long, { ...form, maxLength: 32 })).toHaveLength(32);
  });

  it('is known again whatever the limit was, and the long one too', () => {
    for (const made of [
      aliasOf(long, form),
      aliasOf(long, { ...form, maxLength: 20 }),
      aliasOf(long, form, true),
    ]) {
      expect(looksLikeAlias(made ?? '')).toBe(true);
      expect(isAliasOf(made ?? '', long)).toBe(true);
      expect(isAliasOf(made ?? '', `${long}x`)).toBe(false);
    }
    expect(isAliasOf('other_26807f1b', long)).toBe(false);
    expect(looksLikeAlias('files__read')).toBe(false);
  });
});
