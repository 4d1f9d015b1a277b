/**
 * Prints which files of the product one request enters, and how many functions, as V8 counts them: a tools/call through a
 * gateway with one plugin behind mutual TLS, and the hook call of it in the plugin server. Both are warm: what only a
 * first call does is not counted. `--functions` names the functions too.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { externalEntry, openBench, startServer } from '../bench/lib/ends.mjs';
import { openSessions, startGateway, startUpstream, toolCalls } from '../bench/lib/gateway.mjs';

const named = process.argv.includes('--functions');
const bench = await openBench();
bench.command = fileURLToPath(new URL('journeys-program.mjs', import.meta.url));
try {
  const server = await startServer(bench);
  const upstream = await startUpstream(bench);
  const gateway = await startGateway(bench, upstream, [await externalEntry(bench, server.url)]);
  const call = toolCalls(bench, gateway.port, await openSessions(bench, gateway.port, 1));
  for (let warm = 0; warm < 20; warm += 1) await call();
  const pids = [gateway.pid, server.pid];
  await Promise.all(pids.map(entered));
  // What goes on by itself (sweeps, log lines, a look at the credentials) falls into some of the calls only.
  const calls = [];
  for (let time = 0; time < 12; time += 1) {
    await sleep(100 + 20 * time);
    await Promise.all(pids.map(entered));
    await call();
    calls.push(await Promise.all(pids.map(entered)));
  }
  show(
    'tools/call with one plugin behind mutual TLS, in the gateway',
    inAll(calls.map(([gateway]) => gateway)),
  );
  show('the hook call of it, in the plugin server', inAll(calls.map(([, server]) => server)));
} finally {
  await bench.close();
}

/** What a process has entered since it was asked last. */
async function entered(pid) {
  const path = join(bench.folder, `entered-${pid}.json`);
  process.kill(pid, 'SIGUSR2');
  for (let waited = 0; waited < 1_000; waited += 1) {
    await sleep(10);
    if (!existsSync(path)) continue;
    const text = readFileSync(path, 'utf8');
    if (!text.endsWith(']')) continue;
    rmSync(path);
    return JSON.parse(text);
  }
  throw new Error(`process ${pid} does not say what it entered`);
}

function inAll([first, ...others]) {
  return first.filter((one) => others.every((other) => other.includes(one)));
}

function show(title, functions) {
  const files = new Map();
  for (const one of functions) {
    const [file, , name] = one.split(':');
    files.set(file, [...(files.get(file) ?? []), name || '(anonymous)']);
  }
  console.log(`${title}: ${files.size} files, ${functions.length} functions`);
  for (const [file, entered] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const list = named ? `  ${entered.join(', ')}` : '';
    console.log(`  ${String(entered.length).padStart(4)}  ${file.replace(/\.js$/, '.ts')}${list}`);
  }
  console.log();
}
