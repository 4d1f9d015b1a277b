// `make fuzz`: inputs that a hostile peer or a slip of the hand could make, for everything that reads some. What is found
// is kept as a file of `corpus/`, and tried first from then on.
//   --seconds N      how long in all (default 60); 0 tries the corpus alone
//   --only ID,ID     these targets alone; a part of a name will do
//   --seed TEXT      makes the same inputs again (default: one of its own, which is printed)
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { keep } from './lib/corpus.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now()) },
  },
});
/** An input that is not done after so long hangs. A busy machine makes much slow, but not this. */
const hangMs = 20_000;
const memoryMb = 512;
const only = options.only.split(',').filter(Boolean);
const targets = readdirSync(new URL('targets', import.meta.url))
  .map((file) => file.replace(/\.mjs$/, ''))
  .filter((name) => only.length === 0 || only.some((part) => name.includes(part)));

let found = 0;
function report(name, { input, from, reason }) {
  found += 1;
  const path = from === undefined ? keep(name, input) : `fuzz/corpus/${name}/${from}`;
  console.log(`FOUND  ${name}: ${path}\n${reason.replace(/^/gm, '       ')}`);
}

/** Runs one target to its end, whatever that is. */
function fuzz(name, seconds) {
  const shared = new SharedArrayBuffer(8 + 2 * 1_048_576);
  const counter = new Int32Array(shared, 0, 2);
  const current = () => Buffer.from(new Uint8Array(shared, 8, counter[1]));
  const workerData = { name, seed: options.seed, seconds, shared };
  const worker = new Worker(new URL('lib/worker.mjs', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  });
  return new Promise((resolve) => {
    let seen = [-1, Date.now()];
    const watchdog = setInterval(() => {
      const now = Atomics.load(counter, 0);
      if (now !== seen[0]) seen = [now, Date.now()];
      else if (Date.now() - seen[1] > hangMs) finish({ input: current(), reason: `hangs for ${hangMs} ms` });
    }, 500);
    let over = false;
    const finish = (finding, done) => {
      if (over) return;
      over = true;
      clearInterval(watchdog);
      // Before the first input it is the target that does not work.
      if (finding && counter[0] === 0) throw new Error(`${name}: ${finding.reason}`);
      if (finding) report(name, finding);
      void worker.terminate();
      resolve(done ?? { tried: counter[0], replayed: 0, reached: 0 });
    };
    worker.on('message', (message) => {
      if (message.kind === 'finding') report(name, message);
      else finish(undefined, message);
    });
    worker.on('error', (error) =>
      finish({ input: current(), reason: `ends the thread: ${error.stack ?? error}` }),
    );
    worker.on('exit', (status) => {
      if (status !== 0) finish({ input: current(), reason: `ends the thread with status ${status}` });
    });
  });
}

console.log(`seed ${options.seed}`);
const width = Math.max(...targets.map((name) => name.length));
for (const name of targets) {
  const before = found;
  const { tried, replayed, reached } = await fuzz(name, Number(options.seconds) / targets.length);
  const counts = `${String(tried).padStart(9)} inputs, ${replayed} of the corpus, ${reached} places reached`;
  console.log(`${name.padEnd(width)}  ${found === before ? 'ok  ' : 'FAIL'}  ${counts}`);
}
process.exit(found === 0 ? 0 : 1);
