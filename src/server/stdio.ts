import type { PluginsConfig } from '../config/index.js';
import type { Logger } from '../log.js';
import type { PluginManager } from '../manager/index.js';
import { LinesTransport } from './lines.js';
import { openOwnPlugins } from './own-plugins.js';

/** As a body over HTTP. */
const maxLineBytes = 4_000_000;

/**
 * Serves the plugins of `config` over standard input and output. Resolves when the client has closed its end, or when
 * `signal` is aborted and the calls in flight are answered.
 */
export async function servePluginsOverStdio(
  config: PluginsConfig,
  deps: { log: Logger; version: string; signal: AbortSignal },
): Promise<void> {
  const { log } = deps;
  const plugins = await openOwnPlugins(config, log);
  const calls = new Set<Promise<unknown>>();
  const counted: PluginManager = {
    ...plugins,
    invokeOne(call) {
      const outcome = Promise.resolve(plugins.invokeOne(call));
      calls.add(outcome);
      void outcome.finally(() => calls.delete(outcome));
      return outcome;
    },
  };
  const { parseJSONRPCMessage } = await import('@modelcontextprotocol/server');
  const { serveStdio } = await import('@modelcontextprotocol/server/stdio');
  const { createMcpServer } = await import('./mcp.js');
  const transport = new LinesTransport(process.stdin, process.stdout, maxLineBytes, parseJSONRPCMessage);
  const ended = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve);
    process.stdin.once('close', resolve);
    deps.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const onerror = (error: Error) => log.warn({ error: error.message }, 'a message on stdin was refused');
  const handle = serveStdio(() => createMcpServer(deps.version, { plugins: counted, log }), {
    transport,
    onerror,
  });
  log.info({ plugins: plugins.plugins.map((plugin) => plugin.name) }, 'plugin server on stdio');
  await ended;
  if (deps.signal.aborted && calls.size > 0) {
    // Each call has a deadline of its own; its reply is written in the turn after it.
    await Promise.allSettled(calls);
    await new Promise<void>((resolve) => setImmediate(() => process.stdout.write('', () => resolve())));
  }
  await handle.close();
  await plugins.close();
}
