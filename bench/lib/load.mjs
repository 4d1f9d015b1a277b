// Calls a plugin from a process of its own: waits for a line, then calls for so many seconds, and says what came of it.
import { once } from 'node:events';
import { loadConfig, openPluginManager, silentLogger } from 'sallyport';
import { hookCall } from './ends.mjs';
import { callsOf } from './measure.mjs';

const [path, concurrency, seconds] = process.argv.slice(2);
const config = await loadConfig({ path, cwd: process.cwd(), env: {}, side: 'gateway' });
const call = hookCall(await openPluginManager(config, { log: silentLogger }));
for (let i = 0; i < 200; i += 1) await call();
console.log('ready');
await once(process.stdin, 'data');
const { times, took } = await callsOf(call)(Number(concurrency), Number(seconds));
const some = times.filter((_, i) => i % 20 === 0).map((ms) => Math.round(ms * 1000) / 1000);
console.log(JSON.stringify({ calls: times.length, took, times: some }));
process.exit(0);
