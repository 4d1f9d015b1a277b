import { randomUUID } from 'node:crypto';
import type { Cancellation } from '../cancel.js';
import type { PluginEntry, PluginsConfig } from '../config/index.js';
import {
  asSallyError,
  messageWithCauses,
  PluginDisabled,
  PluginModuleUnusable,
  PluginNotFound,
  PluginSetupFailed,
  PluginsClosed,
  PluginsUnusable,
  type SallyError,
} from '../errors.js';
import type { Connections, PluginMetrics } from '../external/index.js';
import { type GlobalContext, globalContext, type PluginContext } from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { OneOutcome, PluginHandle } from '../plugin/handle.js';
import type { PluginDefinition } from '../plugin/index.js';
import { disabledPlugin, startLocalPlugin, validateConfig } from '../plugin/local.js';
import { importPlugin, type ModuleBase } from '../plugin/module.js';
import { bundledKinds, bundledPlugin, isBundledKind } from '../plugins/index.js';
import type { Observer } from '../telemetry/index.js';
import { type CredentialStore, createCredentialStore } from '../tls/index.js';
import { inTime } from '../wait.js';
import { describePlugin, pluginDefaults } from '../wire/index.js';
import { callPlugin } from './call.js';
import { createPluginList } from './decide.js';
import { checkedGlobal, PluginRequest } from './request.js';

/** The plugins of one plugin file, running. */
export interface PluginManager {
  readonly plugins: readonly PluginHandle[];
  /** How long a plugin may take, in milliseconds. */
  readonly pluginTimeoutMs: number;
  /** Begins a request: its hook calls share contexts. `request_id` is made where none is given. */
  request(fields?: Partial<GlobalContext>): PluginRequest;
  /** The plugin of this name, without regard to case, as the contract has it. */
  find(name: string): PluginHandle | undefined;
  /**
   * Calls one plugin by name, whatever its conditions say: what a plugin server does for a gateway, which has
   * applied them. Never throws or rejects; what is known at once is returned at once.
   */
  invokeOne(call: OneCall): OneOutcome | Promise<OneOutcome>;
  /** Closes every plugin, once. Calls from then on reject with `SALLY_PLUGINS_CLOSED`: no server is started for them. */
  close(): Promise<void>;
}

interface ManagerDeps {
  readonly log: Logger;
  /** Whether a start looks for the servers of external plugins (the default), or leaves that to the first call. */
  readonly connect?: 'now' | 'on-first-call';
  /** Where the certificates of external plugins are held. Default: a store of its own. */
  readonly credentials?: CredentialStore;
  readonly observer?: Observer | undefined;
  readonly pluginMetrics?: PluginMetrics;
  /** Whether plugins of one server are called in one round trip, where it takes that. Default true. */
  readonly chains?: boolean;
  /**
   * For who reads and writes JSON by `parseExactJson` and `writeJson`: numbers of plugins come as they were written. By
   * default they are those of JavaScript.
   */
  readonly exactNumbers?: boolean;
  /** Plugins by value: what a `kind` stands for, before it is looked up anywhere else. */
  readonly definitions?: ReadonlyMap<string, PluginDefinition>;
  /** How long the code of a plugin may take to load, and as long again its `setup`, in milliseconds. Default: a minute. */
  readonly startWithinMs?: number;
}

interface OneCall {
  readonly plugin: string;
  readonly hook: string;
  readonly payload: unknown;
  readonly context: PluginContext;
  readonly signal?: Cancellation;
  /** Payload and context are given away: nobody else holds them. */
  readonly owned?: boolean;
  /** The caller's own deadline, where it is before that of the settings. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Starts every plugin of a file. A plugin of this process that cannot start is an error. An external one whose
 * server is away is not: it is reported, its mode says what calls give meanwhile, and it is found again by itself.
 *
 * @example
 * ```ts
 * import { createLogger, loadConfig, openPluginManager } from 'sallyport';
 *
 * const config = await loadConfig({ path: 'plugins/external/config-client.yaml', cwd: process.cwd(), env: process.env, side: 'gateway' });
 * const plugins = await openPluginManager(config, { log: createLogger({ level: 'info' }) });
 * const result = await plugins.request({ user: 'ada' }).invoke('tool_pre_invoke', { name: 'search', args: { q: 'crap' } });
 * console.log(result.payload);
 * await plugins.close();
 * ```
 */
export async function openPluginManager(config: PluginsConfig, deps: ManagerDeps): Promise<PluginManager> {
  const { log, observer, exactNumbers = false } = deps;
  const credentials = deps.credentials ?? createCredentialStore(deps);
  let shared: Promise<Connections> | undefined;
  const connections = () => {
    const { pluginTimeoutMs: timeoutMs, maxPayloadBytes } = config.settings;
    const shares = { log, timeoutMs, maxPayloadBytes, credentials, observer, exactNumbers };
    shared ??= import('../external/index.js').then((room) => room.createConnections(shares, config.settings));
    return shared;
  };
  const started = await Promise.allSettled(
    config.plugins.map((entry) => startPlugin(entry, config, { ...deps, connections })),
  );
  const plugins = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const errors = started.flatMap((result) =>
    result.status === 'rejected' ? [asSallyError(result.reason)] : [],
  );
  const requestDeps = {
    list: createPluginList(plugins, config.settings),
    settings: config.settings,
    log,
    observer,
    outOfService: new Set<PluginHandle>(),
    chains: deps.chains,
    closed: false,
  };
  let closed: Promise<unknown> | undefined;
  const close = async () => {
    requestDeps.closed = true;
    closed ??= Promise.all(
      plugins.map((plugin) =>
        plugin.close().catch((error: unknown) => {
          log.warn(
            { plugin: plugin.name },
            `plugin '${plugin.name}': its close() failed: ${messageWithCauses(error)}`,
          );
        }),
      ),
    );
    await closed;
  };
  const [first, ...others] = errors;
  if (first) {
    await close();
    throw others.length === 0 ? first : PluginsUnusable({ errors });
  }
  // Of two whose names differ in case only, the first.
  const byName = new Map(plugins.map((plugin) => [plugin.name.toLowerCase(), plugin] as const).reverse());
  const find = (name: string) => byName.get(name.toLowerCase());
  return {
    plugins,
    pluginTimeoutMs: config.settings.pluginTimeoutMs,
    close,
    find,
    request(fields) {
      const global =
        fields === undefined
          ? { request_id: randomUUID(), state: {}, metadata: {} }
          : checkedGlobal(globalContext(fields.request_id ?? randomUUID(), fields));
      return new PluginRequest(global, requestDeps);
    },
    invokeOne({ plugin: name, hook, payload, context, signal, owned = false, timeoutMs }) {
      const plugin = find(name);
      const failed = (error: SallyError): OneOutcome => ({ kind: 'failed', error });
      if (closed) return failed(PluginsClosed({ hook }));
      if (plugin === undefined) {
        const has = plugins.map((one) => one.name);
        return failed(PluginNotFound({ plugin: name, where: 'this server', has }));
      }
      if (plugin.mode === 'disabled') return failed(PluginDisabled({ plugin: plugin.name }));
      const ms = Math.min(config.settings.pluginTimeoutMs, timeoutMs ?? Number.POSITIVE_INFINITY);
      return callPlugin(plugin, hook, payload, context, { timeoutMs: ms, signal, owned });
    },
  };
}

async function startPlugin(
  entry: PluginEntry,
  config: PluginsConfig,
  deps: ManagerDeps & { readonly connections: () => Promise<Connections> },
): Promise<PluginHandle> {
  const { log, connect = 'now', connections, startWithinMs: ms = 60_000 } = deps;
  const local = { log, describe: describePlugin, defaults: pluginDefaults };
  if (entry.mode === 'disabled') return disabledPlugin(entry, local);
  if (entry.kind === 'external') {
    const { pluginHealthCheckIntervalMs: checkEveryMs } = config.settings;
    // Loaded where it is used: a plugin server has no plugins behind connections, and starts without their client.
    const { startExternalPlugin } = await import('../external/index.js');
    const { pluginMetrics: metrics } = deps;
    return startExternalPlugin(entry, {
      log,
      connect,
      connections: await connections(),
      checkEveryMs,
      metrics,
    });
  }
  const { name: plugin, kind } = entry;
  const hangs = (what: string) => `${what} within ${ms / 1000} s`;
  const unloaded = () => {
    const reason = `${hangs('it has not loaded')}: something at its top level does not end`;
    return PluginModuleUnusable({ plugin, kind, reason });
  };
  const loaded = deps.definitions?.get(kind) ?? (await inTime(ms, unloaded, definitionOf(entry, config)));
  const unset = () => PluginSetupFailed({ plugin, reason: hangs('it has not ended') });
  return inTime(ms, unset, startLocalPlugin(entry, loaded, local));
}

async function definitionOf(entry: PluginEntry, base: ModuleBase): Promise<PluginDefinition> {
  return bundledPlugin(entry.kind) ?? importPlugin(entry, base, bundledKinds);
}

/**
 * Whether a plugin of this process could be started, as far as it shows before it is set up: its module is imported, and its
 * config held against its schema.
 *
 * @throws SallyError where it could not.
 */
export async function checkPlugin(entry: PluginEntry, base: ModuleBase): Promise<PluginDefinition> {
  const definition = await definitionOf(entry, base);
  await validateConfig(entry, definition.config);
  return definition;
}

/** Whether the code of a plugin comes with this package. */
export const isBundled = ({ kind }: PluginEntry): boolean => isBundledKind(kind);
