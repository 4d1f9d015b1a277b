import type { PluginEntry } from '../config/index.js';
import {
  findSallyError,
  HookNotImplemented,
  HookResultInvalid,
  messageOf,
  PayloadInvalid,
  PluginConfigInvalid,
  PluginFailed,
  PluginModuleUnusable,
} from '../errors.js';
import { HookResult, hookRow, PluginContext, problemsOf, problemText } from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { ConfigSchema, Hook, PluginDefinition, PluginInstance } from './define.js';
import type { HookOutcome, PluginHandle } from './handle.js';

/** How a plugin of this process is described to others: the wire room knows, this one does not. */
type Describe = (entry: PluginEntry, hooks: readonly string[]) => Record<string, unknown>;

/** Sets a plugin up in this process. Rejects where its config or its hooks are not valid. */
export async function startLocalPlugin(
  entry: PluginEntry,
  definition: PluginDefinition,
  deps: { log: Logger; describe: Describe; defaults: { mode: 'enforce'; priority: number } },
): Promise<PluginHandle> {
  const config = await validateConfig(entry, definition.config);
  const instance = await setUp(entry, definition, config, deps.log);
  const hooks = implementedHooks(entry, instance);
  const description = deps.describe(entry, hooks);
  return {
    name: entry.name,
    hooks,
    mode: entry.mode ?? deps.defaults.mode,
    onError: entry.on_error,
    priority: entry.priority ?? deps.defaults.priority,
    conditions: entry.conditions ?? [],
    describe: () => description,
    invoke: (hook, payload, context, signal) =>
      hooks.includes(hook)
        ? callHook(entry.name, instance, hook, payload, context, { signal, log: deps.log })
        : Promise.reject(HookNotImplemented({ plugin: entry.name, hook, has: hooks })),
    close: async () => instance.close?.(),
  };
}

async function validateConfig(
  entry: PluginEntry,
  schema: ConfigSchema<unknown> | undefined,
): Promise<unknown> {
  const written = structuredClone(entry.config ?? {});
  if (schema === undefined) return written;
  const validate = async () => schema['~standard'].validate(written);
  const checked = await validate().catch((error: unknown) => {
    throw PluginConfigInvalid({ plugin: entry.name, problems: [messageOf(error)] }, error);
  });
  if (checked.issues === undefined) return checked.value;
  const problems = checked.issues.map(({ path = [], message }) => {
    const keys = path.map((part) => (typeof part === 'object' ? part.key : part));
    return problemText(['config', ...keys], message);
  });
  throw PluginConfigInvalid({ plugin: entry.name, problems });
}

async function setUp(
  entry: PluginEntry,
  definition: PluginDefinition,
  config: unknown,
  log: Logger,
): Promise<PluginInstance> {
  let instance: PluginInstance;
  try {
    instance = await definition.setup(config, { name: entry.name, log });
  } catch (error) {
    const known = findSallyError(error);
    throw known ?? PluginConfigInvalid({ plugin: entry.name, problems: [messageOf(error)] }, error);
  }
  if (typeof instance?.hooks === 'object' && instance.hooks !== null) return instance;
  const reason = 'its setup() does not answer with { hooks: … }';
  throw PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, reason });
}

/** The hooks that run: all that the plugin has, or those of them that the entry lists. */
function implementedHooks(entry: PluginEntry, instance: PluginInstance): readonly string[] {
  const has = Object.keys(instance.hooks).filter((hook) => typeof instance.hooks[hook] === 'function');
  const missing = entry.hooks?.find((hook) => !has.includes(hook));
  if (missing !== undefined) throw HookNotImplemented({ plugin: entry.name, hook: missing, has });
  return entry.hooks?.length ? entry.hooks : has;
}

async function callHook(
  plugin: string,
  instance: PluginInstance,
  hook: string,
  payload: unknown,
  context: PluginContext,
  call: { signal: AbortSignal; log: Logger },
): Promise<HookOutcome> {
  const row = hookRow(hook);
  // The plugin gets copies: what it changes counts only as it says so.
  const given = copyOf(hook, payload);
  const checked = row?.payload.safeParse(given);
  if (checked && !checked.success) throw PayloadInvalid({ hook, problems: problemsOf(checked.error) });
  const own = structuredClone(context);
  let answer: unknown;
  try {
    answer = await (instance.hooks[hook] as Hook<string>)(
      (checked?.data ?? given) as Record<string, unknown>,
      own,
      call,
    );
  } catch (error) {
    throw findSallyError(error) ?? PluginFailed({ plugin, hook, message: messageOf(error) }, error);
  }
  return { result: checkAnswer(plugin, hook, answer), context: checkContext(plugin, hook, own) };
}

function checkAnswer(plugin: string, hook: string, answer: unknown): HookResult {
  if (answer === undefined) return { continue_processing: true, modified_payload: null, metadata: {} };
  const checked = HookResult.safeParse(answer);
  const problems = checked.success ? [] : problemsOf(checked.error);
  if (checked.success) {
    if (!('continue_processing' in (answer as object))) problems.push('continue_processing is missing');
    const modified = checked.data.modified_payload;
    const shape =
      modified === null || modified === undefined ? undefined : hookRow(hook)?.modified.safeParse(modified);
    if (shape && !shape.success) {
      problems.push(...problemsOf(shape.error).map((problem) => `modified_payload.${problem}`));
    }
    problems.push(...notJson(answer));
    if (problems.length === 0) return checked.data;
  }
  throw HookResultInvalid({ plugin, hook, problems });
}

function copyOf(hook: string, payload: unknown): unknown {
  try {
    return structuredClone(payload);
  } catch (error) {
    throw PayloadInvalid({ hook, problems: [messageOf(error)] }, error);
  }
}

/** The context as the plugin left it; one that nobody else could read any more is its failure. */
function checkContext(plugin: string, hook: string, context: PluginContext): PluginContext {
  const checked = PluginContext.safeParse(context);
  const problems = checked.success ? notJson(checked.data) : problemsOf(checked.error);
  if (checked.success && problems.length === 0) return checked.data;
  throw HookResultInvalid({ plugin, hook, problems: problems.map((problem) => `context: ${problem}`) });
}

/** What cannot cross the wire (a circle, a BigInt) is the plugin's fault, wherever it runs. */
function notJson(answer: unknown): string[] {
  try {
    JSON.stringify(answer);
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}
