import { describe, expect, it } from 'vitest';
import { templateMatcher } from '../../../src/gateway/router/uris.js';

const templateMatches = await templateMatcher();

describe('a URI template', () => {
  it.each([
    ['demo://resource/{id}', 'demo://resource/7', true],
    ['demo://resource/{id}', 'demo://resource/7/more', false],
    ['demo://resource/{id}', 'other://resource/7', false],
    ['demo://{name}/{id}', 'demo://a%2Fb/7', true],
    ['file:///{+path}', 'file:///a/b/c.txt', true],
    ['files{/segments*}', 'files/a/b', true],
    ['search{?q,lang}', 'search?q=a&lang=de', true],
    ['search{?q}', 'search', true],
    ['a.b/{id}', 'aXb/1', false],
    ['plain://uri', 'plain://uri', true],
    ['page{#part}', 'page#one', true],
  ])('%s of %s: %s', (template, uri, matches) => {
    expect(templateMatches(template, uri)).toBe(matches);
  });

  it('takes time linear in what a hostile upstream and client write', () => {
    const template = `x://${'{+a}'.repeat(200)}!`;
    expect(templateMatches(template, `x://${'a'.repeat(2_000)}`)).toBe(false);
    expect(templateMatches('{a}'.repeat(5_000), 'a')).toBe(false);
  });
});
