import { describe, expect, it } from 'vitest';
import { invalid, parse, problems } from './helpers.js';

const entry = (...lines: string[]) =>
  ['plugins:', '  - name: A', '    kind: x.js', ...lines.map((line) => `    ${line}`), ''].join('\n');

describe('plugins', () => {
  it('[S2] reads every key of an entry', () => {
    const text = entry(
      'description: d',
      'hooks: [tool_pre_invoke, some_new_hook]',
      'tags: []',
      'mode: permissive',
      'on_error: ignore',
      'priority: -3',
      'version: "1.0"',
      'max_content_size: 10',
      'conditions: [{tools: [a, b], tenant_ids: [t]}, {}]',
      'applied_to: {tools: [{any: thing}]}',
      'config: {words: [{search: a}], n: 1.5, none: null}',
      'author: null',
    );
    expect(parse(text).plugins).toEqual([
      {
        name: 'A',
        kind: 'x.js',
        description: 'd',
        version: '1.0',
        hooks: ['tool_pre_invoke', 'some_new_hook'],
        tags: [],
        mode: 'permissive',
        on_error: 'ignore',
        priority: -3,
        conditions: [{ tenant_ids: ['t'], tools: ['a', 'b'] }, {}],
        applied_to: { tools: [{ any: 'thing' }] },
        max_content_size: 10,
        config: { words: [{ search: 'a' }], n: 1.5, none: null },
      },
    ]);
  });

  it('the value is frozen to its leaves', () => {
    const config = parse(entry('config: {a: {b: [1]}}'));
    const inner = config.plugins[0]?.config?.['a'] as { b: number[] };
    expect(
      [config, config.plugins, config.server, config.warnings, inner, inner.b].every(Object.isFrozen),
    ).toBe(true);
  });

  it('has defaults for plugin_settings, and takes them in seconds', () => {
    expect(parse('plugins: []').settings).toEqual({
      pluginTimeoutMs: 30_000,
      failOnPluginError: false,
      parallelExecutionWithinBand: false,
      pluginHealthCheckIntervalMs: 60_000,
      awayAfterTimeouts: 3,
      probeIntervalMs: 10_000,
      maxPayloadBytes: 1_000_000,
    });
    const given = parse(
      'plugins: []\nplugin_settings: {plugin_timeout: 0.57, fail_on_plugin_error: true}',
    ).settings;
    expect([given.pluginTimeoutMs, given.failOnPluginError]).toEqual([570, true]);
  });

  it.each([
    [
      'an external entry with config',
      entry('config: {}').replace('x.js', 'external\n    mcp: {url: "http://[::1]/p"}'),
      '5:5 MISPLACED_KEY',
    ],
    ['an external entry without mcp', entry().replace('x.js', 'external'), '2:5 MISSING_KEY'],
    ['mcp on another entry', entry('mcp: {url: "http://[::1]/p"}'), '4:5 MISPLACED_KEY'],
    ['an entry without a name', 'plugins: [{kind: x}]', '1:11 MISSING_KEY'],
    ['an entry without a kind', 'plugins: [{name: x}]', '1:11 MISSING_KEY'],
    ['an entry that is no map', 'plugins: [x]', '1:11 WRONG_TYPE'],
    ['an empty name', 'plugins: [{name: " ", kind: x}]', '1:18 BAD_VALUE'],
    ['no plugins', 'plugin_dirs: []', '1:1 MISSING_KEY'],
    ['empty plugins', 'plugins:', '1:1 WRONG_TYPE'],
    ['an unknown key at the top', 'plugins: []\ngatewy: {}', '2:1 UNKNOWN_KEY'],
    ['an unknown condition', entry('conditions: [{tool: [a]}]'), '4:19 UNKNOWN_KEY'],
    ['a condition that is one text', entry('conditions: [{tools: a}]'), '4:26 WRONG_TYPE'],
    ['a text for a list of hooks', entry('hooks: tool_pre_invoke'), '4:12 WRONG_TYPE'],
    ['a mode in capitals', entry('mode: ENFORCE'), '4:11 BAD_VALUE'],
    ['a broken priority', entry('priority: 1.5'), '4:15 WRONG_TYPE'],
    ['a version that is a number', entry('version: 1.0'), '4:14 WRONG_TYPE'],
    ['a timeout of nothing', 'plugins: []\nplugin_settings: {plugin_timeout: 0}', '2:35 BAD_VALUE'],
    ['a timeout of ages', 'plugins: []\nplugin_settings: {plugin_timeout: 3601}', '2:35 BAD_VALUE'],
    ['a boolean of YAML 1.1', 'plugins: []\nplugin_settings: {fail_on_plugin_error: yes}', '2:41 WRONG_TYPE'],
  ])('[S2] refuses %s', (_, text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  it('refuses two plugins whose names differ in case only, and shows both places', () => {
    const text = 'plugins:\n  - {name: Mine, kind: x}\n  - {name: mINE, kind: y}\n';
    expect(problems(text)).toEqual(['3:12 DUPLICATE_PLUGIN']);
    expect(invalid(text).message).toContain('plugin "mINE" is already named at conf/p.yaml:2:12');
  });

  it.each([
    [entry('mode: ENFORCE'), "did you mean 'enforce'?"],
    [entry('hooks: tool_pre_invoke'), 'write it as a list: [tool_pre_invoke]'],
    [entry('version: 1.0'), 'write it in quotes: "1.0"'],
    [entry('priortiy: 5'), "did you mean 'priority'?"],
    [entry('zzz: 5'), 'remove it; known here: name, kind,'],
    ['plugins: []\nplugin_settings: {fail_on_plugin_error: yes}', 'write true, without quotes'],
  ])('says how to write it', (text, remedy) => {
    expect(invalid(text).message).toContain(remedy);
  });

  it('a misspelt key is not reported as missing too', () => {
    expect(problems('plugins: [{nmae: A, kind: x}]')).toEqual(['1:12 UNKNOWN_KEY']);
  });
});
