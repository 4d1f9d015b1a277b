import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { progress } from '../scripts/progress.mjs';
import { cases } from './filters/cases.mjs';
import { knownDifference } from './filters/known.mjs';
import {
  contextForgeSource,
  filtersPeer,
  importFile,
  openImported,
  openTheirs,
  theirEntries,
} from './lib/filters.mjs';
import { cache, root, withPeers } from './lib/prepare.mjs';
import { cleanEnv, runProgram } from './lib/processes.mjs';
import { CannotRun } from './lib/python.mjs';

/** How many plugins of that file have to run here. */
const atLeast = 30;

const usage = `node interop/filters.mjs [--optional] [--only TEXT] [--verbose]

Imports the plugin file of ContextForge, as it is released, and calls each of its plugins here and there with the same
payloads. Exit status 1 where one does otherwise and it is not a known difference, where a known one is gone, where
fewer than ${atLeast} of the plugins run here, and where nothing could run; --optional makes that last one 0. --verbose
shows both sides of every difference.
`;
/** The calls of a case are of one request of one user. */
const request = 'request-1';
const global = { user: 'ada@example.org' };

const { values: options } = parseArgs({
  options: {
    optional: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
function print(text = '') {
  progress.clear();
  process.stdout.write(`${text}\n`);
}

if (options.help) {
  print(usage);
  process.exit(0);
}
process.exit(await main());

async function main() {
  try {
    return await withPeers([filtersPeer], async ({ pythons, folder }) => {
      const python = pythons.get(filtersPeer);
      const source = await contextForgeSource(python, { root, cache });
      const theirs = await openTheirs({ python, source, root, folder });
      try {
        return await compareAll({ source, theirs, folder });
      } finally {
        await theirs.close();
      }
    });
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    print(`filters: DID NOT RUN, and that is not a pass: ${error.message}`);
    return options.optional ? 0 : 1;
  }
}

async function compareAll({ source, theirs, folder }) {
  const path = join(source, 'plugins/config.yaml');
  const entries = await theirEntries(source);
  const imported = await importFile({ root, path });
  const failures = [...(await importProblems(imported, { path, folder }))];
  const rows = [];
  for (const entry of entries.filter(({ name }) => name.includes(options.only))) {
    progress.show(`filters: ${entry.name}`);
    if (!imported.taken.includes(entry.name)) {
      const note = imported.notes.find(({ where }) => where === `plugins[${entry.name}]`);
      if (!note?.todo) failures.push(`${entry.name}: import does not say what to do`);
      rows.push({ name: entry.name, outcomes: [], here: false });
      continue;
    }
    const outcomes = await comparePlugin(entry, { theirs, folder });
    rows.push({ name: entry.name, outcomes, here: true });
    for (const { title, kind, reason } of outcomes)
      if (kind === 'fail') failures.push(`${entry.name}, ${title}: ${reason}`);
  }
  return report(rows, failures);
}

/** Whether nothing of the file got lost, and whether the result can be served. */
async function importProblems({ yaml, taken }, { path, folder }) {
  const bare = (text) =>
    text
      .split('\n')
      .map((line) => line.replaceAll(/[#\s]/g, ''))
      .filter((line) => line !== '');
  const left = new Set(bare(yaml));
  const lost = bare(await readFile(path, 'utf8')).filter((line) => !left.has(line));
  const file = join(await mkdtemp(join(folder, 'imported-')), 'config.yaml');
  await writeFile(file, yaml);
  const main = join(root, 'dist/cli/main.js');
  const env = cleanEnv({ REDIS_URL: 'redis://127.0.0.1:6379/0' });
  const again = await runProgram(process.execPath, [main, 'import', file], { env }).then(
    () => [],
    (error) => [`the imported file is not taken as it is: ${error.message}`],
  );
  const few = taken.length < atLeast ? [`${taken.length} plugins run here, and should be ${atLeast}`] : [];
  return [...lost.map((line) => `import lost a line: ${line}`), ...again, ...few];
}

/** Every case of a plugin, called here and there. */
async function comparePlugin(entry, { theirs, folder }) {
  const outcomes = [];
  for (const [title, given] of Object.entries(cases[entry.name] ?? {})) {
    const { config = {}, calls } = Array.isArray(given) ? { calls: given } : given;
    const name = `${entry.name} ${title}`;
    const { conditions: _, ...plugin } = entry;
    const tried = { ...plugin, name, mode: 'enforce', config: { ...entry.config, ...config } };
    const [there, here] = [await callTheirs(theirs, tried, calls), await callOurs(tried, calls, folder)];
    outcomes.push({ title, ...judge({ plugin: entry.name, title, here, there }) });
  }
  return outcomes;
}

async function callTheirs(theirs, entry, calls) {
  const plugin = await theirs.open(entry).catch((error) => error);
  if (plugin instanceof Error) return [`does not start: ${plugin.message}`];
  const answers = [];
  for (const [hook, payload] of calls)
    answers.push(plain(payload, await plugin.call(hook, payload, { request, global })));
  return answers;
}

async function callOurs(entry, calls, folder) {
  const plugin = await openImported(stringify({ plugins: [entry] }), { folder }).catch((error) => error);
  if (plugin instanceof Error) return [`does not start: ${plugin.message}`];
  try {
    const answers = [];
    for (const [hook, payload] of calls)
      answers.push(plain(payload, await plugin.call(hook, payload, { request, global })));
    return answers;
  } finally {
    await plugin.close();
  }
}

/** What came of a call, in what can be held beside the other: a text where it did not go on. */
function plain(given, { error, continue_processing, payload, violation }) {
  if (error) return `fails: ${error.type}`;
  if (!continue_processing) return `blocks: ${violation?.code ?? 'without a violation'}`;
  return tidy(parts(given, payload));
}

/** The part of a payload that the hook given filled; models of the peer have more fields, all empty. */
function parts(given, payload) {
  return Object.fromEntries(Object.keys(given).map((key) => [key, payload[key]]));
}

/** Without fields that hold nothing, and with the names of the protocol. */
function tidy(value) {
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, field]) => field !== null && field !== undefined)
    .map(([name, field]) => [name === 'mimeType' ? 'mime_type' : name, tidy(field)]);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function judge({ plugin, title, here, there }) {
  const same = isDeepStrictEqual(here, there);
  const known = knownDifference(plugin, title);
  const both = `here ${JSON.stringify(here)}, there ${JSON.stringify(there)}`;
  if (options.verbose && !same) print(`${plugin}, ${title}: ${both}`);
  if (!known) return same ? { kind: 'pass' } : { kind: 'fail', reason: both.slice(0, 900) };
  if (same) return { kind: 'fail', reason: `does the same now, take it off the list: ${known.cause}` };
  const asListed = known.here.test(JSON.stringify(here)) && known.there.test(JSON.stringify(there));
  return asListed ? { kind: 'known', reason: known.cause } : { kind: 'fail', reason: both.slice(0, 900) };
}

function report(rows, failures) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const count = (row, kind) => row.outcomes.filter((outcome) => outcome.kind === kind).length;
  for (const row of rows) {
    const what = row.here
      ? `${count(row, 'pass')} alike, ${count(row, 'known')} known, ${count(row, 'fail')} FAILED`
      : 'not here: import says what to do';
    print(`  ${row.name.padEnd(width)}  ${what}`);
  }
  const causes = new Set(
    rows.flatMap((row) =>
      row.outcomes.flatMap(({ kind, reason }) => (kind === 'known' ? [`${row.name}: ${reason}`] : [])),
    ),
  );
  if (causes.size > 0) print(`\nKnown differences:`);
  for (const cause of causes) print(`  ${cause}`);
  if (failures.length > 0) print('\nFAILED:');
  for (const failure of failures) print(`  ${failure}`);
  const here = rows.filter((row) => row.here).length;
  print(
    `\nfilters: ${here} of ${rows.length} plugins of ContextForge's file run here; ${failures.length} FAILED`,
  );
  return failures.length > 0 ? 1 : 0;
}
