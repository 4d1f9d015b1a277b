import { type Cancellation, signalOf } from '../cancel.js';
import type { PluginEntry } from '../config/index.js';
import {
  findSallyError,
  HookNotImplemented,
  HookResultInvalid,
  HookUnknown,
  InternalError,
  messageOf,
  messageWithCauses,
  PayloadInvalid,
  PluginConfigInvalid,
  PluginDisabled,
  PluginFailed,
  PluginModuleUnusable,
  PluginSetupFailed,
  PluginWithoutHooks,
  type SallyError,
} from '../errors.js';
import {
  type HookName,
  type HookResult,
  hookMeant,
  hookRow,
  jsonCopy,
  type PluginContext,
  problemText,
  type Reading,
  readContextParts,
  readHookResult,
  readModified,
  readPayload,
  wholeResult,
} from '../hooks/index.js';
import { holdsNumbers } from '../json/index.js';
import type { Logger } from '../log.js';
import { contentWanted, seenBy, withUnseen } from './content.js';
import type { ConfigSchema, Hook, HookCall, Hooks, PluginDefinition, PluginInstance } from './define.js';
import type { HandleCall, HookOutcome, PluginHandle } from './handle.js';
import { WrittenNumbers } from './numbers.js';

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
  const foreign: PluginInstance = { hooks: (instance.foreignHooks ?? {}) as Hooks };
  const own = ownHooks(entry, instance, deps.log);
  const hooks = implementedHooks(entry, [...own, ...foreignHooks(entry, foreign)]);
  const description = deps.describe(entry, hooks);
  const wanted = contentWanted(entry);
  const holders = new Map(hooks.map((hook) => [hook, own.includes(hook) ? instance : foreign]));
  return {
    name: entry.name,
    hooks,
    mode: entry.mode ?? deps.defaults.mode,
    onError: entry.on_error,
    priority: entry.priority ?? deps.defaults.priority,
    conditions: entry.conditions ?? [],
    wanted,
    describe: () => description,
    invoke(hook, payload, context, call) {
      const holder = holders.get(hook);
      if (holder === undefined) throw HookNotImplemented({ plugin: entry.name, hook, has: hooks });
      if (wanted === undefined) return callHook(entry.name, holder, hook, payload, context, call, deps.log);
      const seen = seenBy(entry.name, hook, { payload, payloadJson: call.payloadJson }, wanted).payload;
      const outcome = callHook(entry.name, holder, hook, seen, context, call, deps.log);
      return outcome instanceof Promise
        ? outcome.then((later) => withUnseen(hook, payload, seen, later))
        : withUnseen(hook, payload, seen, outcome);
    },
    close: async () => instance.close?.(),
  };
}

/** The config of an entry as its plugin takes it. @throws SALLY_PLUGIN_CONFIG */
export async function validateConfig(
  entry: PluginEntry,
  schema: ConfigSchema<unknown> | undefined,
): Promise<unknown> {
  const written = structuredClone(entry.config ?? {});
  if (schema === undefined) return written;
  if (typeof schema?.['~standard']?.validate !== 'function')
    throw PluginModuleUnusable({
      plugin: entry.name,
      kind: entry.kind,
      reason: 'the config of its definePlugin() is no schema',
      mend: 'give it a schema that has ~standard (zod 3.24 or newer, valibot, arktype), or leave config out: it is given as it is written',
    });
  const validate = async () => schema['~standard'].validate(written);
  const checked = await validate().catch((error: unknown) => {
    throw PluginConfigInvalid({ plugin: entry.name, problems: [messageWithCauses(error)] }, error);
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
    throw known ?? PluginSetupFailed({ plugin: entry.name, reason: messageWithCauses(error) }, error);
  }
  if (typeof instance?.hooks === 'object' && instance.hooks !== null) return instance;
  const reason = 'its setup() does not answer with { hooks: … }';
  throw PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, reason });
}

/** The hooks that run: all that the plugin has, or those of them that the entry lists. */
function implementedHooks(entry: PluginEntry, has: readonly string[]): readonly string[] {
  const missing = entry.hooks?.find((hook) => !has.includes(hook));
  if (missing !== undefined) throw HookNotImplemented({ plugin: entry.name, hook: missing, has });
  return entry.hooks?.length ? entry.hooks : has;
}

/**
 * The names of the functions under `hooks`, those of a class's methods too. A name that is close to one of the contract
 * would never be called, and what it was to stop would pass: such a plugin does not load.
 */
function ownHooks(
  entry: PluginEntry,
  { hooks, foreignHooks: foreign }: PluginInstance,
  log: Logger,
): string[] {
  const where = `plugin '${entry.name}'`;
  const found: string[] = [];
  for (const hook of namesOf(hooks)) {
    const meant = hookMeant(hook);
    if (meant !== undefined) throw HookUnknown({ where, hook, meant });
    if (isFunction(entry, hooks, hook, hookRow(hook) !== undefined)) found.push(hook);
  }
  for (const hook of found) {
    if (hookRow(hook) === undefined) log.warn(...warning(HookUnknown({ where, hook, meant: undefined })));
  }
  if (found.length === 0 && foreign === undefined)
    log.warn(...warning(PluginWithoutHooks({ plugin: entry.name })));
  return found;
}

function foreignHooks(entry: PluginEntry, { hooks }: PluginInstance): string[] {
  const names = Object.keys(hooks);
  const known = names.find((hook) => hookRow(hook) !== undefined);
  if (known === undefined) return names.filter((hook) => isFunction(entry, hooks, hook, true));
  const reason = `${known} is a hook of the contract: it belongs under hooks, not foreignHooks`;
  throw PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, reason });
}

function isFunction({ name, kind }: PluginEntry, hooks: Hooks, hook: string, required: boolean): boolean {
  const value = (hooks as Record<string, unknown>)[hook];
  if (typeof value === 'function' || value === undefined) return value !== undefined;
  if (!required) return false;
  const reason = `its hook ${hook} is no function`;
  throw PluginModuleUnusable({ plugin: name, kind, reason });
}

/** The names of what an object has, of itself and by its classes. */
function namesOf(object: object): Set<string> {
  const names = new Set(Object.keys(object));
  let above: unknown = Object.getPrototypeOf(object);
  for (; above !== null && above !== Object.prototype; above = Object.getPrototypeOf(above)) {
    for (const name of Object.getOwnPropertyNames(above)) if (name !== 'constructor') names.add(name);
  }
  return names;
}

const warning = ({ code, remedy, message }: SallyError) => [{ code, remedy }, message] as const;

/**
 * What a hook is given beside payload and context. Few look at the signal: it is made for those. A class, because an object
 * literal with a getter takes many times as long to make.
 */
class LocalCall implements HookCall {
  readonly log: Logger;
  readonly #signal: Cancellation;

  constructor(signal: Cancellation, log: Logger) {
    this.#signal = signal;
    this.log = log;
  }

  get signal(): AbortSignal {
    return signalOf(this.#signal);
  }
}

function callHook(
  plugin: string,
  instance: PluginInstance,
  hook: string,
  payload: unknown,
  context: PluginContext,
  { signal, owned = false }: HandleCall,
  log: Logger,
): HookOutcome | Promise<HookOutcome> {
  // The plugin gets what a server of its own would have read: what it changes counts only as it says so.
  const copy = owned ? undefined : jsonCopy(payload);
  const given = copy?.ok === false ? copy : readPayload(hook, copy === undefined ? payload : copy.data);
  if (!given.ok) throw PayloadInvalid({ hook, problems: given.problems });
  const before = owned ? context : copyOf(context);
  // Few payloads have numbers that JavaScript would write in another way: for those it is given others.
  const written = holdsNumbers(given.data) || holdsNumbers(before) ? new WrittenNumbers() : undefined;
  const own = written ? written.plain(before) : before;
  // Of a context that was given away nobody knows what the plugin has made of the rest.
  const { request_id } = context.global_context;
  const failure = (error: unknown) =>
    findSallyError(error) ?? PluginFailed({ plugin, hook, message: messageWithCauses(error) }, error);
  const conclude = (answer: unknown): HookOutcome => {
    const result = checkAnswer(
      plugin,
      hook,
      written?.restore(answer, { modified_payload: given.data }) ?? answer,
    );
    const restore = written && ((left: object) => written.restore(left, before) as object);
    const after = contextAfter(own, owned ? { request_id } : { context }, restore);
    if (written?.lost) throw HookResultInvalid({ plugin, hook, problems: [numberLost] });
    if (after.ok) return { result, context: after.data };
    throw HookResultInvalid({
      plugin,
      hook,
      problems: after.problems.map((problem) => `context: ${problem}`),
    });
  };
  let answer: unknown;
  let later: boolean;
  try {
    const payload = (written ? written.plain(given.data) : given.data) as Record<string, unknown>;
    answer = (instance.hooks[hook as HookName] as Hook<string>)(payload, own, new LocalCall(signal, log));
    later = typeof (answer as PromiseLike<unknown> | undefined)?.then === 'function';
  } catch (error) {
    throw failure(error);
  }
  if (!later) return conclude(answer);
  return Promise.resolve(answer).then(conclude, (error: unknown) => {
    throw failure(error);
  });
}

/** Of two numbers that JavaScript takes for the same, as all above 1.8e308 are. */
const numberLost = 'it has moved a number that JavaScript cannot hold, and there are two of the kind';

function copyOf(context: PluginContext): PluginContext {
  const copy = jsonCopy(context);
  if (copy.ok) return copy.data as PluginContext;
  throw InternalError({ detail: `no context of a call: ${copy.problems.join('; ')}` });
}

/** How many levels are above each of these in the reply that carries them between processes. */
const levelsAbove = { result: 1, context: 1 } as const;

/** The answer as the other end of a connection would have read it. */
function checkAnswer(plugin: string, hook: string, answer: unknown): HookResult {
  if (answer === undefined) return wholeResult({ continue_processing: true });
  const copy = jsonCopy(answer, levelsAbove.result);
  if (!copy.ok) throw HookResultInvalid({ plugin, hook, problems: copy.problems });
  const read = readHookResult(copy.data);
  if (!read.ok) throw HookResultInvalid({ plugin, hook, problems: read.problems });
  const problems: string[] = [];
  if (!Object.hasOwn(copy.data as object, 'continue_processing')) {
    problems.push('continue_processing is missing');
  }
  const { modified_payload: modified } = read.data;
  if (modified !== null && modified !== undefined) {
    const shape = readModified(hook, modified);
    if (!shape.ok) problems.push(...shape.problems.map((problem) => `modified_payload.${problem}`));
  }
  if (problems.length > 0) throw HookResultInvalid({ plugin, hook, problems });
  return wholeResult(read.data);
}

/**
 * The context after a call: what counts of it as the plugin left it, and the rest as it was given, of which little is
 * known where it was given away.
 */
function contextAfter(
  left: PluginContext,
  given: { readonly context: PluginContext } | { readonly request_id: string },
  restore: ((left: object) => object) | undefined,
): Reading<PluginContext> {
  try {
    if (isBlank(left)) {
      if ('request_id' in given) {
        // No spread: it costs more than all else here.
        const global_context = { request_id: given.request_id, state: {}, metadata: {} };
        return { ok: true, data: { state: {}, metadata: {}, global_context } };
      }
      if (isBlank(given.context)) return { ok: true, data: given.context };
    }
    const { state, metadata, global_context: global } = left;
    const shared = global && { state: global.state, metadata: global.metadata };
    const parts = { state, metadata, global_context: shared };
    const copy = jsonCopy(restore?.(parts) ?? parts, levelsAbove.context);
    const read = copy.ok ? readContextParts(copy.data) : copy;
    if (!read.ok) return read;
    const rest = 'request_id' in given ? given : given.context.global_context;
    return {
      ok: true,
      data: { ...read.data, global_context: { ...rest, ...read.data.global_context } },
    };
  } catch (error) {
    // A getter that the plugin has put there.
    return { ok: false, problems: [messageOf(error)] };
  }
}

/** Whether nothing is in the parts that count. */
function isBlank({ state, metadata, global_context: global }: PluginContext): boolean {
  return (
    isEmpty(state) &&
    isEmpty(metadata) &&
    isPlain(global) &&
    isEmpty(global.state) &&
    isEmpty(global.metadata)
  );
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

function isEmpty(value: unknown): boolean {
  if (!isPlain(value)) return false;
  for (const _ in value) return false;
  return true;
}

/** A plugin that never runs: neither its module nor its server is looked for. */
export function disabledPlugin(
  entry: PluginEntry,
  deps: {
    describe: (entry: PluginEntry, hooks: readonly string[]) => Record<string, unknown>;
    defaults: { priority: number };
  },
): PluginHandle {
  const hooks = entry.hooks ?? [];
  return {
    name: entry.name,
    hooks,
    mode: 'disabled',
    onError: entry.on_error,
    priority: entry.priority ?? deps.defaults.priority,
    conditions: entry.conditions ?? [],
    describe: () => deps.describe(entry, hooks),
    invoke: () => Promise.reject(PluginDisabled({ plugin: entry.name })),
    close: async () => {},
  };
}
