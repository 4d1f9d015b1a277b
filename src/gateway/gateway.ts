import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import type { Registry } from 'prom-client';
import {
  claimsIn,
  credentialsIn,
  type GatewayConfig,
  isLoopback,
  modeEffect,
  networksOf,
  type ServerTlsSettings,
} from '../config/index.js';
import {
  ConfigGatewayOpen,
  GatewayStopping,
  OauthWorkers,
  type SallyError,
  ServerUnknown,
} from '../errors.js';
import { openPluginMetrics } from '../external/metrics.js';
import { createHostGuard } from '../http/index.js';
import {
  clientCertificateOf,
  createListener,
  type ListenerAddress,
  openListenerMetrics,
} from '../listener/index.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';
import { openPluginManager, type PluginRequest } from '../manager/index.js';
import { createEndpoint } from '../mcp/endpoint.js';
import { serveStdio } from '../mcp/endpoint-stdio.js';
import type { RpcError } from '../mcp/messages.js';
import { knownMethods } from '../mcp/methods.js';
import type { Admitted, Identity } from '../mcp/router.js';
import type { PluginDefinition } from '../plugin/index.js';
import { ownSessions } from '../sessions/index.js';
import {
  countDroppedLines,
  createAccessLog,
  joinObservers,
  type MetricsSource,
  type Observer,
  openTrafficMetrics,
} from '../telemetry/index.js';
import { anyPeer, createCredentialStore, openTlsMetrics, type PeerRule } from '../tls/index.js';
import type { WorkerBus } from '../workers/index.js';
import { holdApprovals } from './approvals/in-use.js';
import type { Desk } from './approvals/index.js';
import { CallerTokens, createAuthentication, guarded, introduce, openAuthenticator } from './auth/index.js';
import { openConsent } from './consent.js';
import { createFacts, type GatewayFacts } from './facts.js';
import { createPluginSets, createUpstreamSet } from './in-use.js';
import { openLockMetrics, openUpstreamMetrics } from './metrics.js';
import { openAccess } from './open-access.js';
import { clashesAmong, createRouter, makeServers, publicError } from './router/index.js';
import { openRules, readsClaims } from './rules.js';
import { serverMcpPath, serverPath } from './server-paths.js';
import {
  createHealthPages,
  createPages,
  type PartStatus,
  pluginStatus,
  readinessOf,
  upstreamStatus,
} from './status.js';
import { unmatchedAt } from './unmatched.js';
import { openTokenMetrics, openUpstream } from './upstream/index.js';
import type { Upstream } from './upstream.js';
import { behind, createWayIn } from './way-in.js';

/** Where a gateway listens. */
export type GatewayAddress = ListenerAddress;

/** A gateway that can be started, changed and stopped. */
export interface Gateway {
  /** Starts to listen. `port` overrides the configured one; 0 takes any free port, for health too. Where it rejects, all is closed. */
  listen(options?: { port?: number }): Promise<GatewayAddress>;
  /** Serves one client over standard input and output, until it goes or the signal is aborted. */
  serveStdio(streams: {
    input: Readable;
    output: Writable;
    signal: AbortSignal;
    /** The virtual server that it is at. Default: all that there is. */
    server?: string | undefined;
  }): Promise<void>;
  /** How each plugin and upstream is now. */
  status(): readonly PartStatus[];
  /** What it has now, for who looks at it: upstreams, plugins, sessions. */
  facts(): GatewayFacts;
  /** Waits until every upstream has been reached or not, for at most as long as the signal lets it. */
  settled(signal: AbortSignal): Promise<void>;
  /** The names that several upstreams have where no prefix keeps them apart: none of them is offered. */
  clashes(signal: AbortSignal): Promise<readonly SallyError[]>;
  /** Reads the lists of all upstreams where they are locked: what is not as it was locked is logged, before a client asks for it. */
  lookAtLock(signal: AbortSignal): Promise<void>;
  /** The conditions of plugins that no call can ever meet: names of tools, prompts and upstreams that there are not. */
  unmatched(signal: AbortSignal): Promise<readonly SallyError[]>;
  /**
   * Goes on with another configuration and with what its files hold now: plugins, plugin settings, upstreams, who may
   * call, credentials. Sessions stay. Rejects with a SallyError where something of it cannot be used, and then nothing
   * has changed. Returns what takes effect only at the next start.
   */
  reload(config: GatewayConfig): Promise<readonly string[]>;
  /** Goes on with the file that the path of the audit log leads to now: what was renamed is closed. Never rejects. */
  reopenAudit(): Promise<void>;
  /** Takes no more requests and finishes what is in flight, for at most `withinMs` (default 30 s). */
  drain(withinMs?: number): Promise<void>;
  /** Stops at once. */
  close(): Promise<void>;
}

interface GatewayDeps {
  readonly log: Logger;
  /** Of the program, as clients and upstreams are told. */
  readonly version: string;
  readonly now?: () => Date;
  /** What `/metrics` shows. Default: a registry of its own. To be given to one gateway only. */
  readonly registry?: Registry;
  /** What is shown of a registry where other processes serve the same port: theirs with it. */
  readonly shared?: (registry: Registry) => Promise<MetricsSource | undefined>;
  /** Watches what the gateway does, beside the access log and the metrics. */
  readonly observer?: Observer;
  /** What it shares with the other processes that serve the same port, where there are some. */
  readonly bus?: WorkerBus | undefined;
  /** Where the questions to people meet, of this process and of others. Default: one of its own, which no page shows. */
  readonly desk?: Desk | undefined;
  /** Plugins by value: what a `kind` stands for, before it is looked up anywhere else. */
  readonly definitions?: ReadonlyMap<string, PluginDefinition>;
}

/** More connections at a time are refused as they come in. */
const maxConnections = 16_384;
const defaultDrainMs = 30_000;
/** What is read before it is known who sent it: as much as a head may have, and more where others of a connection were let in. */
const unknownBodyBytes = { first: 16_384, later: 262_144 };
/** For a reply that is written and not read yet, at the end. */
const lastRepliesMs = 2_000;

/**
 * A gateway for the upstreams and plugins of `config`. Credentials, plugins and authentication are loaded and checked
 * before it resolves; upstreams are reached in the background.
 *
 * @throws SallyError for what cannot be used.
 *
 * @example
 * ```ts
 * import { createGateway, createLogger, loadGatewayConfig } from 'sallyport';
 *
 * const config = await loadGatewayConfig({ config: 'gateway.yaml', cwd: process.cwd(), env: process.env });
 * const gateway = await createGateway(config, {
 *   log: createLogger({ level: 'info' }),
 *   version: '1.0.0',
 * });
 * const { url } = await gateway.listen();
 * console.log(`point MCP clients at ${url}`);
 * process.once('SIGTERM', () => void gateway.drain());
 * ```
 */
export async function createGateway(config: GatewayConfig, deps: GatewayDeps): Promise<Gateway> {
  const { log, version, bus, definitions, now = () => new Date() } = deps;
  const { host, tls, limits, allowedHosts, allowedOrigins, basePath, trustedProxies, proxyProtocol } =
    config.gateway;
  const registry = deps.registry ?? new (await import('prom-client')).Registry();
  const { holds, observer: metrics } = await openTlsMetrics(registry);
  await countDroppedLines(registry, log);
  const { toolNames } = config.gateway.metrics;
  const traffic = openTrafficMetrics(registry, { methods: knownMethods, toolNames, of: 'gateway' });
  const { audit: recorded } = config.gateway;
  const audit =
    recorded &&
    (await (await import('../telemetry/audit/index.js')).openAuditLog(recorded, { log, registry }));
  const observer = joinObservers(createAccessLog(log), traffic, metrics, audit?.observer, deps.observer);
  const store = createCredentialStore({ log, observer, holds });
  const credentials = tls && (await store.open(tls, 'server'));
  const pluginMetrics = await openPluginMetrics(registry);
  const held = {
    log,
    credentials: store,
    observer,
    pluginMetrics,
    exactNumbers: true,
    ...(definitions && { definitions }),
  };
  const openAuth = ({ auth, proxies, upstreams }: GatewayConfig['gateway'], allClaims: boolean) =>
    openAuthenticator(auth, {
      log,
      now,
      proxies,
      credentials: store,
      claims: claimsIn(upstreams),
      allClaims,
    });
  const rules = await openRules(config.gateway, log);
  let passed = credentialsIn(config.gateway.upstreams);
  let authenticator = await openAuth(config.gateway, readsClaims(rules));
  const sets = createPluginSets(await openPluginManager(config, held));
  const approvals = await holdApprovals(config.gateway, { desk: deps.desk, log, store });
  const callers = new CallerTokens(config.gateway.upstreams);
  const { consent: asked } = config.gateway;
  if (asked && bus) throw OauthWorkers({});
  const consent = asked && (await openConsent(asked, log));
  const oauth = { callers, consent, tokenMetrics: await openTokenMetrics(registry) };
  const upstreams = createUpstreamSet(config.gateway.upstreams, (settings) =>
    openUpstream(settings, { ...held, ...oauth, version, limits: { queue: limits.upstreamQueue } }),
  );
  const workerSessions = bus && (await import('./worker-sessions.js')).openWorkerSessions(bus, log);
  const sessions = workerSessions ?? ownSessions;
  const watching = { log, onChange: await openLockMetrics(registry), told: new Set<string>() };
  let access = await openAccess(config.gateway, rules, watching);
  const router = createRouter({
    upstreams: upstreams.current(),
    servers: await makeServers(config.gateway.servers),
    sets,
    log,
    version,
    access,
    makeId: sessions.makeId,
    toolNames: config.gateway.toolNames,
    approvals,
  });
  const clientCertificate = clientCertificateOf(tls);
  const reachable = { host, allowedHosts, allowedOrigins };
  const guard = createHostGuard({ ...reachable, trusted: clientCertificate === 'required' });
  const serving = {
    limits,
    log,
    serverInfo: { name: 'sallyport', version },
    observer,
    publicError: (error: RpcError, request: string) =>
      publicError(error, request, { failures: current.gateway.failures, log }),
  };
  const endpoint = createEndpoint({
    ...serving,
    router: guarded(router, sets, 'http'),
    authentication: createAuthentication({
      authenticator: () => authenticator,
      sets,
      log,
      now,
      known: (socket) => listener.know(socket),
      passed: () => passed,
      basePath,
      admitted: (credential) => callers.note(credential),
    }),
    guard,
    sessions,
    serverAt: (url) => serverPath(url, basePath)?.server,
    sse: config.gateway.sse,
    stopping: () => GatewayStopping({}),
  });
  let current = config;
  let stopping = false;
  /** Those from before a reload that are not closed yet. */
  const retiring = new Set<Promise<void>>();

  const status = (): readonly PartStatus[] => [
    ...sets.current.plugins.plugins.map(pluginStatus),
    ...upstreams.current().map(upstreamStatus),
  ];
  const blocks = (name: string) => {
    const plugin = sets.current.plugins.find(name);
    const effect = plugin && modeEffect(plugin.mode, plugin.onError);
    return effect?.onError === 'block' || (effect !== null && current.settings.failOnPluginError);
  };
  const hasServer = (name: string) => router.serverInfo?.(name) !== undefined;
  const pages = {
    hasServer,
    mcp: endpoint.handle,
    sse: endpoint.sse,
    base: basePath,
    guard,
    authenticator: () => authenticator,
    consent: consent?.desk,
    stopping: () => stopping,
    readiness: () => readinessOf(status(), blocks, audit),
    metrics: (await deps.shared?.(registry)) ?? registry,
  };
  const before = createWayIn({ allowedOrigins, trustedProxies, guard });
  const plainGuard = createHostGuard({ ...reachable, trusted: false });
  const listener = createListener({
    tls: credentials && { credentials, clientCertificate, clients: clientRuleOf(tls), observer },
    // With TLS the metrics are on the health port alone, where clients have no business.
    handle: behind(before, createPages(tls ? { ...pages, metrics: undefined } : pages)),
    fast: {
      handle: behind(before, endpoint.handle),
      maxBodyBytes: {
        first: Math.min(limits.bodyBytes, unknownBodyBytes.first),
        later: Math.min(limits.bodyBytes, unknownBodyBytes.later),
      },
    },
    health: createHealthPages({ ...pages, guard: plainGuard }),
    path: `${basePath}/mcp`,
    also: (path) => {
      const at = serverPath(path, basePath);
      return at !== undefined && path === basePath + serverMcpPath(at.server) && hasServer(at.server);
    },
    proxies: proxyProtocol ? networksOf(trustedProxies) : undefined,
    maxConnections,
    lastReplyMs: defaultDrainMs,
    log,
  });

  await openListenerMetrics(registry, listener, endpoint.open, 'gateway');
  await openUpstreamMetrics(registry, upstreams.current);

  let stopped: Promise<void> | undefined;
  const stop = (withinMs: number) => {
    stopped ??= end(withinMs);
    return stopped;
  };
  const end = async (withinMs: number) => {
    stopping = true;
    approvals.stop();
    const drained = endpoint.drain(withinMs);
    if (withinMs > 0) await listener.stop();
    await drained;
    await workerSessions?.close(Math.min(withinMs, lastRepliesMs));
    // What is answered may still be on its way out.
    await listener.drain(Math.min(withinMs, lastRepliesMs));
    await router.close();
    await upstreams.close();
    await sets.close();
    approvals.close();
    await Promise.all(retiring);
    credentials?.close();
    consent?.close();
    await audit?.close();
    peerLog(log).flush();
  };

  const facts = createFacts({
    upstreams: upstreams.current,
    plugins: () => sets.current.plugins,
    kindOf: (plugin) => current.plugins.find(({ name }) => name === plugin)?.kind ?? '',
    lists: () => router.listCounts(),
    lock: () => access?.lock,
    sessions: endpoint.clients,
  });

  return {
    status,
    facts,
    settled: (signal) => upstreams.settled(signal),
    clashes: async (signal) => {
      const all = upstreams.current();
      const bare = all.filter(({ settings }) => settings.prefix === 'never');
      return all.length > 1 && bare.length > 0 ? clashesAmong(all, signal) : [];
    },
    lookAtLock: async (signal) => {
      const lock = access?.lock;
      if (lock === undefined) return;
      const { judgeAll } = await import('./tools-lock/index.js');
      await Promise.allSettled(upstreams.current().map((upstream) => judgeAll(upstream, lock, signal)));
    },
    unmatched: (signal) =>
      unmatchedAt(sets.current.plugins.plugins, current.gateway, upstreams.current(), signal),
    async listen(options = {}) {
      const wanted = options.port ?? current.gateway.port;
      try {
        if (endpoint.handed) await workerSessions?.listen(endpoint.handed);
        return await listener.listen(host, wanted, 'the gateway');
      } catch (error) {
        await stop(0);
        throw error;
      }
    },
    serveStdio({ input, output, signal, server }) {
      if (server !== undefined && !hasServer(server))
        throw ServerUnknown({ server, known: current.gateway.servers.map(({ name }) => name) });
      const identity: Identity = { user: null, tenant: null, method: 'none' };
      const admit = (): Admitted => {
        let request: PluginRequest | undefined;
        let id: string | undefined;
        return {
          kind: 'admitted',
          identity,
          headers: {},
          context() {
            if (request === undefined) {
              request = sets.current.plugins.request();
              introduce(request, identity);
            }
            return request;
          },
          requestId() {
            id ??= request?.global.request_id ?? randomUUID();
            return id;
          },
        };
      };
      return serveStdio({
        ...serving,
        router: guarded(router, sets, 'stdio'),
        admit,
        server,
        input,
        output,
        signal,
      });
    },
    async reload(next) {
      if (stopping) throw GatewayStopping({});
      // The address stays: what another one would allow does not count.
      if (next.gateway.auth.kind === 'none' && !isLoopback(host) && !next.gateway.allowUnauthenticated)
        throw ConfigGatewayOpen({ at: { file: next.path, line: 1, column: 1 }, host });
      // Everything that can fail comes first: what follows only exchanges what is in use.
      const nextRules = await openRules(next.gateway, log);
      const nextAuthenticator = await openAuth(next.gateway, readsClaims(nextRules));
      const nextAccess = await openAccess(next.gateway, nextRules, watching);
      const useApprovals = await approvals.prepare(next.gateway);
      const plugins = await openPluginManager(next, held);
      const servers = await makeServers(next.gateway.servers);
      for (const outcome of await store.reload()) {
        if (outcome.kind !== 'refused') continue;
        const { code, remedy, message } = outcome.error;
        log.error({ code, remedy }, `the certificates in use are kept: ${message}`);
      }
      const longest = Math.max(
        next.settings.pluginTimeoutMs,
        approvals.current?.timeoutMs ?? 0,
        ...upstreams.current().map((one) => one.settings.timeoutMs),
      );
      useApprovals();
      authenticator = nextAuthenticator;
      passed = credentialsIn(next.gateway.upstreams);
      callers.serve(next.gateway.upstreams);
      const gone = upstreams.replace(next.gateway.upstreams);
      access = nextAccess;
      router.replace(upstreams.current(), next.gateway.toolNames, access, servers);
      endpoint.endAt((server) => !hasServer(server));
      // What is in flight is with the plugins from before: when they are let go of, nothing goes to those upstreams.
      const over = sets.replace(plugins, longest).then(() => closeAll(gone));
      retiring.add(over);
      void over.then(() => retiring.delete(over));
      const later = atNextStart(current, next);
      current = next;
      return later;
    },
    reopenAudit: async () => {
      await audit?.reopen();
    },
    drain: (withinMs = defaultDrainMs) => stop(withinMs),
    close: () => stop(0),
  };
}

/** MCP clients are no plugin gateways: which of them may pass is said by `allowed_clients`, and by authentication. */
export function clientRuleOf(tls: ServerTlsSettings | undefined): PeerRule {
  const allowed = tls?.allowedClients;
  return { ...anyPeer, ...(allowed && { identity: { kind: 'client', allowed } }), pins: tls?.pins };
}

async function closeAll(upstreams: readonly Upstream[]): Promise<void> {
  await Promise.allSettled(upstreams.map((upstream) => upstream.close()));
}

/** The keys of the `gateway` block that differ and are bound to the listening server. */
function atNextStart({ gateway: was }: GatewayConfig, { gateway: will }: GatewayConfig): readonly string[] {
  // Who may look is asked each time.
  const [before, after] = [was, will].map((one) => ({ ...one, console: { ...one.console, admins: [] } }));
  const keys = {
    host: 'host',
    port: 'port',
    tls: 'tls',
    limits: 'limits',
    consent: 'oauth',
    metrics: 'metrics',
    console: 'console',
    audit: 'audit',
    allowedHosts: 'allowed_hosts',
    allowedOrigins: 'allowed_origins',
    basePath: 'base_path',
    trustedProxies: 'trusted_proxies',
    proxyProtocol: 'proxy_protocol',
  } as const;
  return (Object.keys(keys) as (keyof typeof keys)[])
    .filter((key) => JSON.stringify(before?.[key]) !== JSON.stringify(after?.[key]))
    .map((key) => keys[key]);
}
