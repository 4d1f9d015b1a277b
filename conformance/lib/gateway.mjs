import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { cleanEnv, freePort, startProgram, stopProgram, until } from '../../interop/lib/processes.mjs';
import { root } from './suite.mjs';

/** The upstreams that the suite has; with one of them, names stay as they are. */
const readyMs = 20_000;

/** Runs `work` with a gateway before one upstream, which has gone afterwards. `configure` says what else its file has. */
export async function withGateway(upstream, work, configure = () => ({})) {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  const port = await freePort();
  const config = join(folder, 'gateway.yaml');
  const more = await configure({ folder, port });
  const upstreams = { suite: { url: upstream, ...more.upstream } };
  const gateway = { host: '127.0.0.1', port, auth: 'none', ...more.gateway, upstreams };
  await writeFile(config, stringify({ plugins: [], gateway }));
  const program = startProgram(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'gateway', '--config', config],
    { env: cleanEnv(), cwd: folder },
  );
  program.child.stdout.resume();
  try {
    await until(readyMs, 'the gateway was not ready', async () => {
      if (program.child.exitCode !== null) throw new Error(`the gateway ended: ${program.tail()}`);
      const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
      return answer?.ok;
    });
    return await work(`http://127.0.0.1:${port}/mcp`, program.tail);
  } catch (error) {
    error.message += `\n${program.tail().slice(-2_000)}`;
    throw error;
  } finally {
    await stopProgram(program);
    await rm(folder, { recursive: true, force: true });
  }
}
