/**
 * The plugins of `sallyport dev`, as one version of their code has them, in a process of its own: what a module keeps, what a
 * plugin leaves behind and every module that it imports goes with the process. It is told where to listen, and says when it
 * does, what its plugins do, or why they cannot start.
 */
import { spawnSync } from 'node:child_process';
import { loadConfig } from '../config/index.js';
import { asSallyError, messageOf } from '../errors.js';
import { createLogger } from '../log.js';
import type { PluginDefinition } from '../plugin/index.js';
import { importPlugin, locate } from '../plugin/module.js';
import { bundledKinds, bundledPlugin } from '../plugins/index.js';
import { createPluginServer, type PluginServer } from '../server/index.js';
import { watched } from '../testing/exchanges.js';
import { packageVersion } from '../version.js';
import type { FromVersion, ToVersion, Where } from './version.js';

let server: PluginServer | undefined;
/** The URL of the module that is being loaded. */
let loading: string | undefined;

const tell = (message: FromVersion) => void process.send?.(message);

process.on('message', (message: ToVersion) => {
  if (message.kind === 'start') void start(message.where).catch(fail);
  else void end();
});
// Its parent is gone, however it went.
process.on('disconnect', () => process.exit(0));
// Ctrl-C is for the parent, which waits for the calls in flight.
process.on('SIGINT', () => {});
process.on('uncaughtException', (error) => tell({ kind: 'stray', text: stackOf(error) }));
process.on('unhandledRejection', (error) => tell({ kind: 'stray', text: stackOf(error) }));

async function start({ path, cwd, socket, logFormat }: Where): Promise<void> {
  const config = await loadConfig({ path, cwd, env: process.env, side: 'server' });
  const definitions = new Map<string, PluginDefinition>();
  for (const entry of config.plugins) {
    if (entry.kind === 'external' || entry.mode === 'disabled') continue;
    loading = await locate(entry.kind.replace(/#[^#]*$/, ''), config);
    const definition = await (bundledPlugin(entry.kind) ?? importPlugin(entry, config, bundledKinds));
    loading = undefined;
    definitions.set(
      entry.kind,
      watched(definition, (exchange) => tell({ kind: 'exchange', exchange })),
    );
  }
  const { tls, ...settings } = config.server;
  const place = { ...config, server: { ...settings, transport: 'http' as const, uds: socket } };
  const log = createLogger({ level: 'info', format: logFormat });
  server = await createPluginServer(place, { log, version: packageVersion(), definitions });
  await server.listen();
  const plugins = config.plugins.filter((entry) => entry.mode !== 'disabled').map(({ name }) => name);
  tell({ kind: 'ready', plugins, settings: config.settings });
}

function fail(thrown: unknown): void {
  const { code, message, remedy } = asSallyError(thrown);
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  tell({ kind: 'failed', code, message, remedy, place: placeOf(cause) });
  process.disconnect();
}

/** The line where something was thrown. Of what cannot be parsed Node says that only as it ends. */
function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof SyntaxError && loading !== undefined) {
    const script = ['--input-type=module', '-e', 'await import(process.argv[1])', loading];
    const { stderr } = spawnSync(process.execPath, script, { encoding: 'utf8' });
    return /^file:.*:\d+$/m.exec(stderr)?.[0];
  }
  return /file:\S+:\d+:\d+/.exec(error.stack ?? '')?.[0];
}

async function end(): Promise<void> {
  await server?.drain();
  process.exit(0);
}

/** Where it was thrown: of what cannot be parsed Node says the line before the message. */
function stackOf(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : messageOf(error);
}
