import type { PluginsConfig } from '../config/index.js';
import type { Logger } from '../log.js';
import { createMcpServer } from './mcp.js';
import { openOwnPlugins } from './own-plugins.js';

/** Serves the plugins of `config` over standard input and output; resolves when the client has closed its end. */
export async function servePluginsOverStdio(
  config: PluginsConfig,
  deps: { log: Logger; version: string; signal: AbortSignal },
): Promise<void> {
  const { log } = deps;
  const plugins = await openOwnPlugins(config, log);
  const { serveStdio, StdioServerTransport } = await import('@modelcontextprotocol/server/stdio');
  const transport = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: 4_000_000 });
  const ended = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve);
    process.stdin.once('close', resolve);
    deps.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const onerror = (error: Error) => log.warn({ error: error.message }, 'a message on stdin was refused');
  const handle = serveStdio(() => createMcpServer(deps.version, { plugins, log }), { transport, onerror });
  log.info({ plugins: plugins.plugins.map((plugin) => plugin.name) }, 'plugin server on stdio');
  await ended;
  await handle.close();
  await plugins.close();
}
