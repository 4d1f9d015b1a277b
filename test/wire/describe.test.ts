import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OnError, PluginEntry, PluginMode } from '../../src/config/index.js';
import { describePlugin, hideSecrets, readPluginReport } from '../../src/wire/index.js';

const entry: PluginEntry = { name: 'P', kind: './p.js' };

describe('a plugin as get_plugin_config reports it', () => {
  it('[S9] has the defaults of the contract', () => {
    expect(describePlugin(entry, ['tool_pre_invoke'])).toEqual({
      name: 'P',
      kind: './p.js',
      hooks: ['tool_pre_invoke'],
      tags: [],
      mode: 'enforce',
      priority: 100,
      conditions: [],
      config: {},
    });
  });

  it('[S9] has what its entry says, and the hooks that it really has', () => {
    const full: PluginEntry = {
      ...entry,
      description: 'd',
      author: 'a',
      namespace: 'n',
      version: '1.2.3',
      hooks: ['tool_pre_invoke', 'tool_post_invoke'],
      tags: ['t'],
      mode: 'permissive',
      priority: 0,
      conditions: [{ tools: ['search'] }],
      max_content_size: 10,
      config: { words: [{ search: 'a', replace: 'b' }] },
    };
    expect(describePlugin(full, ['tool_pre_invoke'])).toEqual({
      ...full,
      hooks: ['tool_pre_invoke'],
      on_error: 'ignore',
    });
  });

  it('[S9] says nothing of where it lives', () => {
    const mcp = { url: new URL('https://localhost:8000/mcp') } as unknown as NonNullable<PluginEntry['mcp']>;
    expect(describePlugin({ ...entry, kind: 'external', mcp }, [])).not.toHaveProperty('mcp');
  });

  it.each<[PluginMode, OnError | undefined, string]>([
    ['enforce', undefined, 'enforce'],
    ['enforce_ignore_error', undefined, 'enforce_ignore_error'],
    ['permissive', undefined, 'permissive'],
    ['disabled', undefined, 'disabled'],
    ['disabled', 'ignore', 'disabled'],
    ['sequential', undefined, 'enforce'],
    ['sequential', 'fail', 'enforce'],
    ['sequential', 'ignore', 'enforce_ignore_error'],
    ['sequential', 'disable', 'enforce_ignore_error'],
    ['transform', undefined, 'permissive'],
    ['transform', 'ignore', 'permissive'],
    ['audit', undefined, 'permissive'],
    ['concurrent', undefined, 'enforce'],
    ['concurrent', 'ignore', 'enforce_ignore_error'],
    ['fire_and_forget', undefined, 'permissive'],
  ])('[S9] %s with on_error %s is reported as %s', (mode, on_error, reported) => {
    const description = describePlugin({ ...entry, mode, ...(on_error && { on_error }) }, []);
    expect(description['mode']).toBe(reported);
    // Newer peers take an older name for one that fails on errors: they are told where it does not.
    const lenient = ['permissive', 'enforce_ignore_error'].includes(reported);
    expect(description['on_error']).toBe(lenient ? (on_error ?? 'ignore') : undefined);
  });
});

describe('secrets', () => {
  const secret = [
    'password',
    'db_password',
    'dbPassword',
    'PASSWORD',
    'passwd',
    'passphrase',
    'keyfile_password',
    'secret',
    'client_secret',
    'clientSecret',
    'secret_key',
    'aws_secret_access_key',
    'token',
    'access_token',
    'accessToken',
    'bearer_token',
    'credential',
    'credentials',
    'api_key',
    'apiKey',
    'api-key',
    'x-api-key',
    'private_key',
    'privateKey',
    'key',
    'auth',
    'authorization',
    'Authorization',
    'cookie',
    'set-cookie',
    'dsn',
    'connection_string',
  ];
  const open = [
    'words',
    'search',
    'replace',
    'keyboard',
    'monkey',
    'keywords',
    'primary_key_column',
    'author',
    'authority',
    'passed',
    'passenger',
    'url',
    'host',
    'enabled',
    'threshold',
  ];

  it.each(secret)('[S9] %s is hidden', (key) => {
    expect(hideSecrets({ [key]: 'hunter2' })).toEqual({ [key]: '********' });
  });

  it.each(open)('[S9] %s is shown', (key) => {
    expect(hideSecrets({ [key]: 'value' })).toEqual({ [key]: 'value' });
  });

  it('[S9] are hidden at any depth, and whatever they are', () => {
    const config = {
      upstream: [{ name: 'a', login: { password: { value: 'hunter2' } } }],
      tokens: ['hunter2', 2],
    };
    expect(describePlugin({ ...entry, config }, [])['config']).toEqual({
      upstream: [{ name: 'a', login: { password: '********' } }],
      tokens: '********',
    });
    expect(config.tokens).toEqual(['hunter2', 2]);
  });

  it.each([null, 'text', 7, true, undefined])('%j has none', (value) => {
    expect(hideSecrets(value)).toBe(value);
  });
});

describe('a report', () => {
  it('[S9] of this side is read by the other', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('enforce', 'sequential', 'audit', 'disabled'),
        fc.integer(),
        (mode, priority) => {
          const conditions = [{ tools: ['search'] }];
          const description = describePlugin({ ...entry, mode, priority, conditions }, ['tool_pre_invoke']);
          expect(readPluginReport(JSON.stringify(description))).toEqual(description);
        },
      ),
    );
  });

  it.each(['{}', 'null'])('[S9] %s: there is no such plugin', (text) => {
    expect(readPluginReport(text)).toBeNull();
  });

  it.each(['enforce', 'sequential', 'transform', 'fire_and_forget'])('[S9] may have the mode %s', (mode) => {
    expect(readPluginReport(JSON.stringify({ name: 'P', mode, on_error: 'ignore' }))).toMatchObject({ mode });
  });

  it('[S9] may have nulls and fields that are not known here', () => {
    const report = {
      name: 'P',
      hooks: null,
      mode: null,
      priority: null,
      conditions: [{ tools: null, their_condition: ['a'] }],
      applied_to: null,
      capabilities: ['x'],
    };
    expect(readPluginReport(JSON.stringify(report))).toEqual(report);
  });

  it.each([
    ['', /^no JSON/],
    ['not found', /^no JSON: not found/],
    ['"text"', /expected object/],
    ['7', /expected object/],
    ['{"hooks":[]}', /name/],
    ['{"name":"P","mode":"strict"}', /mode/],
    ['{"name":"P","hooks":"tool_pre_invoke"}', /hooks/],
    ['{"name":"P","priority":"10"}', /priority/],
    ['{"name":"P","conditions":[{"tools":"search"}]}', /tools/],
  ])('[S9] %s is none', (text, reason) => {
    const reading = readPluginReport(text);
    expect(reading).toMatch(reason);
    expect(reading).not.toContain('\n');
  });

  it('[S9] whatever the text: a report, none, or a reason, never an exception', () => {
    const near = fc.record(
      { name: fc.string(), hooks: fc.jsonValue(), mode: fc.jsonValue(), conditions: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      near.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (given) => {
        const reading = readPluginReport(given);
        if (typeof reading === 'string') expect(reading).not.toBe('');
        else if (reading !== null) expect(reading.name).toBeTypeOf('string');
      }),
      { numRuns: 500 },
    );
  });
});
