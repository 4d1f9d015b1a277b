import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { progress } from '../scripts/progress.mjs';
import { detectors, speeds } from './filters/measured.mjs';
import { contextForgeSource, filtersPeer, importFile, openImported, openTheirs } from './lib/filters.mjs';
import { cache, root, withPeers } from './lib/prepare.mjs';
import { runProgram } from './lib/processes.mjs';
import { CannotRun } from './lib/python.mjs';

const usage = `node interop/quality.mjs [--each N] [--only TEXT] [--write] [--misses]

Measures the filters in the box beside the plugins of ContextForge on the same texts: how much they find of what is
there, how much of what they find is there, and how fast. --each: how many texts of a kind (300). --write puts the
tables into docs/filters.md. --misses shows what was missed or found in error here.
`;
const { values: options } = parseArgs({
  options: {
    each: { type: 'string', default: '300' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
    misses: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const sizes = [1_000, 100_000, 990_000];
const samplesPeer = { id: 'quality', title: 'what texts with known answers are made of' };

function print(text = '') {
  progress.clear();
  process.stdout.write(`${text}\n`);
}

if (options.help) {
  print(usage);
  process.exit(0);
}

async function main() {
  try {
    return await withPeers([filtersPeer, samplesPeer], async ({ pythons, folder }) => {
      const python = pythons.get(filtersPeer);
      const source = await contextForgeSource(python, { root, cache });
      const made = await runProgram(
        pythons.get(samplesPeer),
        [join(root, 'interop/peers/samples.py'), options.each],
        {},
      );
      const samples = byGroup(
        made
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
      const theirs = await openTheirs({ python, source, root, folder });
      try {
        return await measureAll({ samples, theirs, folder, python });
      } finally {
        await theirs.close();
      }
    });
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    print(`quality: DID NOT RUN: ${error.message}`);
    return 1;
  }
}

function byGroup(samples) {
  const groups = new Map();
  for (const sample of samples) groups.set(sample.group, [...(groups.get(sample.group) ?? []), sample]);
  return groups;
}

async function measureAll({ samples, theirs, folder, python }) {
  const found = [];
  for (const row of detectors(samples).filter(({ title }) => title.includes(options.only))) {
    progress.show(`quality: ${row.title}`);
    const [here, there] = await Promise.all([
      score(row, await openOurs(row.ours, folder)),
      score(row, await openTheirsFor(row, theirs)),
    ]);
    if (here) found.push({ ...row, here, there });
  }
  const fast = [];
  for (const row of speeds.filter(({ title }) => title.includes(options.only))) {
    progress.show(`quality: speed of ${row.title}`);
    const rates = await speedOf(row, theirs, folder);
    if (rates) fast.push({ ...row, ...rates });
  }
  const text = [found.length > 0 ? foundTable(found) : '', fast.length > 0 ? speedTable(fast) : '']
    .filter(Boolean)
    .join('\n\n');
  const about = await conditions(python);
  print(`${text}\n\n${about}`);
  if (options.write) await write(`${about}\n\n${text}`);
  return 0;
}

/** Our plugin with an entry; undefined where it is not in the box. */
async function openOurs(entry, folder) {
  const yaml = stringify({ plugins: [{ name: 'Ours', mode: 'enforce', ...entry }] });
  const path = join(folder, 'measured.yaml');
  await writeFile(path, yaml);
  const { taken } = await importFile({ root, path });
  return taken.length === 0 ? undefined : openImported(yaml, { folder });
}

async function openTheirsFor({ title, theirs: entry }, theirs) {
  return entry && theirs.open({ name: title, hooks: [entry.hook], ...entry });
}

/** How many of the texts with something in them were found out, and how many of the others. */
async function score(row, plugin) {
  if (plugin === undefined) return undefined;
  const tell = options.misses && row.title;
  let [found, alarms] = [0, 0];
  for (const { text, value } of row.positives) {
    if (await row.isFound(plugin, text, value)) found += 1;
    else if (tell && plugin.close) print(`missed, ${tell}: ${text}`);
  }
  for (const { text } of row.negatives) {
    if (!(await row.isFound(plugin, text, null))) continue;
    alarms += 1;
    if (tell && plugin.close) print(`found in error, ${tell}: ${text}`);
  }
  await plugin.close?.();
  const { length: of } = row.positives;
  return {
    recall: found / of,
    precision: found + alarms === 0 ? undefined : found / (found + alarms),
    alarms,
  };
}

async function speedOf(row, theirs, folder) {
  const ours = await openOurs(row.ours, folder);
  if (ours === undefined) return undefined;
  const there = await openTheirsFor(row, theirs);
  const rates = { here: [], there: [] };
  for (const size of sizes) {
    const [hook, payload] = row.call(size);
    const bytes = Buffer.byteLength(JSON.stringify(payload));
    const rate = (seconds) => bytes / seconds / 1e6;
    rates.here.push(rate(await ours.measure(hook, payload, 0.1)));
    rates.there.push(there ? rate(await there.measure(hook, payload, 0.1)) : undefined);
  }
  await ours.close();
  return rates;
}

const percent = (share) => (share === undefined ? '–' : `${(share * 100).toFixed(1)} %`);
const rateText = (rate) => (rate === undefined ? '–' : rate < 10 ? rate.toFixed(1) : rate.toFixed(0));

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function foundTable(rows) {
  return `What is found: of the texts that have something in them the share in which it was found (recall), and of all finds the share that was right
(precision).

${table(
  ['what', 'texts with, without', 'recall here', 'recall there', 'precision here', 'precision there'],
  rows.map(({ title, positives, negatives, here, there }) => [
    title,
    `${positives.length}, ${negatives.length}`,
    percent(here.recall),
    there ? percent(there.recall) : 'none',
    percent(here.precision),
    there ? percent(there.precision) : 'none',
  ]),
)}`;
}

function speedTable(rows) {
  return `MB/s of payload, in one process without a wire, ours through its plugin manager: here / there.

${table(
  ['filter', '1 KB', '100 KB', '1 MB'],
  rows.map(({ title, here, there }) => [
    title,
    ...here.map((rate, i) => `${rateText(rate)} / ${rateText(there[i])}`),
  ]),
)}`;
}

async function conditions(python) {
  const requirements = await readFile(join(root, 'interop/requirements-filters.txt'), 'utf8');
  const versions = requirements
    .match(/^(cpex-|mcp-contextforge).*$/gm)
    .map((line) => line.replace('==', ' '));
  const version = (
    await runProgram(python, ['-c', 'import platform; print(platform.python_version())'])
  ).trim();
  const date = new Date().toISOString().slice(0, 10);
  return `Measured on ${date} by \`make quality\`: ${cpus().length} cores of ${cpus()[0].model.trim()}, Node.js ${process.versions.node}, Python ${version}; ${versions.join(', ')}.`;
}

async function write(measured) {
  const path = join(root, 'docs/filters.md');
  const text = await readFile(path, 'utf8');
  const notes = `## How good they are, and how fast

The plugin of ContextForge of the same name, "there", gets the same texts. They are made with known answers: people, cards and dates of Faker, an example
number of every country, IBANs and national identifiers with their check digits, secrets by the forms of their services, and what looks like any of them and is
none. The machine was busy with other work: take the speeds by their relation.`;
  const marked = `<!-- measured -->\n${notes}\n\n${measured}\n<!-- /measured -->`;
  await writeFile(
    path,
    text.replace(/<!-- measured -->[\s\S]*<!-- \/measured -->/, () => marked),
  );
}

process.exit(await main());
