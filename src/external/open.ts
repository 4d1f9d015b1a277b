import type { McpSettings } from '../config/index.js';
import type { Connection, ConnectionDeps } from './connection.js';
import { openHttpConnection } from './http.js';
import { openStdioConnection } from './stdio.js';

/** Opens the way that `settings` describe. Rejects where its credentials are not valid, and for nothing else. */
export async function openConnection(settings: McpSettings, deps: ConnectionDeps): Promise<Connection> {
  return settings.transport === 'stdio'
    ? openStdioConnection(settings, deps)
    : openHttpConnection(settings, deps);
}
