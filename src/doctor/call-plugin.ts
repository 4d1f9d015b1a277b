import { CancelSource } from '../cancel.js';
import type { McpSettings } from '../config/index.js';
import { asSallyError, ConnectionTimeout, type SallyError } from '../errors.js';
import { openConnection } from '../external/index.js';
import { type Logger, silentLogger } from '../log.js';
import { learnPlugin, listPlugins } from '../wire/index.js';
import type { DoctorContext } from './facts.js';

/** Asks a plugin server what a gateway asks first; `plugin` is the one that it is to have. */
export async function callPlugin(
  settings: McpSettings,
  plugin: string | undefined,
  {
    timeoutMs,
    credentials,
    log = silentLogger,
  }: Pick<DoctorContext, 'timeoutMs' | 'credentials'> & { log?: Logger },
): Promise<{ readonly error?: SallyError; readonly plugins?: readonly string[] }> {
  const controller = new CancelSource();
  const where = settings.transport === 'stdio' ? settings.command : settings.url.origin;
  const peer = `the plugin server ${settings.transport === 'uds' ? settings.socketPath : where}`;
  const timer = setTimeout(
    () => controller.abort(ConnectionTimeout({ peer, seconds: timeoutMs / 1000 })),
    timeoutMs,
  );
  try {
    const deps = { log, timeoutMs, credentials, plugin: plugin ?? '' };
    // Which plugin it is shows in its certificate only where one is expected.
    const connection = await openConnection(plugin === undefined ? asHost(settings) : settings, deps);
    try {
      if (plugin !== undefined) await learnPlugin(connection, plugin, controller);
      return { plugins: await listPlugins(connection, controller) };
    } finally {
      await connection.close();
    }
  } catch (error) {
    return { error: asSallyError(error) };
  } finally {
    clearTimeout(timer);
  }
}

const asHost = (settings: McpSettings): McpSettings =>
  settings.transport === 'http' && settings.tls
    ? { ...settings, tls: { ...settings.tls, identity: 'host' } }
    : settings;
