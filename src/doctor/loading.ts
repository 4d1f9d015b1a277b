import { Worker } from 'node:worker_threads';
import {
  busySignal,
  type LoadProgress,
  type LoadReply,
  type LoadRequest,
  replyOf,
} from './examine-plugins.js';

/** The process in which `examine-plugins.ts` has plugins loaded. */
// A module that waits for what never comes is to be told from one that ends its process.
process.channel?.ref();
// A promise that it leaves behind ends no program that serves, either.
process.on('unhandledRejection', () => {});
process.on('uncaughtException', () => {});

const tickMs = 100;
/** Compilers of WebAssembly work without being seen. */
const idleLimitMs = 5_000;

/**
 * How long a module takes says nothing on a machine that has other things to do. So what counts of waiting are the ticks of
 * this process, each for no more than its own length; and of computing, where there are no ticks, the time of the processor,
 * which another thread looks at.
 */
const looking = `
const { workerData: { withinMs, signal } } = require('node:worker_threads');
setInterval(() => {
  const { user, system } = process.cpuUsage();
  if ((user + system) / 1000 >= withinMs) process.kill(process.pid, signal);
}, ${tickMs});
`;

process.once('message', async ({ entries, base, withinMs }: LoadRequest) => {
  let [waitedMs, idleMs, before] = [0, 0, ''];
  setInterval(() => {
    waitedMs += tickMs;
    idleMs = active() === before ? idleMs + tickMs : 0;
    const hangs = waitedMs >= withinMs || idleMs >= idleLimitMs;
    if (waitedMs % 1_000 === 0 || hangs) void send({ waitedMs, hangs });
  }, tickMs);
  for (const entry of entries) {
    [waitedMs, idleMs, before] = [0, 0, active()];
    // What this process has computed up to here is not of this plugin.
    const { user, system } = process.cpuUsage();
    const workerData = { withinMs: withinMs + (user + system) / 1000, signal: busySignal };
    const watch = new Worker(looking, { eval: true, workerData });
    await send(await replyOf(entry, base));
    await watch.terminate();
  }
  process.exit(0);
});

/** What this process waits for: files, connections, timers. Where it is what it was before, nothing will ever come. */
const active = () => process.getActiveResourcesInfo().join();

const send = (reply: LoadReply | LoadProgress) => new Promise((sent) => process.send?.(reply, sent));
