import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invalid, parse, problems, serving } from './helpers.js';

const config = (value: string, env: Record<string, string>) =>
  parse(`plugins:\n  - name: A\n    kind: x.js\n    config:\n      text: ${value}\n`, { env }).plugins[0]
    ?.config?.['text'];

describe('{{ env.NAME }}', () => {
  it.each([
    ['"{{ env.X }}"', 'v'],
    ['\'a {{ env["X"] }} {{ env.X }} b\'', 'a v v b'],
    ['"{{ env.NOPE | default(\'d\') }}"', 'd'],
    ['"{{ env.EMPTY | default(\'d\') }}"', ''],
    ['"{{ env.EMPTY | default(\'d\', true) }}"', 'd'],
    ['"{{ env.X | upper }}"', 'V'],
    ['"{{ env.Y | lower }}"', ' w '],
    ['"{{ env.Y | trim }}"', 'W'],
    ['"{{ \'{{\' }} name }}"', '{{ name }}'],
    ['"no template } here {"', 'no template } here {'],
    ['|\n        one {{ env.X }}\n        two\n', 'one v\ntwo\n'],
    ['"{{ env.items | default(\'none\') }}"', 'none'],
    ['"{{ (env.NOPE | default(env.X)) | upper }}"', 'V'],
    ['"{{ env.NOPE | default(env.EMPTY | default(\'d\', True)) }}"', 'd'],
    [
      '"{{ env.NOPE | default(8000) }}, {{ env.NOPE | default(false) }}, {{ env.NOPE | default() }}."',
      '8000, false, .',
    ],
    ['"a {{- env.X -}} b {#- what is left out -#} c"', 'avbc'],
    ['\'{{ "a\\n" "\\x41\\u00e9\\"" }}\'', 'a\nAé"'],
    ['|-\n        {{ env.X -}}\n\n        two\n', 'vtwo'],
  ])('[S2] renders %s', (template, expected) => {
    expect(config(template, { X: 'v', Y: ' W ', EMPTY: '' })).toBe(expected);
  });

  it('[S2] is rendered once: a template in a value stays text', () => {
    expect(config('"{{ env.X }}"', { X: '{{ env.Y }}', Y: 'secret' })).toBe('{{ env.Y }}');
  });

  it('[S2] reads a rendered text as the type of its field', () => {
    const text = serving(['port: "{{ env.PORT }}"']);
    expect(parse(text, { side: 'server', env: { PORT: '8123' } }).server.port).toBe(8123);
    expect(problems(text, { env: { PORT: '8e3' } })).toEqual(['3:9 WRONG_TYPE']);
    expect(problems(text, { env: { PORT: '70000' } })).toEqual(['3:9 BAD_VALUE']);
  });

  it('[S2] names the variable that is not set, and the place', () => {
    const error = invalid(serving(['host: "{{ env.WHERE }}"']));
    expect(error.message).toContain(
      'conf/p.yaml:3:9  server_settings.host takes its value from the variable WHERE, which is not set',
    );
  });

  it.each([
    ['host: {{ env.H }}', '"{{ env.H }}"'],
    ['host: {{ env["H"] }}', `'{{ env["H"] }}'`],
    ['host: {{ env.H }}.example', '"{{ env.H }}.example"'],
    ['host: a.{{ env.H }}', '"a.{{ env.H }}"'],
  ])('[S2] without quotes is an error that shows them: %s', (line, quoted) => {
    const error = invalid(serving([line]), { env: { H: 'h' } });
    expect(error.message).toContain(`write it in quotes: ${quoted}`);
  });

  it.each([
    '"{% for x in env %}{{ x }}{% endfor %}"',
    '"{{ env }}"',
    '"{{ process }}"',
    '"{{ env.get(\'X\') }}"',
    '"{{ range(1000000000) }}"',
    "\"{{ env.X | replace('a', 'b') }}\"",
    '"{{ env.X ~ env.X }}"',
    '"{{ env."',
    '"{{ env.X.constructor }}"',
    '"{{ }}"',
    '"{{ env.X | default }}"',
    '"{{ env.X | upper() }}"',
    "\"{{ env.X | default('a', 'b') }}\"",
    '"{{ env.X | default(\'a\', true, 1) }}"',
    '"{{ env.NOPE | upper | default(\'a\') }}"',
    '\'{{ "\\q" }}\'',
    '"{# {{ env.X }}"',
    `"{{ ${'('.repeat(1000)}"`,
    `"{{ env.X }}${' '.repeat(8192)}"`,
  ])('refuses %s', (template) => {
    const text = `plugins: [{name: A, kind: x, config: {a: ${template}}}]`;
    expect(problems(text, { env: { X: 'v' } })).toEqual(['1:42 TEMPLATE']);
  });

  it('never shows the value of a variable or a field that looks like a secret', () => {
    const env = { DB_PASSWORD: 'hunter2', PW: 'hunter2', API_TOKEN: 'hunter2', MY_KEY: 'hunter2' };
    const text = [
      'plugins:',
      '  - name: A',
      '    kind: external',
      '    mode: "{{ env.API_TOKEN }}"',
      '    mcp: {url: "https://x:{{ env.PW }}@h/mcp", tls: {keyfile_password: [hunter2]}}',
      'server_settings: {port: "{{ env.DB_PASSWORD }}", host: "{{ env.MY_KEY }} x", tls: {keyfile_password: 42}}',
      '',
    ].join('\n');
    const error = invalid(text, { env });
    expect(error.message.match(/\(hidden\)/g)).toHaveLength(5);
    expect(JSON.stringify([error.message, error.remedy, error.context])).not.toMatch(/hunter2|42[^0-9:]"/);
  });

  it('[S2] a value can never change the structure of the file', () => {
    const yamlish = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(
          fc.constantFrom('\n', '  ', '- ', ': ', '"', "'", '{', '}', '[', '#', '&a', '{{ env.X }}', 'name'),
        )
        .map((p) => p.join('')),
    );
    fc.assert(
      fc.property(yamlish, (value) => {
        const text = 'plugins: [{name: A, kind: x.js, config: {before: 1, text: "<{{ env.X }}>", after: 2}}]';
        expect(parse(text, { env: { X: value } }).plugins).toEqual([
          { name: 'A', kind: 'x.js', config: { before: 1, text: `<${value}>`, after: 2 } },
        ]);
      }),
    );
  });
});
