import { describe, expect, it } from 'vitest';
import { importConfig } from '../../src/config/index.js';
import { sallyport } from '../support/command.js';
import { writeConfig } from '../support/plugin-server.js';

const kinds = new Set(['plugins.regex_filter.search_replace.SearchReplacePlugin']);
const file = `# our plugins
plugin_settings:
  plugin_timeout: 120
  include_user_info: false
  colour: red
plugins:
  # words that nobody should read
  - name: "Words"
    kind: "plugins.regex_filter.search_replace.SearchReplacePlugin"
    mode: "permissive" # for now
    owner: me
    config: {words: [{search: a, replace: b}]}
  - name: "Pii"
    kind: "cpex_pii_filter.PIIFilterPlugin"
    mode: "disabled"
  - name: Far
    kind: external
    mcp:
      proto: STREAMABLEHTTP
      url: {{ env.FAR_URL }}
      tls: {ca_bundle: ca.crt, cafile: x}
`;

describe('a plugin file of ContextForge', () => {
  const imported = importConfig(file, { file: 'config.yaml', kinds });

  it('keeps what exists here, with its comments', () => {
    expect(imported.taken).toEqual(['Words', 'Far']);
    expect(imported.yaml).toContain('# words that nobody should read');
    expect(imported.yaml).toContain('mode: "permissive" # for now');
    expect(imported.yaml).toContain('url: "{{ env.FAR_URL }}"');
  });

  it('names everything that it could not take', () => {
    expect(imported.notes.map(({ where }) => where)).toEqual([
      'line 20',
      'plugin_settings.colour',
      'plugins[Words].owner',
      'plugins[Far].mcp.tls.cafile',
      'plugins[Pii]',
    ]);
    for (const gone of ['colour', 'owner', 'cafile', 'Pii']) expect(imported.yaml).not.toContain(gone);
  });

  it('names what the result would still be refused for', () => {
    const { notes } = importConfig('plugins: [{name: A, kind: external}]', { file: 'c.yaml', kinds });
    expect(notes).toEqual([{ where: 'to mend', why: expect.stringContaining("has no 'mcp'") }]);
  });
});

it('sallyport import prints the file, and on standard error what it could not take: exit status 1', async () => {
  const { status, stdout, stderr } = await sallyport(['import', await writeConfig(file)]);
  expect(status).toBe(1);
  expect(stdout).toContain('- name: "Words"');
  expect(stderr).toContain('plugins[Pii]');
});

it('sallyport import of a file that has nothing to lose: exit status 0', async () => {
  const whole = 'plugins:\n  - name: A\n    kind: sallyport/search-replace\n    config: {words: []}\n';
  expect(await sallyport(['import', await writeConfig(whole)])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('name: A'),
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
