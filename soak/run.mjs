// `make soak`: real programs, certificates and sockets under what a long time brings: rotation, broken networks, floods,
// restarts. A scenario is a file of `scenarios/`: `title`, and `run(place, {seconds, seed})`, which answers `{fine, told}`.
//   --seconds N      about how long in all (default 300); some scenarios need what they need
//   --only ID,ID     these scenarios alone; a part of a name will do
//   --seed TEXT      the same drawing of lots again (default: one of its own, which is printed)
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openPlace } from './lib/place.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now()) },
  },
});
/** 5,000 connections have an end in this process and another in the program, and both have more than those. */
const filesNeeded = 12_000;
const [, files] = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
if (Number(files) < filesNeeded) {
  process.stderr.write(
    `a process may have ${files} files open here, and needs ${filesNeeded}: raise the hard limit (ulimit -Hn), \`make soak\` takes all of it\n`,
  );
  process.exit(2);
}

const names = [
  'rotation',
  'revocation',
  'chaos',
  'drains',
  'too-large',
  'handshakes',
  'flood-serve',
  'flood-gateway',
  'flood-gateway-tls',
  'memory',
];
const only = options.only.split(',').filter(Boolean);
const wanted = names.filter((name) => only.length === 0 || only.some((part) => name.includes(part)));
const width = Math.max(...wanted.map((name) => name.length));
console.log(`seed ${options.seed}`);
let failed = 0;
for (const name of wanted) {
  const { title, share = 0, run } = await import(`./scenarios/${name}.mjs`);
  const place = await openPlace();
  const began = Date.now();
  const seconds = Math.max(3, Number(options.seconds) * share);
  let outcome;
  try {
    outcome = await run(place, { seconds, seed: options.seed });
  } catch (error) {
    outcome = { fine: false, told: `did not come to its end: ${error.stack ?? error}` };
  }
  const defects = place.defects();
  const fine = outcome.fine && defects.length === 0;
  if (!fine) failed += 1;
  const took = `${Math.round((Date.now() - began) / 1_000)} s`;
  console.log(
    `${fine ? 'ok  ' : 'FAIL'}  ${name.padEnd(width)}  ${took.padStart(5)}  ${title}: ${outcome.told}`,
  );
  if (outcome.more) console.log(`      ${' '.repeat(width)}         ${outcome.more}`);
  for (const line of defects.slice(0, 3))
    console.log(`      ${' '.repeat(width)}         logged: ${line.slice(0, 400)}`);
  await place.close();
}
process.exit(failed === 0 ? 0 : 1);
