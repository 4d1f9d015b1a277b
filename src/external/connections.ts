import type { Cancellation } from '../cancel.js';
import type { McpSettings } from '../config/index.js';
import { pluginRule } from '../tls/index.js';
import { askForPlugin } from '../wire/index.js';
import { Breaker, type Probe } from './breaker.js';
import { ConnectionChain } from './chain.js';
import { type Connection, type ConnectionDeps, openConnection } from './connection.js';

/** A connection, and what the plugins that use it share. */
export interface SharedConnection extends Connection {
  readonly chain: ConnectionChain;
  /** Shared by all connections to the same server. */
  readonly breaker: Breaker;
  readonly probe: Probe;
  /** Whether numbers in replies are kept as they are written. */
  readonly exactNumbers: boolean;
}

/** When a server is taken as away, and how often it is asked then. */
export interface BreakerSettings {
  readonly awayAfterTimeouts: number;
  readonly probeIntervalMs: number;
}

/** The connections of one manager: plugins that ask the same of the same server share one. */
export interface Connections {
  /** Rejects where the credentials are not valid. Closing it closes it for others only where nobody uses it any more. */
  open(settings: McpSettings, plugin: string): Promise<SharedConnection>;
}

/** For who makes a connection for a probe, in milliseconds: far above what the probe itself has. */
const probeTimeoutMs = 20_000;

interface Shared {
  readonly connection: Promise<SharedConnection>;
  users: number;
}

/** No connections yet. */
export function createConnections(
  deps: Omit<ConnectionDeps, 'plugin'> & { readonly exactNumbers: boolean },
  { awayAfterTimeouts, probeIntervalMs }: BreakerSettings,
): Connections {
  const { exactNumbers } = deps;
  const shared = new Map<string, Shared>();
  const breakers = new Map<string, Breaker>();
  const breakerOf = (settings: McpSettings, peer: string): Breaker => {
    const options = { peer, log: deps.log, after: awayAfterTimeouts, probeEveryMs: probeIntervalMs };
    const key = serverKey(settings);
    if (key === undefined) return new Breaker(options);
    const breaker = breakers.get(key) ?? new Breaker(options);
    breakers.set(key, breaker);
    return breaker;
  };
  const open = async (settings: McpSettings, plugin: string): Promise<SharedConnection> => {
    const connection = await openConnection(settings, { ...deps, plugin });
    const ask: Probe = (signal) =>
      probe(settings, connection, { ...deps, plugin, timeoutMs: probeTimeoutMs }, signal);
    const breaker = breakerOf(settings, connection.peer);
    const chain = new ConnectionChain(connection, breaker, ask, exactNumbers);
    return { ...connection, chain, breaker, probe: ask, exactNumbers };
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

/**
 * Asks a server what it knows of a plugin, which every server of the contract answers without a hook. On a connection of
 * its own, so that none that broke unnoticed counts against the server; a child process has but one.
 */
async function probe(
  settings: McpSettings,
  used: Connection,
  deps: ConnectionDeps,
  signal: Cancellation,
): Promise<void> {
  const ask = (connection: Connection) => askForPlugin(connection, deps.plugin, signal);
  if (settings.transport === 'stdio') {
    await ask(used);
    return;
  }
  const fresh = await openConnection(settings, deps);
  try {
    await ask(fresh);
  } finally {
    void fresh.close();
  }
}

/** What leads to one server, whoever has to be there. */
function serverKey(settings: McpSettings): string | undefined {
  if (settings.transport === 'stdio') return undefined;
  const { url } = settings;
  return settings.transport === 'uds'
    ? JSON.stringify([settings.socketPath])
    : JSON.stringify([url.href, settings.tls?.serverName]);
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
