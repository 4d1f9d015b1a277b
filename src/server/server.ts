import type { Registry } from 'prom-client';
import { isLoopback, type PluginsConfig } from '../config/index.js';
import { ServerStopping } from '../errors.js';
import { createHostGuard, listenOnSocket } from '../http/index.js';
import { carriedDepth } from '../json/index.js';
import {
  clientCertificateOf,
  createListener,
  createPages,
  type ListenerAddress,
  openListenerMetrics,
  pathOf,
} from '../listener/index.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';
import { createEndpoint } from '../mcp/endpoint.js';
import { knownMethods } from '../mcp/methods.js';
import type { PluginDefinition } from '../plugin/index.js';
import {
  countDroppedLines,
  createHookLog,
  joinObservers,
  type MetricsSource,
  type Observer,
  openTrafficMetrics,
} from '../telemetry/index.js';
import { type ClientCertificate, openCredentials, openTlsMetrics, type Reloaded } from '../tls/index.js';
import { maxBodyBytes, openOwnPlugins, serving } from './tools.js';

/** Where a plugin server listens; `url` is `unix:` and the path of the socket for a Unix domain socket. */
export type ServerAddress = Omit<ListenerAddress, 'port'> & Partial<Pick<ListenerAddress, 'port'>>;

/** A plugin server that can be started and stopped. */
export interface PluginServer {
  /** Starts to listen. `port` overrides the configured one; 0 takes any free port, for health too. */
  listen(options?: { port?: number }): Promise<ServerAddress>;
  /** Looks at the certificate files now; undefined without TLS. They are watched in any case. */
  reload(): Promise<Reloaded | undefined>;
  /** Takes no more connections and finishes what is in flight, for at most the plugin timeout. */
  drain(): Promise<void>;
  /** Stops at once. */
  close(): Promise<void>;
}

/** More connections at a time are refused as they come in. */
const maxConnections = 4_096;

/**
 * A plugin server for the plugins of `config`. Everything is loaded and checked before it resolves, so that nothing
 * listens that could not serve.
 *
 * @throws SallyError for credentials that are not valid and plugins that cannot start.
 */
export async function createPluginServer(
  config: PluginsConfig,
  deps: {
    log: Logger;
    version: string;
    registry?: Registry;
    /** Watches what the server does, beside its log and its metrics. */
    observer?: Observer;
    /** What is shown of a registry where other processes serve the same port: theirs with it. */
    shared?: (registry: Registry) => Promise<MetricsSource | undefined>;
    /** Plugins by value: what a `kind` stands for, before it is looked up anywhere else. */
    definitions?: ReadonlyMap<string, PluginDefinition>;
  },
): Promise<PluginServer> {
  const { log } = deps;
  const { host, tls, uds } = config.server;
  const bodyBytes = maxBodyBytes(config.settings);
  const registry = deps.registry ?? new (await import('prom-client')).Registry();
  const { holds, observer: metrics } = await openTlsMetrics(registry);
  const traffic = openTrafficMetrics(registry, {
    methods: knownMethods,
    toolNames: false,
    of: 'server',
  });
  const observer = joinObservers(createHookLog(log), traffic, metrics, deps.observer);
  await countDroppedLines(registry, log);
  const shown = (await deps.shared?.(registry)) ?? registry;
  const credentials = tls && (await openCredentials(tls, 'server', { log, observer, holds }));
  const plugins = await openOwnPlugins(config, log, deps.definitions).catch((error: unknown) => {
    credentials?.close();
    throw error;
  });
  const clientCertificate = clientCertificateOf(tls);
  let stopping = false;
  // Neither can be reached by a page in a browser.
  const trusted = clientCertificate === 'required' || uds !== undefined;
  const guard = createHostGuard({ host, trusted });
  const endpoint = createEndpoint({
    ...serving(plugins, { settings: config.settings, log, version: deps.version, observer }),
    guard,
    stopping: () => ServerStopping({}),
  });
  const pages = createPages({
    guard,
    stopping: () => stopping,
    metrics: tls ? undefined : shown,
    elsewhere: ': MCP is at /mcp',
  });
  const listener = createListener({
    tls: credentials && {
      credentials,
      clientCertificate,
      clients: { identity: { kind: 'client', allowed: tls?.allowedClients }, pins: tls?.pins },
      observer,
    },
    handle(request, response) {
      const path = pathOf(request);
      return path === '/mcp' || path === '/mcp/'
        ? endpoint.handle(request, response)
        : pages(request, response);
    },
    fast: {
      handle: endpoint.handle,
      maxBodyBytes: { first: bodyBytes, later: bodyBytes },
      maxBodyDepth: carriedDepth,
    },
    health: createPages({
      guard: createHostGuard({ host, trusted: false }),
      stopping: () => stopping,
      metrics: shown,
      elsewhere: ': only /health and /metrics',
    }),
    maxConnections,
    lastReplyMs: config.settings.pluginTimeoutMs,
    log,
  });

  await openListenerMetrics(registry, listener, endpoint.open, 'server');

  const stop = async (withinMs: number) => {
    stopping = true;
    endpoint.stop();
    if (withinMs > 0) await listener.stop();
    await listener.drain(withinMs);
    await endpoint.drain(0);
    credentials?.close();
    await plugins.close();
    peerLog(log).flush();
  };

  return {
    async listen(options = {}) {
      if (uds !== undefined) {
        await listenOnSocket(listener.main, uds, 'the plugin server');
        return { url: `unix:${uds}` };
      }
      const wanted = options.port ?? config.server.port;
      warnIfOpen(config, clientCertificate, log);
      try {
        return await listener.listen(host, wanted, 'the plugin server');
      } catch (error) {
        await stop(0);
        throw error;
      }
    },
    reload: async () => credentials?.reload(),
    drain: () => stop(config.settings.pluginTimeoutMs),
    close: () => stop(0),
  };
}

function warnIfOpen(config: PluginsConfig, clientCertificate: ClientCertificate, log: Logger): void {
  const { host, tls } = config.server;
  if (!tls && !isLoopback(host)) {
    log.warn(
      { host },
      'the plugin server is in plain HTTP on an address that others can reach: anyone may call it',
    );
  } else if (tls && clientCertificate !== 'required') {
    log.warn(
      { ssl_cert_reqs: tls.sslCertReqs },
      'clients without a certificate are served: set ssl_cert_reqs to 2 for mutual TLS',
    );
  }
}
