import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PluginEntry, type PluginMode, type PluginsConfig, parseConfig } from '../config/index.js';
import { HookUnknown } from '../errors.js';
import {
  type GlobalContext,
  globalContext,
  type HookName,
  hookMeant,
  hookRow,
  nextPayload,
  type PayloadOf,
  type PluginContext,
  type Violation,
} from '../hooks/index.js';
import { type Logger, silentLogger } from '../log.js';
import { openPluginManager } from '../manager/index.js';
import { ensureAll } from '../pki/index.js';
import type { PluginDefinition } from '../plugin/index.js';
import { createPluginServer } from '../server/index.js';
import { packageVersion } from '../version.js';

/** Where the plugin of a test runs: in this process, or in a plugin server behind mutual TLS. It cannot tell. */
export type Over = 'process' | 'mtls';

/** A test, as node:test and vitest hand it to its function: what is opened with it is closed with it. */
export interface TestContext {
  after?(close: () => Promise<void>): unknown;
  onTestFinished?(close: () => Promise<void>): unknown;
}

/** How a plugin under test is run. */
export interface OpenOptions {
  /** What the `config` block of the plugin file would say. */
  readonly config?: unknown;
  /** Default: `process`. */
  readonly over?: Over;
  /** The name that the plugin file would give it. Default: `Plugin`. */
  readonly name?: string;
  /** Where the plugin logs. Default: nowhere. */
  readonly log?: Logger;
  /** How long a hook may take, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Closes with this test, so that nobody has to. */
  readonly test?: TestContext;
}

/** What may be given of a context: the rest is empty. */
export interface GivenContext {
  readonly state?: Record<string, unknown>;
  readonly metadata?: Record<string, unknown>;
  readonly global_context?: Partial<GlobalContext>;
}

/** What came of a hook call. */
export interface Called<P> {
  /** False where the plugin blocked; `violation` says why. */
  readonly continue_processing: boolean;
  /** The payload that the request goes on with: the one that was given where the plugin did not change it. */
  readonly payload: P;
  /** What the plugin changed, in the form that the hook has for it; null where it changed nothing. */
  readonly modified_payload: unknown;
  readonly violation: Violation | null;
  readonly metadata: Record<string, unknown>;
  /** As the plugin left it: give it to the next hook of the same request. */
  readonly context: PluginContext;
}

/** A plugin that was set up. */
export interface OpenedPlugin {
  /** The hooks that it has. */
  readonly hooks: readonly string[];
  /**
   * Calls a hook by value. Rejects with a SallyError where the plugin fails: it throws, its time is up, or what it answers is
   * no answer.
   */
  call<H extends HookName>(
    hook: H,
    payload: PayloadOf<H>,
    options?: { readonly context?: GivenContext },
  ): Promise<Called<PayloadOf<H>>>;
  /** The same for a hook of any name: one of another gateway, whose payload nobody checks. */
  callForeign<P>(hook: string, payload: P, options?: { readonly context?: GivenContext }): Promise<Called<P>>;
  close(): Promise<void>;
}

/**
 * Sets a plugin up as a server would, for several calls of its hooks.
 *
 * @throws SallyError where its config is not valid, or it cannot be set up.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import test from 'node:test';
 * import { block, definePlugin, proceed } from 'sallyport/plugin';
 * import { openPlugin } from 'sallyport/testing';
 *
 * const once = definePlugin({
 *   setup: () => {
 *     let calls = 0;
 *     const hook = () => (++calls > 1 ? block({ reason: 'Once is enough', code: 'ONCE' }) : proceed());
 *     return { hooks: { tool_pre_invoke: hook } };
 *   },
 * });
 *
 * for (const over of ['process', 'mtls'] as const) {
 *   test(`lets one call through (${over})`, async (t) => {
 *     const plugin = await openPlugin(once, { over, test: t });
 *     assert.equal((await plugin.call('tool_pre_invoke', { name: 'search' })).violation, null);
 *     assert.equal((await plugin.call('tool_pre_invoke', { name: 'search' })).violation?.code, 'ONCE');
 *   });
 * }
 * ```
 */
export async function openPlugin(plugin: PluginDefinition, options: OpenOptions = {}): Promise<OpenedPlugin> {
  const { log = silentLogger, timeoutMs = 30_000, test } = options;
  const placed = await placePlugin(plugin, options);
  const settings = { plugin_timeout: timeoutMs / 1000 };
  const config = { ...configOf({ plugin_settings: settings }), plugins: [placed.entry] };
  const { definitions } = placed;
  const manager = await openPluginManager(config, { log, definitions }).catch(async (error: unknown) => {
    await placed.close();
    throw error;
  });
  let calls = 0;
  const close = async () => {
    await manager.close();
    await placed.close();
  };
  closeWith(test, close);
  const callForeign: OpenedPlugin['callForeign'] = async (hook, payload, { context = {} } = {}) => {
    calls += 1;
    const { state = {}, metadata = {}, global_context: global = {} } = context;
    const whole = globalContext(global.request_id ?? `test-${calls}`, global);
    const outcome = await manager.invokeOne({
      plugin: placed.entry.name,
      hook,
      payload,
      context: { state, metadata, global_context: whole },
    });
    if (outcome.kind === 'failed') throw outcome.error;
    const { result, context: after } = outcome.outcome;
    const { continue_processing, modified_payload = null, violation = null } = result;
    const next = modified_payload === null ? payload : nextPayload(hook, payload, modified_payload);
    return {
      continue_processing,
      payload: next as typeof payload,
      modified_payload,
      violation,
      metadata: result.metadata ?? {},
      context: after,
    };
  };
  return {
    hooks: manager.plugins[0]?.hooks ?? [],
    close,
    callForeign,
    async call(hook, payload, given) {
      if (hookRow(hook) === undefined) throw HookUnknown({ where: 'the test', hook, meant: hookMeant(hook) });
      return callForeign(hook, payload, given);
    },
  };
}

/**
 * Calls one hook of a plugin by value: it is set up for this call, and closed after it.
 *
 * @throws SallyError where the plugin cannot be set up, or fails.
 *
 * @example
 * ```ts
 * import { block, definePlugin, proceed } from 'sallyport/plugin';
 * import { call } from 'sallyport/testing';
 *
 * const guard = definePlugin({
 *   setup: ({ denied }: { denied: string[] }) => ({
 *     hooks: {
 *       tool_pre_invoke: ({ name }) =>
 *         denied.includes(name) ? block({ reason: 'Denied', code: 'DENIED' }) : proceed(),
 *     },
 *   }),
 * });
 *
 * const config = { denied: ['delete_everything'] };
 * const context = { global_context: { user: 'ada' } };
 * const { violation } = await call(guard, 'tool_pre_invoke', { name: 'delete_everything' }, { config, context });
 * console.log(violation?.code); // DENIED
 * ```
 */
export async function call<H extends HookName>(
  plugin: PluginDefinition,
  hook: H,
  payload: PayloadOf<H>,
  { context, ...options }: OpenOptions & { readonly context?: GivenContext } = {},
): Promise<Called<PayloadOf<H>>> {
  const opened = await openPlugin(plugin, options);
  try {
    return await opened.call(hook, payload, context ? { context } : {});
  } finally {
    await opened.close();
  }
}

/** How a test has the plugin run in a gateway, beside what `openPlugin` takes. */
export interface Placement extends Pick<OpenOptions, 'config' | 'over' | 'name' | 'log' | 'timeoutMs'> {
  readonly mode?: PluginMode;
}

/** A plugin where it runs, as the entry of a gateway has it. */
export interface Placed {
  readonly entry: PluginEntry;
  /** What stands for the `kind` of the entry, where that runs in the process of whoever asks. */
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  close(): Promise<void>;
}

/** The `kind` of a plugin that is given by value. */
const byValue = 'sallyport/testing';

/** Starts the plugin server of a plugin that is to be behind mutual TLS, with certificates of its own. */
export async function placePlugin(plugin: PluginDefinition, options: Placement): Promise<Placed> {
  const { over = 'process', name = 'Plugin', config, mode, timeoutMs = 30_000, log = silentLogger } = options;
  const definitions = new Map([[byValue, plugin]]);
  const shown = mode === undefined ? {} : { mode };
  const local: PluginEntry = {
    name,
    kind: byValue,
    ...shown,
    config: (config ?? {}) as Record<string, unknown>,
  };
  if (over === 'process') return { entry: local, definitions, close: async () => {} };
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-testing-'));
  const removed = () => rm(dir, { recursive: true, force: true });
  try {
    await ensureAll([name], { dir, keyType: 'ec-p256' });
    const files = (folder: string, leaf: string) => ({
      certfile: join(folder, `${leaf}.crt`),
      keyfile: join(folder, `${leaf}.key`),
      ca_bundle: join(folder, 'ca.crt'),
    });
    const tls = { ...files(join(dir, 'plugins', name), 'server'), ssl_cert_reqs: 2 };
    const settings = {
      plugin_settings: { plugin_timeout: timeoutMs / 1000 },
      server_settings: { host: 'localhost', port: 8000, tls },
    };
    const served = { ...configOf(settings, 'server'), plugins: [local] };
    const server = await createPluginServer(served, { log, version: packageVersion(), definitions });
    const { url } = await server.listen({ port: 0 });
    const mcp = { url, tls: files(join(dir, 'gateway'), 'client') };
    const external = { name, kind: 'external', ...shown, mcp };
    const [entry = local] = configOf({ plugins: [external] }).plugins;
    const close = async () => {
      await server.close();
      await removed();
    };
    return { entry, definitions: new Map(), close };
  } catch (error) {
    await removed();
    throw error;
  }
}

/** A configuration that no file holds. */
export function configOf(file: object, side: 'gateway' | 'server' = 'gateway'): PluginsConfig {
  const path = join(process.cwd(), 'plugins.yaml');
  const options = { path, cwd: process.cwd(), env: {}, side, exists: () => true };
  return parseConfig(JSON.stringify({ plugins: [], ...file }), options);
}

/** Has a test close what was opened with it. */
export function closeWith(test: TestContext | undefined, close: () => Promise<void>): void {
  if (test?.after) test.after(close);
  else test?.onTestFinished?.(close);
}
