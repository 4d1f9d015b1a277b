// `make bench`: each row beside its floor, in the same run. A scenario is a file of `scenarios/`: `ids`, the rows that it
// makes, and `run(bench, {seconds, wanted, …})`, which answers them.
//   --json           an array of {id, what, goal, ratio, perSecond, p50ms, p99ms, cpuUs, floor: {…}}
//   --seconds N      how long each row is measured, per side (default 2.5)
//   --only ID,ID     these rows alone; a part of a name will do
//   --cpex PYTHON    a Python with cpex, for peer.cpex (default: the one that `make interop` installed)
import { parseArgs } from 'node:util';
import { progress } from '../scripts/progress.mjs';
import { openBench } from './lib/ends.mjs';
import { meanings } from './lib/meanings.mjs';
import { table } from './lib/table.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' },
    seconds: { type: 'string', default: '2.5' },
    only: { type: 'string', default: '' },
    cpex: { type: 'string' },
  },
});
const only = options.only.split(',').filter(Boolean);
const wanted = (id) => only.length === 0 || only.some((part) => id.includes(part));
const scenarios = await Promise.all(
  [
    'hook',
    'numbers',
    'payload',
    'chain',
    'plugins',
    'gateway',
    'observers',
    'memory',
    'workers',
    'handshake',
    'peers',
    'cpex',
    'start',
  ].map((name) => import(`./scenarios/${name}.mjs`)),
);

const rows = [];
for (const { ids, run } of scenarios) {
  if (!ids.some(wanted)) continue;
  progress.show(`bench: ${ids.filter(wanted).join(', ')}`);
  const bench = await openBench();
  try {
    const made = await run(bench, { seconds: Number(options.seconds), wanted, cpex: options.cpex });
    rows.push(...made.map((row) => ({ ...row, ...meanings[row.id] })));
  } finally {
    await bench.close();
  }
}
progress.clear();
console.log(options.json ? JSON.stringify(rows, null, 2) : table(rows));
process.exit(0);
