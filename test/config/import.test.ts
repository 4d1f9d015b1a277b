import { describe, expect, it } from 'vitest';
import { importConfig } from '../../src/config/index.js';
import { elsewhere } from '../../src/plugins/elsewhere.js';
import { sallyport } from '../support/command.js';
import { writeConfig } from '../support/plugin-server.js';

const options = {
  file: 'config.yaml',
  isBundled: (kind: string) => kind === 'plugins.regex_filter.search_replace.SearchReplacePlugin',
  elsewhere,
};
const words = 'kind: plugins.regex_filter.search_replace.SearchReplacePlugin, config: {words: []}';
const file = `# our plugins
plugin_dirs:
  - "plugins/native" # theirs
plugin_settings:
  plugin_timeout: 120
  include_user_info: false
  colour: red
plugins:
  # words that nobody should read
  - name: "Words"
    kind: "plugins.regex_filter.search_replace.SearchReplacePlugin"
    mode: "permissive" # for now
    conditions:
      - prompts: []
    owner:
      name: me
    config: {words: [{search: a, replace: b}]}
  # personal data
  - name: "Pii"
    kind: "my_filters.Pii"
    hooks: [
      "tool_pre_invoke",
      ]
    mode: "disabled"
    priority: 7

    config:
      text: |
        a: b
          - c
  - name: Far
    kind: external
    mcp:
      proto: STREAMABLEHTTP
      url: {{ env.FAR_URL }}
      tls: {ca_bundle: ca.crt, cafile: x}
`;

/** What stands on the lines of a text, with no regard to comment signs and white space. */
const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replaceAll(/[#\s"]/g, ''))
    .filter((line) => line !== '');

describe('a plugin file of ContextForge', () => {
  const imported = importConfig(file, options);

  it('stays as it was written', () => {
    expect(imported.taken).toEqual(['Words', 'Far']);
    expect(imported.yaml).toContain('# words that nobody should read');
    expect(imported.yaml).toContain(
      '    mode: "permissive" # for now\n    conditions:\n      - prompts: []\n',
    );
    expect(imported.yaml).toContain('- "plugins/native" # theirs');
    expect(imported.yaml).toContain('url: "{{ env.FAR_URL }}"');
  });

  it('names everything that it could not take, and keeps it in comments in its place', () => {
    expect(imported.notes.map(({ where }) => where)).toEqual([
      'line 35',
      'plugins[Pii]',
      'plugin_settings.colour',
      'plugins[Words].owner',
      'plugins[Far].mcp.tls.cafile',
    ]);
    expect(imported.yaml).toContain('  include_user_info: false\n  # colour: red\n');
    expect(imported.yaml).toContain('    # owner:\n    #   name: me\n');
    expect(imported.yaml).toContain('      tls: {ca_bundle: ca.crt}');
    expect(imported.yaml).toContain(
      '  # - name: "Pii"\n  #   kind: "my_filters.Pii"\n  #   hooks: [\n  #     "tool_pre_invoke",\n  #     ]\n',
    );
    const left = lines(imported.yaml);
    for (const line of lines(file.replace(', cafile: x', ''))) expect(left).toContain(line);
  });

  it('says of a plugin in Python how it stays there, behind mutual TLS', () => {
    const pii = imported.notes.find(({ where }) => where === 'plugins[Pii]');
    expect(pii).toEqual({
      where: 'plugins[Pii]',
      why: 'there is no plugin for my_filters.Pii in the box. (It was disabled.)',
      todo: expect.stringContaining('kind: external'),
    });
    const entry = imported.yaml.slice(imported.yaml.indexOf('# In the file of the gateway'));
    const uncommented = entry
      .split('\n')
      .slice(1, 9)
      .map((line) => line.replace(/^ *# /, ''));
    const again = importConfig(`plugins:\n${uncommented.join('\n')}\n`, options);
    expect(again).toMatchObject({ taken: ['Pii'], notes: [] });
    expect(again.plugins[0]).toMatchObject({ mode: 'disabled', priority: 7 });
  });

  it('says what to do in place of a plugin whose work something else does here', () => {
    const kind = 'plugins.jwt_claims_extraction.jwt_claims_extraction.JwtClaimsExtractionPlugin';
    const { notes, yaml } = importConfig(`plugins:\n  - {name: A, kind: ${kind}}\n`, options);
    expect(notes).toMatchObject([{ where: 'plugins[A]', todo: expect.stringContaining('gateway.auth') }]);
    expect(yaml).toBe(`plugins: []
  # A is not used here: claims of tokens that nobody verified are not handed to plugins here.
  # → gateway.auth verifies the token: rules and plugins see who it is of then: docs/oauth.md
  # It was:
  # - {name: A, kind: ${kind}}
`);
  });

  it('takes what is not known out of lists in brackets', () => {
    const { yaml, taken } = importConfig(`plugins: [{name: A, kind: x.Y}, {name: B, ${words}}]\n`, options);
    expect(taken).toEqual(['B']);
    expect(yaml).toBe(`plugins: [{name: B, ${words}}]\n`);
    const last = importConfig(`plugins: [{name: B, ${words}, owner: me}, {name: A, kind: x.Y}]\n`, options);
    expect(last.yaml).toBe(`plugins: [{name: B, ${words}}]\n`);
  });

  it('keeps the dash of a list where the first key of an item is not known', () => {
    const { yaml } = importConfig(
      `plugins:\n- owner: me\n  name: B\n  ${words.replace(', ', '\n  ')}\n`,
      options,
    );
    expect(yaml).toContain('- # owner: me\n  name: B\n');
    expect(importConfig(yaml, options)).toMatchObject({ taken: ['B'], notes: [] });
  });

  it('names what the result would still be refused for', () => {
    const { notes } = importConfig('plugins: [{name: A, kind: external}]', options);
    expect(notes).toEqual([{ where: 'to mend', why: expect.stringContaining("has no 'mcp'") }]);
  });
});

it('sallyport import prints the file, and on standard error what it could not take: exit status 1', async () => {
  const { status, stdout, stderr } = await sallyport(['import', await writeConfig(file)]);
  expect(status).toBe(1);
  expect(stdout).toContain('- name: "Words"');
  expect(stderr).toContain('plugins[Pii]');
  expect(stderr).toContain('→ leave it on its Python plugin server, as kind: external');
});

it('sallyport import names settings that the plugin here would refuse', async () => {
  const unfit =
    'plugins:\n  - name: A\n    kind: sallyport/search-replace\n    config: {words: [{search: "("}]}\n';
  expect(await sallyport(['import', await writeConfig(unfit)])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('plugins[A]  to mend: config.words'),
  });
});

it('sallyport import of a file that has nothing to lose: exit status 0', async () => {
  const whole = 'plugins:\n  - name: A\n    kind: sallyport/search-replace\n    config: {words: []}\n';
  expect(await sallyport(['import', await writeConfig(whole)])).toMatchObject({
    status: 0,
    stdout: whole,
    stderr: 'taken: A\n',
  });
});

it('sallyport import of what is no YAML: exit status 3 with the place', async () => {
  const refused = await sallyport(['import', await writeConfig('plugins: [')]);
  expect(refused).toMatchObject({
    status: 3,
    stdout: '',
    stderr: expect.stringContaining('SALLY_CONFIG_SYNTAX'),
  });
});
