import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { patience } from '../support/patience.js';
import { replaceBadWords } from '../support/plugin-server.js';
import { diagnosis, newPlace } from './place.js';

interface Fault {
  readonly fault: string;
  readonly code: string;
  readonly says: RegExp;
  readonly entry: Record<string, unknown>;
  /** The text of ./plugin.mjs. */
  readonly module?: string;
}

const own = { name: 'Mine', kind: './plugin.mjs' };
const faults: readonly Fault[] = [
  {
    fault: 'a module that is not there',
    code: 'SALLY_PLUGIN_MODULE',
    says: /no such file/,
    entry: { ...own, kind: './nowhere.mjs' },
  },
  {
    fault: 'a module with a syntax error',
    code: 'SALLY_PLUGIN_MODULE',
    says: /Unexpected/,
    entry: own,
    module: 'export default {{\n',
  },
  {
    fault: 'a bundled name that is not known',
    code: 'SALLY_PLUGIN_MODULE',
    says: /there is sallyport\/search-replace/,
    entry: { ...own, kind: 'sallyport/serch-replace' },
  },
  {
    fault: 'a Python class that is not known',
    code: 'SALLY_PLUGIN_MODULE',
    says: /Python class/,
    entry: { ...own, kind: 'plugins.pii_filter.PIIFilterPlugin' },
  },
  {
    fault: 'a config that the bundled plugin does not take',
    code: 'SALLY_PLUGIN_CONFIG',
    says: /config\.words\[0\]\.search/,
    entry: { ...replaceBadWords, config: { words: [{ search: '(', replace: '' }] } },
  },
  {
    fault: 'a config that a plugin of our own does not take',
    code: 'SALLY_PLUGIN_CONFIG',
    says: /too short/,
    entry: { ...own, config: {} },
    module:
      "export default { setup() {}, config: { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues: [{ message: 'too short' }] }) } } };\n",
  },
  {
    fault: 'a module that never ends',
    code: 'SALLY_PLUGIN_MODULE',
    says: /has not loaded within [\d.]+ s/,
    entry: own,
    module: 'for (;;);\n',
  },
  {
    fault: 'a module that waits for what never comes',
    code: 'SALLY_PLUGIN_MODULE',
    says: /has not loaded within [\d.]+ s/,
    entry: own,
    module: 'await new Promise(() => {});\n',
  },
  {
    fault: 'a module that throws nothing',
    code: 'SALLY_PLUGIN_MODULE',
    says: /cannot be used: null/,
    entry: own,
    module: 'throw null;\n',
  },
  {
    fault: 'a module that ends its process',
    code: 'SALLY_PLUGIN_MODULE',
    says: /it ends its process \(exit status 7\)/,
    entry: own,
    module: "console.log('printed'); process.exit(7);\n",
  },
  {
    fault: 'a plugin server that hosts an external plugin',
    code: 'SALLY_SERVER_EXTERNAL',
    says: /kind external: Mine/,
    entry: {
      name: 'Mine',
      kind: 'external',
      mcp: { proto: 'STREAMABLEHTTP', url: 'http://localhost:1/mcp' },
    },
  },
];

async function look(entries: readonly object[], module?: string) {
  const place = await newPlace();
  if (module !== undefined) await place.put('plugin.mjs', module);
  await place.put('other.mjs', "export default { setup() { throw new Error('never') } };\n");
  await place.put('server.yaml', stringify({ plugins: entries, server_settings: { port: place.port } }));
  const { results } = await diagnosis(
    place,
    { targets: [place.at('server.yaml')], side: 'server' },
    { timeoutMs: patience(1_000), loadWithinMs: 2_000 },
  );
  return { place, results: results.filter(({ id }) => id === 'plugins-load') };
}

describe('[O2] the doctor loads what the program would load', () => {
  it.for(faults)('$fault', async ({ code, says, entry, module }) => {
    const { results } = await look([entry, { name: 'Other', kind: './other.mjs' }], module);
    expect(results).toMatchObject([
      { status: 'fail', code, seen: expect.stringMatching(says), looked_at: entry['name'] },
    ]);
  });

  it.for([
    ['a misspelt hook', 'setup: () => ({ hooks: { tool_pre_invok() {} } })', 'tool_pre_invoke'],
    [
      'one in the letters of JavaScript',
      'setup: () => ({ hooks: { promptPostFetch: () => {} } })',
      'prompt_post_fetch',
    ],
    [
      'a misspelt method',
      'setup: () => ({ hooks: new (class { resource_pre_fetch_() {} })() })',
      'resource_pre_fetch',
    ],
    [
      'one whose right name is written elsewhere',
      "about: 'tool_pre_invoke', setup: () => ({ hooks: { async 'tool_pre_invok'() {}, tool_post_invoke() {} } })",
      'tool_pre_invoke',
    ],
  ])('%s in its code fails, as it does in the program', async ([, code, meant]) => {
    const { results } = await look([own], `export default { ${code} };\n`);
    expect(results).toMatchObject([
      {
        status: 'fail',
        code: 'SALLY_HOOK_UNKNOWN',
        cause: expect.stringContaining(`did you mean ${meant}?`),
      },
    ]);
  });

  it('a misspelt hook in a module that the plugin imports fails as well', async () => {
    const place = await newPlace();
    await place.put(
      'plugin.mjs',
      "import { hooks } from './lib/hooks.mjs';\nexport default { setup: () => ({ hooks }) };\n",
    );
    await mkdir(place.at('lib'));
    await place.put('lib/hooks.mjs', 'export const hooks = { tool_pre_invok() {} };\n');
    await place.put('server.yaml', stringify({ plugins: [own], server_settings: { port: place.port } }));
    const { results } = await diagnosis(place, { targets: [place.at('server.yaml')], side: 'server' });
    expect(results.find(({ id }) => id === 'plugins-load')).toMatchObject({
      status: 'fail',
      code: 'SALLY_HOOK_UNKNOWN',
    });
  });

  it('a hook of the file that the plugin does not have fails', async () => {
    const { results } = await look(
      [{ ...own, hooks: ['tool_post_invoke'] }],
      'export default { setup: () => ({ hooks: { tool_pre_invoke() {} } }) };\n',
    );
    expect(results).toMatchObject([
      { status: 'fail', code: 'SALLY_PLUGIN_HOOK', cause: expect.stringContaining('it has tool_pre_invoke') },
    ]);
  });

  it('and warns of a hook that the contract does not have, and nothing near it', async () => {
    const { results } = await look(
      [own],
      'export default { setup: () => ({ hooks: { my_own_thing() {} } }) };\n',
    );
    expect(results).toMatchObject([{ status: 'warn', code: 'SALLY_HOOK_UNKNOWN' }]);
  });

  it.for([
    [
      'a function of that name beside the hook',
      'const toolPreInvoke = () => {};\nexport default { setup: () => ({ hooks: { tool_pre_invoke: toolPreInvoke } }) };\n',
    ],
    [
      'a hook of another gateway',
      'export default { setup: () => ({ foreignHooks: { tool_pre_invokes() {} } }) };\n',
    ],
    [
      'a promise that is left behind',
      "Promise.reject(new Error('left'));\nexport default { setup: () => ({ hooks: {} }) };\n",
    ],
    [
      'other words',
      'export default { setup: () => ({ hooks: {}, toolNames: [], httpServer: 1, prompt_id: 2 }) };\n',
    ],
    [
      'a comment, a text and a call',
      "// tool_pre_invok: is wrong\nconst a = 'not tool_pre_invok: this'; const b = (x) => x.tool_pre_invoked(1);\nexport default { setup: () => ({ hooks: { tool_pre_invoke() { return b(a); } } }) };\n",
    ],
  ])('but not of %s', async ([, module]) => {
    expect((await look([own], module)).results).toMatchObject([{ status: 'ok' }]);
  });

  it('and sets nothing up, whatever it prints', async () => {
    const module =
      "import { writeFileSync } from 'node:fs';\nconsole.log('{}');\nexport default { setup() { writeFileSync('set-up', ''); return { hooks: {} }; } };\n";
    const { place, results } = await look(
      [own, { ...own, name: 'Off', kind: './none', mode: 'disabled' }],
      module,
    );
    expect(results).toMatchObject([{ status: 'ok', seen: 'Mine' }]);
    expect(existsSync(place.at('set-up'))).toBe(false);
  });

  it('a plugin that cannot be loaded is why its server is not there', async () => {
    const place = await newPlace();
    const mcp = { proto: 'STREAMABLEHTTP', url: place.url, tls: place.client };
    await place.put('gateway.yaml', stringify({ plugins: [{ name: 'Mine', kind: 'external', mcp }] }));
    const server = { port: place.port, tls: place.server };
    await place.put('server.yaml', stringify({ plugins: [own], server_settings: server }));
    const { causes, results } = await diagnosis(place, {
      targets: [place.at('gateway.yaml'), place.at('server.yaml')],
    });
    expect(causes.map(({ id }) => id)).toContain('plugins-load');
    expect(results.find(({ id }) => id === 'reachable')).toMatchObject({ follows: 'plugins-load' });
  });
});
