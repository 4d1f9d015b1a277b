import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { progress } from '../scripts/progress.mjs';
import { knownDefect } from './known.mjs';
import { runCell } from './lib/cell.mjs';
import { root, withPeers } from './lib/prepare.mjs';
import { cleanEnv, runProgram } from './lib/processes.mjs';
import { CannotRun } from './lib/python.mjs';
import { createNotes, peerTable } from './lib/table.mjs';
import { directions, peers, transports } from './peers.mjs';

const usage = `node interop/run.mjs [--optional] [--peer ID] [--direction A|B] [--transport NAME] [--only TEXT] [--verbose]

Calls hooks between Sallyport and the Python plugin frameworks, both ways, over every transport, and prints what
came of each. Exit status 1 where a cell fails that is not a known defect of the peer, where a known one is gone,
and where nothing could run; --optional makes that last one 0. --verbose adds what each failure left behind.
`;

const { values: options } = parseArgs({
  options: {
    optional: { type: 'boolean', default: false },
    peer: { type: 'string' },
    direction: { type: 'string' },
    transport: { type: 'string' },
    only: { type: 'string' },
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
  const started = Date.now();
  const chosen = peers.filter(({ id }) => !options.peer || id.includes(options.peer));
  try {
    return await withPeers(chosen, async (place) => {
      const cells = await runAll(chosen, place);
      return report(chosen, cells, (Date.now() - started) / 1000);
    });
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    print(`interop: DID NOT RUN, and that is not a pass: ${error.message}`);
    return options.optional ? 0 : 1;
  }
}

async function runAll(chosen, { pythons, folder }) {
  const certs = await makeCerts(folder);
  const asked = (option, value) => option === undefined || option === value;
  const work = chosen.flatMap((peer) =>
    Object.keys(directions)
      .filter((direction) => asked(options.direction, direction))
      .flatMap((direction) =>
        transports
          .filter((transport) => asked(options.transport, transport))
          .map((transport) => ({ peer, direction, transport })),
      ),
  );
  let done = 0;
  progress.show(`interop: ${done} of ${work.length} cells`);
  return atMost(2, work, async (cell) => {
    const python = pythons.get(cell.peer);
    const explain = (error, tail = '') => {
      const where = `${cell.peer.id}, ${directions[cell.direction]}, ${cell.transport}`;
      if (options.verbose) process.stderr.write(`${where}: ${error.stack}\n${tail.slice(-20_000)}\n`);
    };
    const run = (only) => runCell({ ...cell, ...certs, only, root, folder, python, explain });
    const outcomes = judge(cell, await run(options.only));
    // On a busy machine a peer may be late once: a failure counts when it comes twice, and is told of either way.
    for (const [scenario, { kind, reason }] of Object.entries(outcomes)) {
      if (kind !== 'fail') continue;
      print(
        `once more: ${cell.peer.id}, ${directions[cell.direction]}, ${cell.transport}, ${scenario}: ${reason}`,
      );
      Object.assign(outcomes, pick(judge(cell, await run(scenario)), scenario));
    }
    done += 1;
    progress.show(`interop: ${done} of ${work.length} cells`);
    return { ...cell, outcomes };
  });
}

/** Certificates by our own command: the ones that are used, and those of a CA that nobody trusts. */
async function makeCerts(folder) {
  const config = join(folder, 'certs.yaml');
  const mcp = { proto: 'STREAMABLEHTTP', url: 'https://localhost:8000/mcp' };
  await writeFile(config, stringify({ plugins: [{ name: 'Probe', kind: 'external', mcp }] }));
  const make = async (name) => {
    const cwd = await mkdtemp(join(folder, name));
    const env = cleanEnv({ MCP_PLUGIN_CONFIG: config });
    await runProgram(process.execPath, [join(root, 'dist/cli/main.js'), 'certs', 'all'], { cwd, env });
    return join(cwd, 'certs/mcp');
  };
  const [certs, otherCerts] = await Promise.all([make('certs-'), make('other-certs-')]);
  return { certs, otherCerts };
}

/** The outcome of one scenario, where there is one. */
function pick(outcomes, scenario) {
  return scenario in outcomes ? { [scenario]: outcomes[scenario] } : {};
}

/** Tells the peers' known defects from failures, and finds those that are gone. */
function judge(cell, outcomes) {
  return Object.fromEntries(
    Object.entries(outcomes).map(([scenario, outcome]) => {
      const known = knownDefect(cell, scenario);
      if (!known || outcome.kind === 'na') return [scenario, outcome];
      if (outcome.kind === 'pass' && known.sometimes) return [scenario, outcome];
      if (outcome.kind === 'pass') {
        const reason = `works now, take it off the list of known defects: ${known.cause}`;
        return [scenario, { kind: 'fail', reason }];
      }
      const explained = known.message.test(outcome.reason);
      return [scenario, explained ? { kind: 'defect', reason: known.cause } : outcome];
    }),
  );
}

function report(chosen, cells, seconds) {
  const notes = createNotes();
  for (const peer of chosen) {
    print(
      peerTable(
        peer,
        cells.filter((cell) => cell.peer === peer),
        notes,
      ),
    );
    print();
  }
  print(notes.text());
  const kinds = cells.flatMap(({ outcomes }) => Object.values(outcomes).map(({ kind }) => kind));
  const count = (wanted) => kinds.filter((kind) => kind === wanted).length;
  print(
    `\ninterop: ${count('pass')} passed, ${count('fail')} FAILED, ${count('defect')} by a peer's known defect, ` +
      `${count('na')} not applicable (${seconds.toFixed(0)} s)`,
  );
  return count('fail') > 0 || count('pass') === 0 ? 1 : 0;
}

async function atMost(limit, items, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index]);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}
