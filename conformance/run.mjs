import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { progress } from '../scripts/progress.mjs';
import { notOurs } from './known.mjs';
import { withFixture } from './lib/fixture.mjs';
import { withGateway } from './lib/gateway.mjs';
import { outcomeOf } from './lib/judge.mjs';
import { judgeClient, judgeServer, prepareSuite, root, scenariosOf } from './lib/suite.mjs';
import { createNotes, legTable } from './lib/table.mjs';

const usage = `node conformance/run.mjs [--direct] [--leg server|client] [--revision DATE] [--scenario NAME]

Runs the MCP conformance suite straight at a server and through the gateway before that server, and straight at a
client and at the same client behind the gateway. Exit status 1 where the gateway fails a check that holds without it,
and where an expected failure is gone. --direct leaves the gateway out.
`;

const { values: options } = parseArgs({
  options: {
    direct: { type: 'boolean', default: false },
    leg: { type: 'string' },
    revision: { type: 'string' },
    scenario: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
function print(text = '') {
  progress.clear();
  process.stdout.write(`${text}\n`);
}

/** The suite's revisions, with the era that the fixture has to be of for a direct run. */
const revisions = { '2025-11-25': 'legacy', '2026-07-28': 'modern' };
const direct = 'direct';
/** Scenarios whose server wants tokens: a client without a gateway has nothing to do with these. */
const authorization = /^auth\//;
/** Where more scenarios of one run fail than these, it is not that an answer was late. */
const mostLate = 5;
const titles = {
  server: (revision) =>
    `Revision ${revision}, the suite as client: the fixture, and the gateway between the two`,
  client: (revision) =>
    `Revision ${revision}, the suite as server: a client, and the gateway between the two`,
  authorization: (revision) =>
    `Revision ${revision}, the suite as a server that wants tokens, and as the server that gives them: the gateway`,
};
const asked = (option, value) => option === undefined || option === value;

if (options.help) {
  print(usage);
  process.exit(0);
}
process.exit(await main());

async function main() {
  const began = Date.now();
  if (!existsSync(join(root, 'dist/cli/main.js'))) {
    print('conformance: dist/ is missing: make build');
    return 1;
  }
  progress.show('conformance: the suite and its Node');
  const program = await prepareSuite();
  const notes = createNotes();
  const outcomes = [];
  for (const revision of Object.keys(revisions).filter((one) => asked(options.revision, one))) {
    const legs = { server: runServer, client: runClient, authorization: runAuthorization };
    for (const [leg, runLeg] of Object.entries(legs)) {
      if (!asked(options.leg, leg)) continue;
      const scenarios = (await scenariosOf(revision, leg === 'server' ? leg : 'client')).filter(
        (scenario) =>
          (leg === 'server' || authorization.test(scenario) === (leg === 'authorization')) &&
          asked(options.scenario, scenario) &&
          !notOurs.some((one) => one.scenarios.test(scenario)),
      );
      if (scenarios.length === 0) continue;
      const table = await runLeg(program, revision, scenarios);
      const at = (scenario, way) => table.get(way)?.get(scenario);
      print(`${legTable(titles[leg](revision), scenarios, [...table.keys()], at, notes)}\n`);
      outcomes.push(...[...table.values()].flatMap((column) => [...column.values()]));
    }
  }
  return report(outcomes, notes, (Date.now() - began) / 1000);
}

/** Every way is a column: the checks of all scenarios, judged beside those of the direct run. */
async function runServer(program, revision, scenarios) {
  const home = revisions[revision];
  const through = options.direct ? [] : [home, ...Object.values(revisions).filter((era) => era !== home)];
  const only = options.scenario;
  const ways = [
    [direct, (work) => withFixture(home, work)],
    ...through.map((era) => [
      `to ${era}`,
      (work) => withFixture(era, (url) => withGateway(url, (gateway) => work(gateway))),
    ]),
  ];
  return runWays('server', revision, scenarios, ways, (target, name, scenario = only) =>
    target((url) => judgeServer(program, { url, revision, scenario, name })),
  );
}

async function runClient(program, revision, scenarios) {
  const script = join(root, 'conformance/client.mjs');
  const ways = [direct, ...(options.direct ? [] : ['gateway'])].map((way) => [
    way,
    `"${process.execPath}" "${script}" ${way}`,
  ]);
  return runClients(program, 'client', revision, scenarios, ways);
}

async function runAuthorization(program, revision, scenarios) {
  const script = join(root, 'conformance/authorization.mjs');
  const ways = options.direct ? [] : [['gateway', `"${process.execPath}" "${script}"`]];
  return runClients(program, 'authorization', revision, scenarios, ways);
}

function runClients(program, leg, revision, scenarios, ways) {
  return runWays(leg, revision, scenarios, ways, async (command, name, scenario) => {
    const wanted = scenario ? [scenario] : scenarios;
    const found = {};
    for (const [i, one] of wanted.entries()) {
      progress.show(`conformance: ${name}, ${i + 1} of ${wanted.length}: ${one}`);
      Object.assign(found, await judgeClient(program, { command, revision, scenario: one, name }));
    }
    return found;
  });
}

async function runWays(leg, revision, scenarios, ways, judge) {
  const table = new Map();
  let before;
  for (const [way, target] of ways) {
    const name = `${leg} ${revision} ${way}`;
    const run = { leg, revision, way };
    const outcome = (scenario, found) => outcomeOf(run, scenario, found[scenario], before?.[scenario]);
    progress.show(`conformance: ${name}, ${scenarios.length} scenarios`);
    const found = await judge(target, name);
    const column = new Map(scenarios.map((scenario) => [scenario, outcome(scenario, found)]));
    // On a busy machine an answer may be late once: a failure counts when it comes twice, and is told of either way.
    const failed = scenarios.filter((scenario) => column.get(scenario).kind === 'fail');
    for (const scenario of failed.length > mostLate ? [] : failed) {
      print(`once more: ${name}, ${scenario}: ${column.get(scenario).reasons.join('; ')}`);
      const again = await judge(target, name, scenario);
      Object.assign(found, again);
      column.set(scenario, outcome(scenario, again));
    }
    before ??= found;
    table.set(way, column);
  }
  return table;
}

function report(outcomes, notes, seconds) {
  print(notes.text());
  const count = (kind) => outcomes.filter((outcome) => outcome.kind === kind).length;
  print();
  for (const { scenarios, reason } of notOurs) print(`left out: ${scenarios.source}: ${reason}`);
  print(
    `conformance: ${count('pass')} scenarios passed, ${count('fail')} FAILED, ${count('expected')} failed as expected ` +
      `(${seconds.toFixed(0)} s)`,
  );
  return count('fail') > 0 || count('pass') === 0 ? 1 : 0;
}
