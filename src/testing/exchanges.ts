import { isDeepStrictEqual } from 'node:util';
import { messageOf, ReplayDiffers } from '../errors.js';
import { jsonCopy, type PluginContext } from '../hooks/index.js';
import type { Hook, PluginDefinition } from '../plugin/index.js';
import { type OpenOptions, openPlugin } from './plugin.js';

/** One call of a hook and what the plugin made of it: JSON as it is. */
export interface Exchange {
  readonly plugin: string;
  readonly hook: string;
  readonly payload: unknown;
  /** As it was given to the plugin. */
  readonly context: PluginContext;
  /** What the hook answered; null where that was nothing, absent where it failed. */
  readonly answer?: unknown;
  /** Why it failed. */
  readonly error?: string;
  readonly ms: number;
}

/** The same plugin; `hear` is told of every call of a hook, once it is over. */
export function watched(definition: PluginDefinition, hear: (exchange: Exchange) => void): PluginDefinition {
  return {
    ...definition,
    async setup(config, plugin) {
      const instance = await definition.setup(config, plugin);
      const { hooks, foreignHooks } = instance ?? {};
      if (typeof hooks !== 'object' || hooks === null) return instance;
      const heard = (of: object) =>
        Object.fromEntries(
          Object.entries(of).map(([hook, run]) => [
            hook,
            typeof run === 'function' ? watchedHook(plugin.name, hook, run.bind(of), hear) : run,
          ]),
        );
      return {
        hooks: heard(hooks),
        ...(foreignHooks && { foreignHooks: heard(foreignHooks) }),
        close: async () => instance.close?.(),
      };
    },
  };
}

function watchedHook(
  plugin: string,
  hook: string,
  run: Hook<string>,
  hear: (exchange: Exchange) => void,
): Hook<string> {
  return async (payload, context, call) => {
    const started = performance.now();
    // The plugin may change what it is given.
    const given = { plugin, hook, payload: copyOf(payload), context: copyOf(context) as PluginContext };
    const took = () => Math.round((performance.now() - started) * 100) / 100;
    try {
      const answer = await run(payload, context, call);
      hear({ ...given, answer: copyOf(answer), ms: took() });
      return answer;
    } catch (error) {
      hear({ ...given, error: messageOf(error), ms: took() });
      throw error;
    }
  };
}

/** As JSON has it; null for what it has nothing for. */
function copyOf(value: unknown): unknown {
  const copy = jsonCopy(value);
  return copy.ok ? (copy.data ?? null) : null;
}

/**
 * Calls a plugin with recorded payloads and contexts, one after another, and compares what it answers with what was
 * answered then. Exchanges come from `gateway.exchanges` of a test gateway or from `sallyport dev --record`.
 *
 * @throws SALLY_TESTING_REPLAY at the first that differs.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import { definePlugin } from 'sallyport/plugin';
 * import { type Exchange, replay } from 'sallyport/testing';
 *
 * const plugin = definePlugin({ setup: () => ({ hooks: { tool_pre_invoke: () => undefined } }) });
 * const lines = (await readFile('test/exchanges.jsonl', 'utf8')).trim().split('\n');
 * await replay(plugin, lines.map((line) => JSON.parse(line) as Exchange));
 * ```
 */
export async function replay(
  plugin: PluginDefinition,
  exchanges: readonly Exchange[],
  options: OpenOptions = {},
): Promise<void> {
  let last: Exchange | undefined;
  const opened = await openPlugin(
    watched(plugin, (exchange) => {
      last = exchange;
    }),
    options,
  );
  try {
    for (const [i, { hook, payload, context, answer, error }] of exchanges.entries()) {
      // What it answered, or why it failed, is heard as it was: a failure is no news where it failed then.
      await opened.callForeign(hook, payload, { context }).catch(() => {});
      const same = isDeepStrictEqual([answer, error], [last?.answer, last?.error]);
      if (!same)
        throw ReplayDiffers({ index: i, hook, before: told({ answer, error }), now: told(last ?? {}) });
      last = undefined;
    }
  } finally {
    await opened.close();
  }
}

function told({ answer, error }: { readonly answer?: unknown; readonly error?: string | undefined }): string {
  if (error !== undefined) return `failed: ${error}`;
  return answer === undefined ? 'was not called' : `was answered with ${JSON.stringify(answer)}`;
}
