import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigInvalid } from '../../src/errors.js';
import { invalid, parse, problems } from './helpers.js';

describe('YAML', () => {
  it('[S2] tells every problem at once, with place, remedy and code', () => {
    const { message, exitStatus } = invalid('plugins: []\nserver_settings:\n  prot: 8000\n  host: 5\n');
    expect(exitStatus).toBe(3);
    expect(message).toBe(
      [
        'conf/p.yaml: 2 problems in the configuration',
        "  conf/p.yaml:3:3  unknown key 'prot' in server_settings",
        "    did you mean 'port'?  [SALLY_CONFIG_UNKNOWN_KEY]",
        '  conf/p.yaml:4:9  server_settings.host must be a host name or an IP address, but is 5',
        '    give a host name or an IP address  [SALLY_CONFIG_WRONG_TYPE]',
      ].join('\n'),
    );
  });

  it('says of a second document what it is, and nothing for programmers', () => {
    const { message } = invalid('plugins: []\n---\nplugins: []\n');
    expect(message).toContain('a second document begins here');
    expect(message).not.toContain('parseAllDocuments');
  });

  it('refuses a key that is given twice, and shows both places', () => {
    expect(problems('plugins: []\nserver_settings:\n  port: 1\n  port: 2\n')).toEqual(['4:3 DUPLICATE_KEY']);
    expect(invalid('plugins: []\nplugins: []\n').message).toContain('first at conf/p.yaml:1:1');
  });

  it.each([
    ['an empty text', '', '1:1 FILE'],
    ['comments only', '# plugins: []\n', '1:1 FILE'],
    ['a list', '- a\n', '1:1 WRONG_TYPE'],
    ['a tab as indentation', 'plugins:\n\t- a\n', '2:1 SYNTAX'],
    ['two documents', 'plugins: []\n---\nplugins: []\n', '2:1 SYNTAX'],
    ['an unknown tag', 'plugins: !python/object []\n', '1:10 SYNTAX'],
    ['an alias of itself', 'plugins: &a [*a]\n', '1:14 SYNTAX'],
  ])('refuses %s', (_, text, expected) => {
    expect(problems(text)).toContain(expected);
  });

  it('[S2] resolves anchors and merge keys, where the own key wins', () => {
    const text = 'plugins:\n  - &a {name: A, kind: x.js, priority: 5}\n  - {<<: *a, name: B}\n';
    expect(parse(text).plugins).toEqual([
      { name: 'A', kind: 'x.js', priority: 5 },
      { name: 'B', kind: 'x.js', priority: 5 },
    ]);
  });

  it('refuses aliases that multiply', () => {
    const lines = ['a: &a0 [1,1,1,1,1,1,1,1,1,1]'];
    for (let i = 1; i < 9; i += 1) lines.push(`b${i}: &a${i} [${`*a${i - 1},`.repeat(10)}]`);
    expect(invalid(lines.join('\n')).message).toContain('the aliases make more than 200000 values');
  });

  it.each(['[', '{a: ', '- ', 'a: ', '? ', '{? '])('refuses %j nested without end', (open) => {
    expect(invalid(open.repeat(30_000)).message).toContain('nested deeper than 64 levels');
  });

  it('refuses a map with more keys than any object of JSON may have', () => {
    const keys = Array.from({ length: 10_001 }, (_, i) => `k${i}: 1`);
    expect(invalid(keys.join('\n')).message).toContain('more than 10000 keys');
  });

  it('a key named __proto__ is a key like any other', () => {
    const [plugin] = parse('plugins: [{name: A, kind: x, config: {__proto__: {polluted: true}}}]').plugins;
    expect(Object.keys(plugin?.config ?? {})).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(plugin?.config)).toBe(Object.prototype);
  });

  it('never quotes in a syntax error what the file holds', () => {
    expect(invalid('plugins: []\n}hunter2\n').message).not.toContain('hunter2');
  });

  it('any text either parses or gives ConfigInvalid with places', () => {
    const piece = fc.constantFrom(
      'plugins:',
      'name: A',
      'kind: external',
      'mcp:',
      'url: http://h/p',
      'tls:',
      '\n',
      '\n  ',
      '\n    - ',
      ' ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '{{ env.X }}',
      '"{{ env.X }}"',
      '"{{',
      '{%',
      '"',
      "'",
      ': ',
      '? ',
      '&a ',
      '*a',
      '<<: ',
      '!!int ',
      '!x ',
      '|',
      '>',
      '#',
      '\t',
      '---',
      '%YAML 1.1',
      ',',
      '0x1F',
      '.nan',
      '~',
      '\u0000',
      '\ud800',
      'server_settings:',
      'port: ',
      '99999',
      'config:',
      'conditions:',
      '__proto__: ',
      'constructor: ',
      'toString',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 40 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom('server' as const, 'gateway' as const), (yaml, side) => {
        try {
          parse(yaml, { side });
        } catch (error) {
          if (!ConfigInvalid.is(error)) throw error;
          expect(error.message).toMatch(/:\d+:\d+ /);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
