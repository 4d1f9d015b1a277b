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
import {
  deepCopy,
  type HookResult,
  jsonProblem,
  type PluginContext,
  problemText,
  readContext,
  readHookResult,
  readModified,
  readPayload,
} from '../hooks/index.js';
import type { Logger } from '../log.js';
import type { ConfigSchema, Hook, HookCall, PluginDefinition, PluginInstance } from './define.js';
import type { HandleCall, HookOutcome, PluginHandle } from './handle.js';
import type { CallScope } from './scope.js';

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
    invoke(hook, payload, context, call) {
      if (!hooks.includes(hook)) throw HookNotImplemented({ plugin: entry.name, hook, has: hooks });
      return callHook(entry.name, instance, hook, payload, context, call, deps.log);
    },
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

/** What a hook is given beside payload and context. Few look at the signal: it is made for those. */
class LocalCall implements HookCall {
  readonly log: Logger;
  readonly #scope: CallScope;

  constructor(scope: CallScope, log: Logger) {
    this.#scope = scope;
    this.log = log;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }
}

function callHook(
  plugin: string,
  instance: PluginInstance,
  hook: string,
  payload: unknown,
  context: PluginContext,
  { scope, owned = false }: HandleCall,
  log: Logger,
): HookOutcome | Promise<HookOutcome> {
  // The plugin gets copies: what it changes counts only as it says so.
  const given = readPayload(hook, owned ? payload : copyOf(hook, payload));
  if (!given.ok) throw PayloadInvalid({ hook, problems: given.problems });
  const own = owned ? context : deepCopy(context);
  const failure = (error: unknown) =>
    findSallyError(error) ?? PluginFailed({ plugin, hook, message: messageOf(error) }, error);
  const conclude = (answer: unknown): HookOutcome => ({
    result: checkAnswer(plugin, hook, answer),
    context: !owned && isBlank(own, context) ? context : checkContext(plugin, hook, own),
  });
  let answer: unknown;
  let later: boolean;
  try {
    const payload = given.data as Record<string, unknown>;
    answer = (instance.hooks[hook] as Hook<string>)(payload, own, new LocalCall(scope, log));
    later = typeof (answer as PromiseLike<unknown> | undefined)?.then === 'function';
  } catch (error) {
    throw failure(error);
  }
  if (!later) return conclude(answer);
  return Promise.resolve(answer).then(conclude, (error: unknown) => {
    throw failure(error);
  });
}

function checkAnswer(plugin: string, hook: string, answer: unknown): HookResult {
  if (answer === undefined) return { continue_processing: true, modified_payload: null, metadata: {} };
  const read = readHookResult(answer);
  if (!read.ok) throw HookResultInvalid({ plugin, hook, problems: read.problems });
  const problems: string[] = [];
  if (!('continue_processing' in (answer as object))) problems.push('continue_processing is missing');
  const { modified_payload: modified } = read.data;
  if (modified !== null && modified !== undefined) {
    const shape = readModified(hook, modified);
    if (!shape.ok) problems.push(...shape.problems.map((problem) => `modified_payload.${problem}`));
  }
  const unwritable = jsonProblem(answer);
  if (unwritable !== undefined) problems.push(unwritable);
  if (problems.length > 0) throw HookResultInvalid({ plugin, hook, problems });
  return { ...read.data };
}

function copyOf(hook: string, payload: unknown): unknown {
  try {
    return deepCopy(payload);
  } catch (error) {
    throw PayloadInvalid({ hook, problems: [messageOf(error)] }, error);
  }
}

/** The context as the plugin left it; one that nobody else could read any more is its failure. */
function checkContext(plugin: string, hook: string, context: PluginContext): PluginContext {
  const read = readContext(context);
  const unwritable = read.ok ? jsonProblem(read.data) : undefined;
  if (read.ok && unwritable === undefined) return detached(read.data);
  const problems = read.ok ? [unwritable] : read.problems;
  throw HookResultInvalid({ plugin, hook, problems: problems.map((problem) => `context: ${problem}`) });
}

/** A plugin may keep its context and go on writing into it after its answer. */
function detached(context: PluginContext): PluginContext {
  const { state, metadata, global_context: global } = context;
  return {
    ...context,
    state: { ...state },
    metadata: { ...metadata },
    global_context: { ...global, state: { ...global.state }, metadata: { ...global.metadata } },
  };
}

/** Whether a context is as it was given, and nothing is in it that could differ further down. */
function isBlank(context: PluginContext, given: PluginContext): boolean {
  const { state, metadata, global_context: global } = context;
  if (!isEmpty(state) || !isEmpty(metadata) || keysOf(given.state) > 0 || keysOf(given.metadata) > 0)
    return false;
  for (const key in context) if (!Object.hasOwn(given, key) || !contextParts.has(key)) return false;
  return sameScalars(global, given.global_context);
}

const contextParts: ReadonlySet<string> = new Set(['state', 'metadata', 'global_context']);

/** Whether `a` holds what `b` does, and nothing else: scalars, and objects without keys. */
function sameScalars(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  if (!isPlain(a)) return false;
  let keys = 0;
  for (const key in a) {
    const [value, other] = [a[key], b[key]];
    const isObject = typeof value === 'object' && value !== null;
    if (isObject ? !isEmpty(value) || !isEmpty(other) : value !== other) return false;
    if (value === undefined && !Object.hasOwn(b, key)) return false;
    keys += 1;
  }
  return keys === keysOf(b);
}

function keysOf(value: object): number {
  let keys = 0;
  for (const _ in value) keys += 1;
  return keys;
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

function isEmpty(value: unknown): boolean {
  if (!isPlain(value)) return false;
  for (const _ in value) return false;
  return true;
}
