import { signalOf } from '../../src/cancel.js';
import type { PluginSettings } from '../../src/config/index.js';
import { globalContext, type HookResult, type PluginContext } from '../../src/hooks/index.js';
import { type Logger, silentLogger } from '../../src/log.js';
import { createPluginList } from '../../src/manager/decide.js';
import { checkedGlobal, PluginRequest } from '../../src/manager/request.js';
import type { PluginHandle } from '../../src/plugin/handle.js';
import { proceed } from '../../src/plugin/index.js';

/** What a plugin of these tests does with a call. A change of `context` counts, as with a real one. */
export type Behaviour = (
  payload: unknown,
  context: PluginContext,
  signal: AbortSignal,
) => HookResult | undefined | Promise<HookResult | undefined>;

/** A plugin in memory: the fields given, and the contract's defaults for the rest. */
export function handle(
  fields: Partial<Omit<PluginHandle, 'invoke'>> = {},
  behave: Behaviour = () => undefined,
): PluginHandle {
  return {
    name: 'P',
    hooks: undefined,
    mode: 'enforce',
    onError: undefined,
    priority: 100,
    conditions: [],
    describe: () => ({}),
    close: async () => {},
    ...fields,
    async invoke(_hook, payload, context, { signal }) {
      const own = structuredClone(context);
      const result = await behave(structuredClone(payload), own, signalOf(signal));
      return { result: result ?? proceed(), context: own };
    },
  };
}

const settings: PluginSettings = {
  pluginTimeoutMs: 30_000,
  failOnPluginError: false,
  parallelExecutionWithinBand: false,
  pluginHealthCheckIntervalMs: 60_000,
  awayAfterTimeouts: 3,
  probeIntervalMs: 10_000,
  maxPayloadBytes: 1_000_000,
};

export interface RequestOptions {
  readonly settings?: Partial<PluginSettings>;
  readonly log?: Logger;
  readonly outOfService?: Set<PluginHandle>;
  readonly global?: Parameters<typeof globalContext>[1];
}

/** A request over these plugins. */
export function request(plugins: readonly PluginHandle[], options: RequestOptions = {}): PluginRequest {
  const all = { ...settings, ...options.settings };
  return new PluginRequest(checkedGlobal(globalContext('request-1', options.global)), {
    list: createPluginList(plugins, all),
    settings: all,
    log: options.log ?? silentLogger,
    outOfService: options.outOfService ?? new Set(),
    closed: false,
  });
}

export interface Logged {
  readonly level: keyof Logger;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A logger that keeps what it is given. */
export function keptLog(): { log: Logger; lines: Logged[] } {
  const lines: Logged[] = [];
  const at = (level: keyof Logger) => (fields: object, message: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

/** A promise that the test settles when it wants. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
