import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CancelSource } from '../../src/cancel.js';
import { globalContext } from '../../src/hooks/index.js';
import { silentLogger } from '../../src/log.js';
import { startLocalPlugin } from '../../src/plugin/local.js';
import { bundledPlugin } from '../../src/plugins/index.js';
import { describePlugin, pluginDefaults } from '../../src/wire/index.js';

const kind = 'plugins.regex_filter.search_replace.SearchReplacePlugin';
const definition = await bundledPlugin(kind);
type Words = readonly (readonly [search: string, replace: string])[];

function start(config: Record<string, unknown>) {
  if (!definition) return expect.unreachable(`${kind} is not bundled`);
  const deps = { log: silentLogger, describe: describePlugin, defaults: pluginDefaults };
  return startLocalPlugin({ name: 'P', kind, config }, definition, deps);
}

/** What becomes of a payload. */
async function run(words: Words, hook: string, payload: unknown): Promise<unknown> {
  const plugin = await start({ words: words.map(([search, replace]) => ({ search, replace })) });
  const context = { state: {}, metadata: {}, global_context: globalContext('1') };
  const { result } = await plugin.invoke(hook, payload, context, { signal: new CancelSource() });
  expect(result.continue_processing).toBe(true);
  return result.modified_payload ?? payload;
}

async function text(words: Words, value: string): Promise<string> {
  const { args } = (await run(words, 'tool_pre_invoke', { name: 't', args: { value } })) as {
    args: { value: string };
  };
  return args.value;
}

describe('the rules', () => {
  it('[S9] are applied in their order, each to what the one before left', async () => {
    const words: Words = [
      ['crap', 'crud'],
      ['crud', 'yikes'],
    ];
    expect(await text(words, 'crap and crud')).toBe('yikes and yikes');
    expect(await text([...words].reverse(), 'crap and crud')).toBe('crud and yikes');
  });

  it('[S9] replace every match, wherever it stands', async () => {
    expect(await text([['crap', 'crud']], 'crapcrap\nscrap CRAP')).toBe('crudcrud\nscrud CRAP');
  });

  it('[S9] that are none change nothing', async () => {
    expect(await text([], 'crap')).toBe('crap');
  });

  it.each<[string, string, string, string, string]>([
    ['a group by number', '(\\w+)@(\\w+)', '\\2 at \\1', 'ada@home', 'home at ada'],
    ['a group by number in brackets', '(\\w+)@', '\\g<1>1@', 'ada@', 'ada1@'],
    ['a group by name', '(?P<user>\\w+)@', '<\\g<user>>@', 'ada@', '<ada>@'],
    ['the whole match', 'crap', '[\\g<0>]', 'crap', '[crap]'],
    ['a group that took no part', '(a)|(b)', '<\\1\\2>', 'ab', '<a><b>'],
    ['a dollar sign', 'euro', '$', '5 euro', '5 $'],
    ['what other languages take for a group', '(euro)', '$1 $& $$ $<n>', 'euro', '$1 $& $$ $<n>'],
    ['a line feed', ', ', '\\n', 'a, b', 'a\nb'],
    ['a backslash', '/', '\\\\', 'a/b', 'a\\b'],
    ['a backslash before a letter', 'X', 'C:\\path', 'X', 'C:\\path'],
    ['nothing', 'crap', '', 'crap day', ' day'],
    ['letters beyond the first plane', '👍', '👎', 'so 👍', 'so 👎'],
    ['any case', '(?i)crap', 'crud', 'CrAp', 'crud'],
    ['word boundaries', '\\bcrap\\b', 'crud', 'scrap crap', 'scrap crud'],
    ['Unicode classes', '\\p{Greek}+', 'g', 'αβγ abc', 'g abc'],
  ])('[S9] %s', async (_title, search, replace, before, after) => {
    expect(await text([[search, replace]], before)).toBe(after);
  });

  it('[S9] run in time linear to the text, whatever the pattern', async () => {
    const long = `${'a'.repeat(50_000)}b`;
    expect(await text([['(a+)+$', 'x']], long)).toBe(long);
    expect(await text([['(a|aa)+$', 'x']], long)).toBe(long);
  });

  it('[S9] leave a text without a match as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
        fc.pre(!value.includes('crap'));
        expect(await text([['crap', '\\g<0>$1']], value)).toBe(value);
      }),
    );
  });

  it('[S9] put any literal text in place of a match', async () => {
    const literal = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\\'));
    await fc.assert(
      fc.asyncProperty(literal, async (replace) => {
        expect(await text([['crap', replace]], '<crap>')).toBe(`<${replace}>`);
      }),
    );
  });
});

describe('where text is looked for', () => {
  const words: Words = [['crap', 'crud']];

  it('[S9] arguments of a tool, at any depth; keys stay', async () => {
    const args = { crap: 'crap', list: ['crap', { crap: ['crap', 1, null, true] }], count: 7 };
    expect(await run(words, 'tool_pre_invoke', { name: 'crap', args, headers: { a: 'crap' } })).toEqual({
      name: 'crap',
      args: { crap: 'crud', list: ['crud', { crap: ['crud', 1, null, true] }], count: 7 },
      headers: { a: 'crap' },
    });
  });

  it('[S9] arguments of a prompt', async () => {
    expect(await run(words, 'prompt_pre_fetch', { prompt_id: 'crap', args: { a: 'crap' } })).toEqual({
      prompt_id: 'crap',
      args: { a: 'crud' },
    });
  });

  it.each([
    ['tool_pre_invoke', { name: 't' }],
    ['tool_pre_invoke', { name: 't', args: null }],
    ['prompt_pre_fetch', { prompt_id: 'p' }],
    ['prompt_post_fetch', { prompt_id: 'p', result: { messages: null } }],
  ])('[S9] %s: nothing in %j', async (hook, payload) => {
    expect(await run(words, hook, payload)).toEqual(payload);
  });

  it('[S9] messages of a prompt, their content a text, a block or a list of blocks', async () => {
    const messages = [
      { role: 'user', content: 'crap' },
      { role: 'user', content: { type: 'text', text: 'crap' } },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'crap' },
          { type: 'image', data: 'crap', mimeType: 'crap' },
        ],
      },
    ];
    expect(
      await run(words, 'prompt_post_fetch', { prompt_id: 'p', result: { messages, description: 'crap' } }),
    ).toEqual({
      prompt_id: 'p',
      result: {
        messages: [
          { role: 'user', content: 'crud' },
          { role: 'user', content: { type: 'text', text: 'crud' } },
          {
            role: 'assistant',
            content: [
              { type: 'text', text: 'crud' },
              { type: 'image', data: 'crap', mimeType: 'crap' },
            ],
          },
        ],
        description: 'crud',
      },
    });
  });

  it.each<[string, unknown, unknown]>([
    ['a text', 'crap', 'crud'],
    ['a list', ['crap', { a: 'crap' }], ['crud', { a: 'crud' }]],
    ['an object', { out: { text: 'crap' } }, { out: { text: 'crud' } }],
    ['a number', 7, 7],
    ['null', null, null],
  ])('[S9] results of a tool: %s', async (_title, result, after) => {
    expect(await run(words, 'tool_post_invoke', { name: 't', result })).toEqual({ name: 't', result: after });
  });

  it.each([
    ['image', { data: 'crap', mimeType: 'crap/crap' }],
    ['audio', { data: 'crap', mimeType: 'crap/crap' }],
    ['resource_link', { uri: 'file:///crap', mimeType: 'text/crap' }],
  ])('[S9] a content block of type %s keeps what describes it', async (type, fields) => {
    const result = { content: [{ type, ...fields, name: 'crap' }] };
    expect(await run(words, 'tool_post_invoke', { name: 't', result })).toEqual({
      name: 't',
      result: { content: [{ type, ...fields, name: 'crud' }] },
    });
  });

  it('[S9] an object of another type is no content block: its uri and data are text', async () => {
    const result = { type: 'issue', uri: 'crap', data: 'crap' };
    expect(await run(words, 'tool_post_invoke', { name: 't', result })).toMatchObject({
      result: { type: 'issue', uri: 'crud', data: 'crud' },
    });
  });
});

describe('config', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['none', {}, 'config.words: '],
    ['words that are no list', { words: 'crap' }, 'config.words: '],
    ['a rule without search', { words: [{ replace: 'a' }] }, 'config.words[0].search: '],
    [
      'a rule that searches for nothing',
      { words: [{ search: '', replace: 'a' }] },
      'config.words[0].search: ',
    ],
    ['a rule without replace', { words: [{ search: 'a' }] }, 'config.words[0].replace: '],
    ['a key that is not known', { words: [], word: [] }, '"word"'],
    [
      'brackets that do not close',
      { words: [{ search: '(', replace: 'a' }] },
      'config.words[0].search: not a regular',
    ],
    [
      'a lookahead, which linear time rules out',
      { words: [{ search: 'a(?=b)', replace: 'a' }] },
      'config.words[0].search: not a regular expression that runs in linear time (RE2)',
    ],
    [
      'a backreference, which linear time rules out',
      { words: [{ search: '(a)\\1', replace: 'a' }] },
      'config.words[0].search: not a regular expression that runs in linear time (RE2)',
    ],
    [
      'a group that search does not have',
      {
        words: [
          { search: 'ok', replace: '' },
          { search: '(a)', replace: '\\2' },
        ],
      },
      "config.words[1].replace: it refers to the group '2', which search does not have",
    ],
    [
      'a name that search does not have',
      { words: [{ search: '(?P<user>a)', replace: '\\g<name>' }] },
      "config.words[0].replace: it refers to the group 'name', which search does not have",
    ],
  ])('[S9] %s', async (_title, config, problem) => {
    await expect(start(config)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_CONFIG',
      message: expect.stringContaining(problem),
    });
  });

  it('[S9] every rule that is wrong is named at once', async () => {
    const words = [
      { search: '(', replace: 'a' },
      { search: 'a', replace: '\\1' },
    ];
    await expect(start({ words })).rejects.toMatchObject({ context: { problems: { length: 2 } } });
  });
});

it('[S9] is found under the name of the guide and under its own', async () => {
  expect(await bundledPlugin('sallyport/search-replace')).toBe(definition);
  expect(definition).toHaveProperty('setup');
});

it('[S9] an embedded resource keeps what describes it, and its text is text', async () => {
  const blob = {
    type: 'resource',
    resource: { uri: 'file:///crap', mimeType: 'text/crap', blob: 'Y3Jhcrap' },
  };
  const text = { type: 'resource', resource: { uri: 'file:///crap', text: 'crap' } };
  expect(
    await run([['crap', 'crud']], 'tool_post_invoke', { name: 't', result: { content: [blob, text] } }),
  ).toEqual({
    name: 't',
    result: { content: [blob, { ...text, resource: { uri: 'file:///crap', text: 'crud' } }] },
  });
});

it('[S9] a tool argument is text, whatever it looks like', async () => {
  const args = { block: { type: 'image', data: 'crap' } };
  expect(await run([['crap', 'crud']], 'tool_pre_invoke', { name: 't', args })).toEqual({
    name: 't',
    args: { block: { type: 'image', data: 'crud' } },
  });
});
