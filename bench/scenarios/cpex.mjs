import { findCpex, startCpexClient, startCpexServer } from '../lib/cpex.mjs';
import { startFloor } from '../lib/ends.mjs';
import { compare } from '../lib/measure.mjs';

/** The same call through cpex, the plugin framework in Python: its manager and its server, over the same certificates. */
export const ids = ['peer.cpex.seq', 'peer.cpex.c32'];

/** Of its calls a short turn would hold a few: two long ones. */
const turns = 2;

export async function run(bench, { seconds, wanted, cpex }) {
  const python = await findCpex(cpex);
  if (python === undefined) {
    const remedy = '`make interop` installs it, or name a Python that has it: --cpex PYTHON';
    console.error(`peer.cpex is left out, cpex is not installed: ${remedy}`);
    return [];
  }
  const { url, pid } = await startCpexServer(bench, python);
  const { drive, versions } = await startCpexClient(bench, python, url);
  const floor = await startFloor(bench);
  const rows = [];
  for (const [name, concurrency] of [
    ['peer.cpex.seq', 1],
    ['peer.cpex.c32', 32],
  ]) {
    if (!wanted(name)) continue;
    const row = await compare(name, { drive, pid }, floor, { concurrency, seconds: seconds / 2, turns });
    rows.push({ ...row, versions });
  }
  return rows;
}
