import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestPluginName, parsePluginName, parsePluginNames } from '../../src/pki/names.js';

describe('names of plugins', () => {
  it.each(['MyPlugin', 'a', '7zip', 'my-plugin.v2', 'snake_case', 'x'.repeat(52)])(
    '[C6] accepts %s',
    (name) => {
      expect(parsePluginName(name)).toBe(name);
    },
  );

  it.each([
    ['', 'empty'],
    ['../evil', '"/"'],
    ['..', 'begins'],
    ['.', 'begins'],
    ['a..b', 'begins, ends or goes on'],
    ['.hidden', 'begins'],
    ['end.', 'ends'],
    ['-rf', 'begins'],
    ['end-', 'ends'],
    ['a.-b', 'goes on'],
    ['two words', '" "'],
    ['back\\slash', '"\\\\"'],
    ['new\nline', '"\\n"'],
    ['nul\0', '"\\u0000"'],
    ['naïve', '"ï"'],
    ['*', '"*"'],
    ['127.0.0.1', 'IP address'],
    ['x'.repeat(53), '53 characters'],
  ])('[C9] refuses %j and says why', (name, reason) => {
    expect(() => parsePluginName(name)).toThrowError(
      expect.objectContaining({
        code: 'SALLY_CERT_PLUGIN_NAME',
        message: expect.stringContaining(reason),
        exitStatus: 2,
      }),
    );
  });

  it('[C9] whatever is accepted is one path segment, a common name and a DNS name', () => {
    const text = fc.oneof(fc.string({ unit: fc.constantFrom(...'aZ09._-/ ') }), fc.string());
    fc.assert(
      fc.property(text, (name) => {
        try {
          parsePluginName(name);
        } catch {
          return;
        }
        const dns = `mcp-plugin-${name}`;
        expect(name).toMatch(/^[A-Za-z0-9]/);
        expect(name.length).toBeLessThanOrEqual(longestPluginName);
        for (const label of dns.split('.')) expect(label).toMatch(/^[A-Za-z0-9](?:[\w-]{0,61}\w)?$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('[C9] refuses two names that differ in letter case only', () => {
    expect(() => parsePluginNames(['One', 'Two', 'oNE'])).toThrowError(
      expect.objectContaining({
        code: 'SALLY_CERT_PLUGIN_NAMES_CLASH',
        message: expect.stringContaining('One and oNE'),
      }),
    );
  });

  it('takes a name that is given twice once', () => {
    expect(parsePluginNames(['A', 'B', 'A'])).toEqual(['A', 'B']);
  });
});
