import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { loadConfig, openPluginManager, silentLogger } from 'sallyport';
import { ensureAll } from 'sallyport/pki';
import { floorCalls } from './floor-client.mjs';
import { check, payloadOf } from './work.mjs';

export const pluginName = 'Replace';
const pluginFile = fileURLToPath(new URL('plugin.mjs', import.meta.url));
/** A plugin that takes eight milliseconds of CPU time. */
export const busyPlugin = fileURLToPath(new URL('busy-plugin.mjs', import.meta.url));
const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** What the scenarios share: a folder with certificates, and whatever was started, which ends with it. */
export async function openBench() {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const children = [];
  const closers = [];
  const made = new Map();
  const bench = {
    folder,
    command,
    /** Certificates with keys of this type, made once: the paths of both ends. */
    async certs(keyType = 'ec-p256') {
      const dir = join(folder, keyType);
      if (!made.has(keyType)) made.set(keyType, ensureAll([pluginName], { dir, keyType }));
      await made.get(keyType);
      const own = join(dir, 'plugins', pluginName);
      return {
        server: { cert: join(own, 'server.crt'), key: join(own, 'server.key'), ca: join(own, 'ca.crt') },
        client: {
          cert: join(dir, 'gateway/client.crt'),
          key: join(dir, 'gateway/client.key'),
          ca: join(dir, 'gateway/ca.crt'),
        },
      };
    },
    /** Starts a script in a process of its own; answers it and the first line that it prints there. */
    async start(args, from) {
      const stdio = ['ignore', from === 'stdout' ? 'pipe' : 'ignore', from === 'stderr' ? 'pipe' : 'inherit'];
      const env = { PATH: process.env.PATH, HOME: process.env.HOME, LOG_FORMAT: 'json', LOG_LEVEL: 'INFO' };
      const child = spawn(process.execPath, args, { cwd: folder, env, stdio });
      children.push(child);
      const lines = createInterface({ input: child[from] });
      const [line] = await Promise.race([
        once(lines, 'line'),
        once(child, 'exit').then(([status]) => {
          throw new Error(`${args.join(' ')} ended with ${status}`);
        }),
      ]);
      lines.on('line', () => {});
      return { child, line };
    },
    /** Starts a script whose standard error goes to an open file; `more` are variables for it. */
    spawn(args, stderr, more = {}) {
      const { PATH, HOME } = process.env;
      const env = { PATH, HOME, LOG_FORMAT: 'json', LOG_LEVEL: 'INFO', ...more };
      const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'ignore', stderr] });
      children.push(child);
      return child;
    },
    /** Starts a script that is talked with line by line. */
    pipe(args) {
      const child = spawn(process.execPath, args, { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
      children.push(child);
      return { child, lines: createInterface({ input: child.stdout }) };
    },
    onClose: (close) => closers.push(close),
    async close() {
      for (const close of closers) await close();
      for (const child of children) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
  return bench;
}

let files = 0;
export async function writeConfig(bench, content) {
  files += 1;
  const path = join(bench.folder, `plugins-${files}.yaml`);
  await writeFile(path, JSON.stringify(content));
  return path;
}

/** `sallyport serve` with plugins of these names, over mutual TLS. */
export async function startServer(
  bench,
  { names = [pluginName], kind = pluginFile, keyType, more = [] } = {},
) {
  const { server } = await bench.certs(keyType);
  const plugins = names.map((name) => ({ name, kind }));
  const tls = { certfile: server.cert, keyfile: server.key, ca_bundle: server.ca };
  const path = await writeConfig(bench, { plugins, server_settings: { host: 'localhost', tls } });
  const { child, line } = await bench.start(
    [bench.command, 'serve', '--config', path, '--port', '0', ...more],
    'stderr',
  );
  const { url, port } = JSON.parse(line);
  return { url, port, pid: child.pid };
}

/** An external plugin on the server at `url`. */
export async function externalEntry(bench, url, entry = { name: pluginName }) {
  const { client } = await bench.certs();
  const tls = { certfile: client.cert, keyfile: client.key, ca_bundle: client.ca, identity: pluginName };
  return { kind: 'external', mcp: { url, tls }, ...entry };
}

/** The gateway side with these entries, each an external plugin on the server at `url`. */
export async function openGateway(bench, url, entries = [{ name: pluginName }], connect = 'now', more = {}) {
  const plugins = await Promise.all(entries.map((entry) => externalEntry(bench, url, entry)));
  const path = await writeConfig(bench, { plugins });
  const config = await loadConfig({ path, cwd: bench.folder, env: {}, side: 'gateway' });
  const manager = await openPluginManager(config, { log: silentLogger, connect, ...more });
  bench.onClose(() => manager.close());
  return manager;
}

/** One hook call through the product, of a payload of so many bytes. */
export function hookCall(manager, bytes = 940, tool) {
  return async () => {
    const { payload } = await manager.request().invoke('tool_pre_invoke', payloadOf(bytes, tool));
    check(payload);
  };
}

/** The floor's server, and calls of it through undici. */
export async function startFloor(bench, bytes = 940) {
  const { server, client } = await bench.certs();
  const script = fileURLToPath(new URL('floor-server.mjs', import.meta.url));
  const { child, line: port } = await bench.start([script, server.cert, server.key, server.ca], 'stdout');
  const floor = floorCalls(port, client, pluginName);
  bench.onClose(floor.close);
  const call = async () => check(await floor.call(payloadOf(bytes)));
  return { call, port, pid: child.pid };
}
