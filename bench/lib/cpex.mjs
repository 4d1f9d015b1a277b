import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { cache, root } from '../../interop/lib/prepare.mjs';
import {
  answers,
  freePort,
  lastLine,
  startProgram,
  stopProgram,
  until,
  within,
} from '../../interop/lib/processes.mjs';
import { lookForPeer, peerEnv } from '../../interop/lib/python.mjs';
import { peers } from '../../interop/peers.mjs';
import { pluginName, writeConfig } from './ends.mjs';
import { payloadOf, replaceWords } from './work.mjs';

const startMs = 20_000;
const here = import.meta.dirname;

/** A Python that has cpex: the one that was named, or that of the interoperation tests; undefined where there is none. */
export async function findCpex(given) {
  if (given !== undefined) return resolve(given);
  const peer = peers.find(({ id }) => id.startsWith('cpex-'));
  const { python, installed } = await lookForPeer(peer, { root, cache });
  return installed ? python : undefined;
}

/** cpex's plugin server over mutual TLS, started as for the interoperation tests; it logs errors only. */
export async function startCpexServer(bench, python) {
  const { server } = await bench.certs();
  const port = await freePort();
  const config = await writeConfig(bench, {
    plugins: [
      {
        name: pluginName,
        kind: 'cpex_plugin.Replace',
        version: '1.0.0',
        hooks: ['tool_pre_invoke'],
        mode: 'sequential',
        priority: 30,
      },
    ],
    plugin_dirs: [],
    server_settings: { host: 'localhost', port, tls: { ...tlsOf(server), ssl_cert_reqs: 2 } },
  });
  const program = startPython(bench, python, [join(root, 'interop/peers/serve.py')], {
    PLUGINS_CONFIG_PATH: config,
    PLUGINS_TRANSPORT: 'http',
    PLUGINS_LOG_LEVEL: 'ERROR',
  });
  await until(startMs, 'the server of cpex listens', () => {
    if (program.child.exitCode !== null) throw ended('server', program);
    return answers({ host: 'localhost', port });
  });
  return { url: `https://localhost:${port}/mcp`, pid: program.child.pid };
}

/** cpex's plugin manager on the server at `url`, in a process of its own: `drive` makes it call. */
export async function startCpexClient(bench, python, url) {
  const { client } = await bench.certs();
  const mcp = { proto: 'STREAMABLEHTTP', url, tls: tlsOf(client) };
  const config = await writeConfig(bench, {
    plugins: [{ name: pluginName, kind: 'external', hooks: ['tool_pre_invoke'], mcp }],
    plugin_dirs: [],
  });
  const payload = payloadOf(940);
  const script = join(here, 'cpex_client.py');
  const args = [script, config, JSON.stringify(payload), JSON.stringify(replaceWords(payload).args)];
  const program = startPython(bench, python, args, { PLUGINS_LOG_LEVEL: 'ERROR' });
  const lines = createInterface({ input: program.child.stdout });
  const closed = once(program.child, 'close').then(() => {
    throw ended('client', program);
  });
  closed.catch(() => {});
  const next = async (ms) => {
    const [line] = await within(ms, 'the client of cpex', Promise.race([once(lines, 'line'), closed]));
    return JSON.parse(line);
  };
  const versions = await next(startMs);
  const drive = (concurrency, seconds) => {
    program.child.stdin.write(`${JSON.stringify({ concurrency, seconds })}\n`);
    return next(seconds * 1_000 + startMs);
  };
  return { versions, drive };
}

const tlsOf = ({ cert, key, ca }) => ({ certfile: cert, keyfile: key, ca_bundle: ca });

const ended = (side, { tail }) => new Error(`the ${side} of cpex ended: ${lastLine(tail())}`);

function startPython(bench, python, args, env) {
  const options = { env: peerEnv(python, root, { PYTHONPATH: here, ...env }), cwd: bench.folder };
  const program = startProgram(python, args, options);
  bench.onClose(() => stopProgram(program, 500));
  return program;
}
