import type { Cancellation } from '../cancel.js';
import { PluginNotFound, ReplyInvalid } from '../errors.js';
import { type PluginReport, readPluginReport, toolNames } from '../wire/index.js';
import type { Connection } from './connection.js';

type Way = Pick<Connection, 'call' | 'peer'>;

/** What a server says of one plugin, and beside it. Rejects with a SallyError; where it has no such plugin, the error names those that it has. */
export async function learnPlugin(
  connection: Way,
  name: string,
  scope: Cancellation,
): Promise<{ readonly report: PluginReport; readonly meta: Readonly<Record<string, unknown>> }> {
  const tool = toolNames.pluginConfig;
  const { peer } = connection;
  const { texts, meta } = await connection.call(tool, JSON.stringify({ name }), scope);
  const [text = ''] = texts;
  const report = readPluginReport(text);
  if (typeof report === 'string') throw ReplyInvalid({ peer, tool, reason: report });
  if (report === null)
    throw PluginNotFound({ plugin: name, where: peer, has: await listPlugins(connection, scope) });
  return { report, meta };
}

/** The names of the plugins that a server has. */
export async function listPlugins(connection: Way, scope: Cancellation): Promise<readonly string[]> {
  const { texts } = await connection.call(toolNames.pluginConfigs, '{}', scope);
  return texts
    .map(readPluginReport)
    .flatMap((report) => (report && typeof report === 'object' ? [report.name] : []));
}
