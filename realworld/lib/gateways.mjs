import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { cleanEnv, freePort, startProgram, stopProgram, until } from '../../interop/lib/processes.mjs';
import { root } from './programs.mjs';

/** How long all upstreams may take to be there. */
const upMs = 90_000;
const main = join(root, 'dist/cli/main.js');

/**
 * An upstream as the configuration has it: a URL, or a child, which is a client's own as that of a client which starts
 * its servers itself: one that is shared can ask nobody anything.
 */
export const upstreamOf = ({ url, command, args, env, cwd }) =>
  url === undefined ? { command, args: args.map(String), env, cwd, share: 'session' } : { url };

async function writeConfig(folder, { upstreams, plugins = [], auth = 'none', port: wanted }) {
  const port = wanted ?? (await freePort());
  const config = join(folder, `gateway-${port}.yaml`);
  const gateway = { host: '127.0.0.1', port, auth, upstreams };
  await writeFile(config, stringify({ plugins, gateway }));
  return { config, port };
}

/** A gateway over standard input and output, as a client starts it. */
export async function pipedGateway(folder, settings) {
  const { config } = await writeConfig(folder, settings);
  return {
    command: process.execPath,
    args: [main, 'gateway', '--config', config, '--stdio'],
    env: cleanEnv(),
    cwd: folder,
  };
}

/** Runs `work` with the URL of a gateway whose upstreams are all there, and with the end of its log. */
export async function withGateway(folder, settings, work) {
  const { config, port } = await writeConfig(folder, settings);
  const program = startProgram(process.execPath, [main, 'gateway', '--config', config], {
    env: cleanEnv({ LOG_FORMAT: 'text' }),
    cwd: folder,
    group: true,
  });
  program.child.stdout.resume();
  try {
    await until(upMs, 'the upstreams are there', async () => {
      if (program.child.exitCode !== null) throw new Error(`the gateway ended: ${program.tail()}`);
      const reply = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
      const { upstreams = {} } = reply ? await reply.json() : {};
      return Object.keys(settings.upstreams).every((name) => upstreams[name] === 'up');
    });
    return await work(`http://127.0.0.1:${port}/mcp`, program.tail);
  } catch (error) {
    error.message += `\n${program.tail().slice(-1_500)}`;
    throw error;
  } finally {
    await stopProgram(program, 10_000);
  }
}
