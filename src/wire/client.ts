import type { Cancellation } from '../cancel.js';
import { PluginNotFound, ReplyInvalid } from '../errors.js';
import { takesChains } from './chain.js';
import {
  type PluginReport,
  readPluginReport,
  type ToolConnection,
  type ToolReply,
  toolNames,
} from './tools.js';

/** Asks a server for one plugin, which every server of the contract answers without a hook. */
export function askForPlugin(
  connection: ToolConnection,
  name: string,
  signal: Cancellation,
): Promise<ToolReply> {
  return connection.call(toolNames.pluginConfig, JSON.stringify({ name }), signal);
}

/** What a server says of one plugin, and whether it takes chains. Rejects with a SallyError; where it has no such plugin, the error names those that it has. */
export async function learnPlugin(
  connection: ToolConnection,
  name: string,
  signal: Cancellation,
): Promise<{ readonly report: PluginReport; readonly chains: boolean }> {
  const { peer } = connection;
  const { texts, meta } = await askForPlugin(connection, name, signal);
  const report = readPluginReport(texts[0] ?? '');
  if (typeof report === 'string') throw ReplyInvalid({ peer, tool: toolNames.pluginConfig, reason: report });
  if (report === null)
    throw PluginNotFound({ plugin: name, where: peer, has: await listPlugins(connection, signal) });
  return { report, chains: takesChains(meta) };
}

/** The names of the plugins that a server has. */
export async function listPlugins(
  connection: ToolConnection,
  signal: Cancellation,
): Promise<readonly string[]> {
  const { texts } = await connection.call(toolNames.pluginConfigs, '{}', signal);
  return texts
    .map(readPluginReport)
    .flatMap((report) => (report && typeof report === 'object' ? [report.name] : []));
}
