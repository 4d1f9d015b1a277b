import { cpSync, existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { startProgram } from '../../interop/lib/processes.mjs';
import { ltsNode, runToEnd } from '../../scripts/lts.mjs';

/** The folder of the project. */
export const root = resolve(import.meta.dirname, '../..');
const cache = join(root, '.cache', 'conformance');
const suite = join(cache, 'node_modules/@modelcontextprotocol/conformance');

/** How long one scenario may take. */
const scenarioMs = 20_000;

/** The suite, as the lock file has it, and a Node that is new enough for it. */
export async function prepareSuite() {
  const here = join(root, 'conformance');
  const lock = 'package-lock.json';
  if (!existsSync(suite) || read(join(cache, lock)) !== read(join(here, lock))) {
    await mkdir(cache, { recursive: true });
    for (const file of ['package.json', lock]) cpSync(join(here, file), join(cache, file));
    runToEnd('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: cache });
  }
  await rm(join(cache, 'results'), { recursive: true, force: true });
  return { node: ltsNode(), script: join(suite, 'dist/index.js') };
}

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** The scenarios of a revision for a leg (`server` or `client`), those that are only reported included. */
export async function scenariosOf(revision, leg) {
  const text = await readFile(join(suite, 'requirements', `${revision}.yaml`), 'utf8');
  const { [leg]: required, not_scored: others } = parse(text);
  const reported = others.filter((one) => one.leg === leg).map(({ scenario }) => scenario);
  return [...required, ...reported];
}

/** Runs all scenarios of a revision, or one, against a server. The answer has the checks of each. */
export async function judgeServer(program, { url, revision, scenario, name }) {
  const what = scenario ? ['--scenario', scenario, '--spec-version', revision] : ['--requirements', revision];
  return run(program, name, 'server', ['--url', url, ...what]);
}

/** Runs one scenario against a client, which `command` starts. */
export async function judgeClient(program, { command, revision, scenario, name }) {
  // Extensions are of no revision; the suite runs them where it is told to.
  const args = ['--command', command, '--scenario', scenario, '--spec-version', revision, '--force'];
  return run(program, name, 'client', args);
}

async function run({ node, script }, name, leg, args) {
  const folder = join(cache, 'results', name.replace(/[^\w.-]+/g, '-'));
  await mkdir(folder, { recursive: true });
  const options = ['--timeout', String(scenarioMs), '--output-dir', folder];
  const started = startProgram(node, [script, leg, ...args, ...options], { cwd: cache });
  // Its exit status says what the checks say; what matters is that they are there.
  started.child.stdout.resume();
  await new Promise((done) => started.child.once('close', done));
  const checks = await readChecks(folder, leg);
  if (Object.keys(checks).length === 0) throw new Error(`the suite left no result: ${started.tail()}`);
  return checks;
}

/** Folders are named `server-<scenario>-<time>` or `<scenario>-<time>`; a later one counts. */
async function readChecks(folder, leg) {
  const found = {};
  const entries = await readdir(folder, { recursive: true });
  const files = entries.filter((entry) => entry.endsWith('checks.json')).sort();
  for (const file of files) {
    const name = file.replace(/-\d{4}-\d\d-\d\dT[^/]*\/checks\.json$/, '');
    const scenario = leg === 'server' ? name.replace(/^server-/, '') : name;
    found[scenario] = JSON.parse(await readFile(join(folder, file), 'utf8'));
  }
  return found;
}
