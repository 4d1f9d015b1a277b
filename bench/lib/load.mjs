// Calls a plugin from a process of its own: for each line, a number of seconds, so long, and says what came of it.
import { createInterface } from 'node:readline';
import { loadConfig, openPluginManager, silentLogger } from 'sallyport';
import { hookCall } from './ends.mjs';
import { callsOf } from './measure.mjs';
import { warmUp } from './work.mjs';

/** This side is as fast as it gets after some thousand calls, of which a busy plugin would make minutes. */
const warmCalls = 5_000;

const [path, concurrency] = process.argv.slice(2);
const config = await loadConfig({ path, cwd: process.cwd(), env: {}, side: 'gateway' });
const manager = await openPluginManager(config, { log: silentLogger });
const warm = hookCall(manager, undefined, warmUp);
for (let i = 0; i < warmCalls; i += 1) await warm();
const drive = callsOf(hookCall(manager));
for await (const seconds of createInterface({ input: process.stdin })) {
  const { times, took, clientCpu } = await drive(Number(concurrency), Number(seconds));
  const some = times.filter((_, i) => i % 20 === 0).map((ms) => Math.round(ms * 1000) / 1000);
  console.log(JSON.stringify({ calls: times.length, took, clientCpu, times: some }));
}
