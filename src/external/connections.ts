import type { McpSettings } from '../config/index.js';
import { pluginRule } from '../tls/index.js';
import { ConnectionChain } from './chain.js';
import type { Connection, ConnectionDeps } from './connection.js';
import { openConnection } from './open.js';

/** A connection, and the chain of the plugins that use it. */
export interface SharedConnection extends Connection {
  readonly chain: ConnectionChain;
}

/** The connections of one manager: plugins that ask the same of the same server share one. */
export interface Connections {
  /** Rejects where the credentials are not valid. Closing it closes it for others only where nobody uses it any more. */
  open(settings: McpSettings, plugin: string): Promise<SharedConnection>;
}

interface Shared {
  readonly connection: Promise<Connection & { readonly chain: ConnectionChain }>;
  users: number;
}

/** No connections yet. */
export function createConnections(deps: Omit<ConnectionDeps, 'plugin'>): Connections {
  const shared = new Map<string, Shared>();
  const open = async (settings: McpSettings, plugin: string) => {
    const connection = await openConnection(settings, { ...deps, plugin });
    return { ...connection, chain: new ConnectionChain(connection) };
  };
  return {
    async open(settings, plugin) {
      const key = shareKey(settings, plugin);
      // Each entry has a child of its own: it may hold state, and dies alone.
      if (key === undefined) return open(settings, plugin);
      const entry = shared.get(key) ?? { connection: open(settings, plugin), users: 0 };
      shared.set(key, entry);
      entry.users += 1;
      let closed = false;
      const release = (): boolean => {
        if (closed) return false;
        closed = true;
        entry.users -= 1;
        if (entry.users > 0) return false;
        shared.delete(key);
        return true;
      };
      const connection = await entry.connection.catch((error: unknown) => {
        release();
        throw error;
      });
      return { ...connection, close: async () => void (release() && (await connection.close())) };
    },
  };
}

/** Everything that a connection is made of: two entries share one only where all of it is the same, and so is who has to be there. */
function shareKey(settings: McpSettings, plugin: string): string | undefined {
  if (settings.transport === 'stdio') return undefined;
  const tls = settings.transport === 'http' ? settings.tls : undefined;
  const identity = tls && pluginRule(plugin, tls.identity);
  const sorted = (_key: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify([settings, identity], sorted);
}
