import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadConfig, openPluginManager, silentLogger } from 'sallyport';
import { stringify } from 'yaml';
import {
  answers,
  cleanEnv,
  freePort,
  lastLine,
  startProgram,
  stopProgram,
  until,
  within,
} from './processes.mjs';
import { peerEnv } from './python.mjs';

/** The plugins of every server: one probe under each name that a scenario needs. */
const serverPlugins = [
  { name: 'Probe' },
  { name: 'LetterCase' },
  { name: 'Permissive' },
  { name: 'IgnoreError' },
  { name: 'Disabled' },
  { name: 'Lenient', mode: 'permissive' },
];

async function writeYaml(folder, content) {
  const path = join(await mkdtemp(join(folder, 'config-')), 'plugins.yaml');
  await writeFile(path, stringify(content));
  return path;
}

/** `tls` of a server, and of a client. */
const serverTls = (certs) => ({
  certfile: join(certs, 'plugins/Probe/server.crt'),
  keyfile: join(certs, 'plugins/Probe/server.key'),
  ca_bundle: join(certs, 'plugins/Probe/ca.crt'),
  ssl_cert_reqs: 2,
});
export const clientTls = (certs) => ({
  certfile: join(certs, 'gateway/client.crt'),
  keyfile: join(certs, 'gateway/client.key'),
  ca_bundle: join(certs, 'gateway/ca.crt'),
});

/**
 * A plugin server of ours or of a peer: `mcp` is how a gateway finds it. `command` starts it over HTTP and over a
 * socket; over stdio whoever calls it does.
 */
async function startServer({ command, plugins, transport, certs, folder, root: cwd }) {
  const port = await freePort();
  const uds = transport === 'uds' ? join(await mkdtemp(join(folder, 's-')), 'p.sock') : undefined;
  const config = await writeYaml(folder, {
    plugins,
    plugin_dirs: [],
    // Released versions before 1.0.1 do not start without this block.
    plugin_settings: { plugin_timeout: 30 },
    server_settings: {
      host: 'localhost',
      port,
      ...(uds && !command.udsByVariable && { uds }),
      ...(transport === 'mtls' && { tls: serverTls(certs) }),
    },
  });
  const env = {
    ...command.env,
    PLUGINS_CONFIG_PATH: config,
    PLUGINS_TRANSPORT: transport === 'stdio' ? 'stdio' : 'http',
    ...(uds && command.udsByVariable && { PLUGINS_SERVER_UDS: uds }),
  };
  if (transport === 'stdio') {
    const mcp = { proto: 'STDIO', cmd: [command.file, ...command.args], env, cwd };
    const byScript = { proto: 'STDIO', script: command.script, env, cwd };
    return { mcp, byScript, stop: async () => {}, restart: undefined };
  }
  const start = async () => {
    const program = startProgram(command.file, command.args, { env: cleanEnv(env), cwd });
    program.child.stdout.resume();
    const up = () => {
      if (program.child.exitCode !== null) throw new Error(`the server ended: ${lastLine(program.tail())}`);
      return answers(uds ? { path: uds } : { host: 'localhost', port });
    };
    try {
      await until(15_000, 'the server listens', up);
    } catch (error) {
      await stopProgram(program);
      throw error;
    }
    return program;
  };
  let program = await start();
  const secure = transport === 'mtls';
  return {
    mcp: {
      proto: 'STREAMABLEHTTP',
      url: uds ? 'http://localhost/mcp' : `http${secure ? 's' : ''}://localhost:${port}/mcp`,
      ...(uds && { uds }),
      ...(secure && { tls: clientTls(certs) }),
    },
    tail: () => program.tail(),
    stop: () => stopProgram(program),
    async restart() {
      await stopProgram(program);
      program = await start();
    },
  };
}

/** Our plugin server, as the command starts it. */
export function ourServer({ root, ...options }) {
  const main = join(root, 'dist/cli/main.js');
  return startServer({
    ...options,
    root,
    command: {
      file: process.execPath,
      args: [main, 'serve'],
      udsByVariable: true,
      script: join(root, 'interop/peers/sallyport_stdio.py'),
      env: { LOG_FORMAT: 'json', INTEROP_NODE: process.execPath, INTEROP_SALLYPORT: main },
    },
    plugins: serverPlugins.map((plugin) => ({
      ...plugin,
      kind: './interop/plugins/probe.mjs',
      priority: 30,
    })),
  });
}

/** A peer's plugin server. */
export function theirServer({ root, python, env = {}, ...options }) {
  const script = join(root, 'interop/peers/serve.py');
  return startServer({
    ...options,
    root,
    command: {
      file: python,
      args: [script],
      script,
      env: peerEnv(python, root, { ...env, PLUGINS_LOG_LEVEL: 'ERROR' }),
    },
    plugins: serverPlugins.map((plugin) => ({
      kind: 'probe.Probe',
      description: 'does what a payload asks for',
      version: '1.0.0',
      author: 'interop',
      hooks: options.hooks,
      tags: [],
      mode: 'enforce',
      priority: 30,
      conditions: [],
      config: {},
      ...plugin,
    })),
  });
}

/** The entries of a gateway for a server that is reached by `mcp`. */
export function gatewayEntries(mcp) {
  const only = (tool, mode) => ({
    kind: 'external',
    hooks: ['tool_pre_invoke'],
    ...(mode && { mode }),
    conditions: [{ tools: [tool] }],
    mcp,
  });
  return [
    { name: 'Probe', kind: 'external', mcp },
    { name: 'LETTERCASE', ...only('lettercase') },
    { name: 'Permissive', ...only('permissive', 'permissive') },
    { name: 'IgnoreError', ...only('ignoreerror', 'enforce_ignore_error') },
    { name: 'Disabled', ...only('disabled', 'disabled') },
    { name: 'Lenient', ...only('lenient') },
  ];
}

/** An entry as our side needs it: the server hosts several plugins, and shows the certificate of one. */
function withIdentity(entry) {
  const tls = entry.mcp?.tls;
  if (!tls || tls.verify === false) return entry;
  return { ...entry, mcp: { ...entry.mcp, tls: { ...tls, identity: 'Probe' } } };
}

/** Our gateway side, in this process. */
export async function ourGateway({ entries, folder, timeoutS = 15 }) {
  const plugins = entries.map(withIdentity);
  const path = await writeYaml(folder, { plugins, plugin_settings: { plugin_timeout: timeoutS } });
  const config = await loadConfig({ path, cwd: folder, env: {}, side: 'gateway' });
  const manager = await openPluginManager(config, { log: silentLogger });
  const requests = new Map();
  return {
    plugins: async () =>
      manager.plugins.map(({ name, mode, priority, hooks }) => ({ name, mode, priority, hooks })),
    async call(hook, payload, { request = crypto.randomUUID(), global = {} } = {}) {
      const open = requests.get(request) ?? manager.request({ request_id: request, ...global });
      requests.set(request, open);
      try {
        const { modified_payload: after, ...result } = await open.invokeForeign(hook, payload);
        return { ...result, payload: after ?? null, state: open.global.state };
      } catch (error) {
        return { error: { code: error.code, message: error.message, model: error.context ?? {} } };
      }
    },
    close: () => manager.close(),
  };
}

/** A peer's gateway side, in a process of its own. */
export async function theirGateway({ entries, folder, root, python, env = {}, timeoutS = 15 }) {
  const config = await writeYaml(folder, {
    plugins: entries,
    plugin_dirs: [],
    plugin_settings: { plugin_timeout: timeoutS },
  });
  const program = startProgram(python, [join(root, 'interop/peers/gateway.py')], {
    env: peerEnv(python, root, env),
    cwd: root,
  });
  const waiting = new Map();
  createInterface({ input: program.child.stdout }).on('line', (line) => {
    const { id, ...answer } = JSON.parse(line);
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  once(program.child, 'exit').then(() => {
    for (const answer of waiting.values()) {
      answer({ error: { message: `the peer ended: ${lastLine(program.tail())}` } });
    }
  });
  let next = 0;
  const ask = (question, ms = 30_000) => {
    next += 1;
    const id = next;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    program.child.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
    return within(ms, `the peer's answer to ${question.op}`, answer);
  };
  const names = entries.map(({ name }) => name);
  const opened = await ask({ op: 'open', config, names, timeout: timeoutS }).catch((error) => ({ error }));
  if (opened.error) {
    await stopProgram(program, 0);
    throw Object.assign(new Error(opened.error.message), { tail: program.tail() });
  }
  return {
    plugins: async () => opened.plugins,
    call: (hook, payload, { request = crypto.randomUUID(), global = {} } = {}) =>
      ask({ op: 'invoke', hook, payload, request, global }),
    tail: () => program.tail(),
    async close() {
      await ask({ op: 'close' }, 5_000).catch(() => {});
      await stopProgram(program, 500);
    },
  };
}
