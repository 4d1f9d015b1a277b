/**
 * Prints which files of the product one request enters, and how many functions, as V8 counts them: a tools/call through a
 * gateway with one plugin behind mutual TLS, and the hook call of it in the plugin server. Both are warm: what only a
 * first call does is not counted. `--functions` names the functions too.
 */
import { existsSync, readFileSync } from 'node:fs';
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
  // What comes later by itself (sweeps, log lines) is over by then, and belongs to no call.
  await sleep(200);
  await Promise.all([entered(gateway.pid, 1), entered(server.pid, 1)]);
  await call();
  const [inGateway, inServer] = await Promise.all([entered(gateway.pid, 2), entered(server.pid, 2)]);
  show('tools/call with one plugin behind mutual TLS, in the gateway', inGateway);
  show('the hook call of it, in the plugin server', inServer);
} finally {
  await bench.close();
}

/** What a process has entered since it was asked last. */
async function entered(pid, time) {
  const path = join(bench.folder, `entered-${pid}-${time}.json`);
  process.kill(pid, 'SIGUSR2');
  for (let waited = 0; waited < 1_000; waited += 1) {
    if (existsSync(path)) {
      const text = readFileSync(path, 'utf8');
      if (text.endsWith(']')) return JSON.parse(text);
    }
    await sleep(10);
  }
  throw new Error(`process ${pid} does not say what it entered`);
}

function show(title, files) {
  const functions = files.reduce((sum, [, names]) => sum + names.length, 0);
  console.log(`${title}: ${files.length} files, ${functions} functions`);
  for (const [file, names] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const list = named ? `  ${names.map((name) => name || '(anonymous)').join(', ')}` : '';
    console.log(`  ${String(names.length).padStart(4)}  ${file.replace(/\.js$/, '.ts')}${list}`);
  }
  console.log();
}
