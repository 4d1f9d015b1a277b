/**
 * Writes docs/filters.md and a page of docs/filters/ for each bundled plugin, from what its module says of it: the schema of its
 * settings, and examples, which are run. Between `<!-- measured -->` and `<!-- /measured -->` in docs/filters.md stands what is measured elsewhere; it is kept. With
 * --check nothing is written: it says which pages are not current, and exits 1 where there are any.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { z } from 'zod';

const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));
const dist = (path) => import(`../dist/${path}`);
if (!existsSync(fromHere('../dist/plugins/index.js'))) {
  console.error('dist/ is missing: npm run build');
  process.exit(1);
}
const { bundledTable } = await dist('plugins/index.js');
const { startLocalPlugin } = await dist('plugin/local.js');
const { describePlugin, pluginDefaults } = await dist('wire/index.js');
const { silentLogger } = await dist('log.js');
const { CancelSource } = await dist('cancel.js');
const { globalContext } = await dist('hooks/index.js');

const check = process.argv.includes('--check');
const generated = 'Generated from the code by `npm run reference`; do not edit.';
const code = (text) => `\`${text}\``;
const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
const paragraphs = (...parts) => parts.filter((part) => part).join('\n\n');

function table(head, rows) {
  const line = (row) => `| ${row.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

// ─── The keys of a schema ────────────────────────────────────────────────────────────────────────

/** The type of a key, in words. */
function typeOf(schema) {
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum) return schema.enum.map((value) => code(value)).join(', ');
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map(typeOf))].join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object')
    return schema.properties === undefined ? `map to ${typeOf(schema.additionalProperties || {})}` : 'object';
  return Array.isArray(schema.type) ? schema.type.join(' or ') : (schema.type ?? 'any');
}

/** The schemas whose keys stand below a key: its own, those of its items, those of its options. */
function within(schema) {
  if (schema.anyOf ?? schema.oneOf) return (schema.anyOf ?? schema.oneOf).flatMap(within);
  if (schema.type === 'array') return within(schema.items ?? {}).map(([path, each]) => [`[]${path}`, each]);
  if (schema.type === 'object' && schema.properties === undefined)
    return within(schema.additionalProperties || {}).map(([path, each]) => [`.<name>${path}`, each]);
  return schema.properties === undefined ? [] : [['', schema]];
}

function keyRows(schema, path, from) {
  return Object.entries(schema.properties ?? {}).flatMap(([name, key]) => {
    const where = path === '' ? name : `${path}.${name}`;
    if (!key.description && within(key).length === 0) throw new Error(`${from}: ${where} has no description`);
    const required = (schema.required ?? []).includes(name) && key.default === undefined;
    const fallback =
      key.default === undefined ? (required ? 'required' : '') : code(JSON.stringify(key.default));
    const below = within(key).flatMap(([more, each]) => keyRows(each, where + more, from));
    return [[code(where), typeOf(key), fallback, key.description ?? ''], ...below];
  });
}

function keys(config, from) {
  const schema = z.toJSONSchema(config, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  return table(['key', 'type', 'default', 'meaning'], keyRows(schema, '', from));
}

// ─── A page ──────────────────────────────────────────────────────────────────────────────────────

async function run(kind, definition, { config, hook, payload }) {
  const deps = { log: silentLogger, describe: describePlugin, defaults: pluginDefaults };
  const plugin = await startLocalPlugin({ name: 'Example', kind, config }, definition, deps);
  const context = {
    state: {},
    metadata: {},
    global_context: globalContext('1', { user: 'ada@example.org' }),
  };
  const { result } = await plugin.invoke(hook, payload, context, { signal: new CancelSource() });
  await plugin.close();
  return result;
}

const json = (value) => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;

async function example(kind, definition, each) {
  const yaml = stringify({ plugins: [{ name: 'Example', kind, config: each.config }] }, { lineWidth: 0 });
  const { continue_processing, modified_payload, violation } = await run(kind, definition, each);
  const answer = continue_processing
    ? [`What becomes of it:`, modified_payload]
    : ['It is blocked:', violation];
  if (continue_processing && modified_payload === null) answer.splice(0, 2, 'It passes as it is.');
  return paragraphs(
    `### ${each.title}`,
    `\`\`\`yaml\n${yaml.trimEnd()}\n\`\`\``,
    `A payload of ${code(each.hook)}:`,
    json(each.payload),
    answer[0],
    answer.length > 1 ? json(answer[1]) : '',
  );
}

async function page({ name, python, load }) {
  const module = await load();
  const { default: filter, contextforge } = module;
  const { title, summary, notes, examples } = filter.page;
  const kind = `sallyport/${name}`;
  const kinds = python.map(code).join(', ');
  const theirs = contextforge
    ? [
        '## With the keys of ContextForge',
        `As ${kinds} it takes the keys that it has there:`,
        keys(contextforge.config, `${name}, contextforge`),
      ]
    : python.length > 0
      ? [`${kinds} ${python.length > 1 ? 'are' : 'is'} the same plugin, with the same keys.`]
      : [];
  const runs = [];
  for (const each of examples) runs.push(await example(kind, filter, each));
  const text = paragraphs(
    `# ${title}`,
    generated,
    `${code(kind)} ${summary}.`,
    notes,
    '## Keys',
    'Under `config` of the plugin. A key that is not here is an error at the start.',
    keys(filter.config, name),
    ...theirs,
    ...(runs.length > 0 ? ['## Examples', ...runs] : []),
  );
  return { name, title, summary, python, text: `${text}\n` };
}

// ─── The files ───────────────────────────────────────────────────────────────────────────────────

const made = [];
for (const row of bundledTable) made.push(await page(row));
const index = 'docs/filters.md';
const was = existsSync(fromHere(`../${index}`)) ? readFileSync(fromHere(`../${index}`), 'utf8') : '';
const measured =
  /<!-- measured -->[\s\S]*?<!-- \/measured -->/.exec(was)?.[0] ?? '<!-- measured -->\n<!-- /measured -->';
const pages = {
  [index]: `${paragraphs(
    '# Filters',
    `${generated} (What is between the marks of what is measured is written by hand.)`,
    'Plugins that come in the box. Each runs in the gateway or in a plugin server behind mutual TLS, by its `kind`; a Python class beside it is the plugin of ContextForge whose place it takes, so that its plugin file loads. The code of a filter is loaded where it is configured, and only there.',
    table(
      ['filter', 'kind', 'what it does', 'in the place of'],
      made.map(({ name, title, summary, python }) => [
        `[${title}](filters/${name}.md)`,
        code(`sallyport/${name}`),
        summary,
        python.map(code).join(', '),
      ]),
    ),
    measured,
  )}\n`,
  ...Object.fromEntries(made.map(({ name, text }) => [`docs/filters/${name}.md`, text])),
};
mkdirSync(fromHere('../docs/filters'), { recursive: true });
const stale = readdirSync(fromHere('../docs/filters'))
  .map((file) => `docs/filters/${file}`)
  .filter((file) => !Object.hasOwn(pages, file));
for (const path of stale) {
  if (!check) rmSync(fromHere(`../${path}`));
  else complain(`${path} belongs to no filter`);
}
for (const [path, text] of Object.entries(pages)) {
  const target = fromHere(`../${path}`);
  if (!check) {
    writeFileSync(target, text);
    console.log(`${path} written`);
  } else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) complain(`${path} is not current`);
}

function complain(what) {
  console.error(`${what}\n→ npm run reference`);
  process.exitCode = 1;
}
