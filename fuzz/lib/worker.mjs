// Tries inputs on one target, in a thread of its own: one that hangs or eats the memory takes nobody along.
import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './corpus.mjs';
import { openCoverage } from './coverage.mjs';
import { kindOf } from './judge.mjs';
import { minimise } from './minimise.mjs';
import { createMutator } from './mutate.mjs';
import { createRandom } from './random.mjs';

const { name, seed, seconds, shared } = workerData;
/** An input that takes so long three times, in milliseconds, is a finding: some tens of kilobytes are no work. */
const slowMs = 2_000;
/** Coverage is looked at after so many inputs: a look costs as much as many of them. */
const batch = 40;

const counter = new Int32Array(shared, 0, 2);
const current = new Uint8Array(shared, 8);
const target = (await import(`../targets/${name}.mjs`)).default;
const random = createRandom(`${seed} ${name}`);
const run = await target.open({ random });
const kinds = new Set();
let tried = 0;

/** The error that an input leads to, or undefined. */
async function failureOf(input) {
  current.set(input);
  counter[1] = input.length;
  Atomics.add(counter, 0, 1);
  try {
    const outcome = run(input);
    if (outcome instanceof Promise) await outcome;
    return undefined;
  } catch (error) {
    return error;
  }
}

async function slow(input) {
  for (let again = 0; again < 2; again += 1) {
    const began = performance.now();
    await failureOf(input);
    if (performance.now() - began < slowMs) return undefined;
  }
  return Object.assign(new Error(`takes more than ${slowMs} ms each time`), { name: 'Slow' });
}

async function attempt(input, from) {
  tried += 1;
  const began = performance.now();
  let error = await failureOf(input);
  if (!error && performance.now() - began > slowMs) error = await slow(input);
  if (!error) return;
  const kind = kindOf(error);
  if (kinds.has(kind)) return;
  kinds.add(kind);
  const same = async (smaller) => kindOf(await failureOf(smaller)) === kind;
  const smallest = from || error.name === 'Slow' ? input : await minimise(input, same);
  const reason = String(error?.stack ?? error).slice(0, 1_500);
  parentPort.postMessage({ kind: 'finding', input: smallest, from, reason });
}

const kept = readCorpus(name);
for (const { name: file, input } of kept) await attempt(input, file);
const replayed = tried;
const pool = kept.map(({ input }) => input);
const coverage = seconds > 0 ? openCoverage() : undefined;
const mutate = createMutator(random, { format: target.format, words: target.words, others: pool });
for (const until = performance.now() + seconds * 1_000; performance.now() < until; ) {
  const inputs = Array.from({ length: batch }, () =>
    target.generate && random.chance(0.2) ? Buffer.from(target.generate(random)) : mutate(random.pick(pool)),
  );
  for (const input of inputs) {
    await attempt(input);
    if (performance.now() >= until) break;
  }
  if (!coverage.fresh()) continue;
  // Which of them it was is not known: all are worth a further change for a while.
  pool.push(...inputs.filter(() => random.chance(0.2)));
  if (pool.length > 2_000) pool.splice(kept.length, pool.length - 2_000);
}
parentPort.postMessage({ kind: 'done', tried, replayed, reached: coverage?.reached() ?? 0 });
