import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { FuzzFinding, HookNotImplemented, messageOf } from '../errors.js';
import { type HookName, hookNames, hookRow, readPayload } from '../hooks/index.js';
import type { PluginDefinition } from '../plugin/index.js';
import { payloadsOf, Random, smaller, unknownField } from './payloads.js';
import { type Called, type OpenedPlugin, type OpenOptions, openPlugin } from './plugin.js';

/** What is made up, and what counts as a fault. */
export interface FuzzOptions extends OpenOptions {
  /** Default: those of the contract that the plugin has. */
  readonly hooks?: readonly HookName[];
  /** Payloads for each hook. Default: 300. */
  readonly runs?: number;
  /** Default: another one each time; the error of a fault has it. */
  readonly seed?: number;
  /** Texts that mean something to the plugin: they are put among the others. */
  readonly words?: readonly string[];
  /** Fields of a payload that the plugin may leave out of the one that it answers with. */
  readonly mayDrop?: readonly string[];
  /** How long a call may take, in milliseconds: a regular expression that backtracks takes longer. Default: 1,000. */
  readonly slowMs?: number;
  /** What else has to hold of a call: throws where it does not. */
  readonly check?: (call: {
    readonly hook: HookName;
    readonly payload: Readonly<Record<string, unknown>>;
    readonly called: Called<unknown>;
  }) => void;
}

/** What a run without a fault was made of. */
export interface FuzzReport {
  readonly seed: number;
  readonly calls: number;
  readonly modified: number;
  readonly blocked: number;
}

/** A fault is made smaller for so long. */
const shrinkMs = 3_000;

/**
 * Calls the hooks of a plugin with payloads that are valid and odd. Whatever comes, the plugin has to answer, in time; and
 * what it does not touch has to stay: a payload that it answers with has all fields of the one that it was given, those that
 * no contract knows unchanged.
 *
 * @throws SALLY_TESTING_FUZZ with the first fault: its payload, made as small as it can be, and the seed.
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { definePlugin, modify } from 'sallyport/plugin';
 * import { fuzz } from 'sallyport/testing';
 *
 * const trimmer = definePlugin({
 *   setup: () => ({
 *     hooks: { tool_pre_invoke: (payload) => modify({ ...payload, name: payload.name.trim() }) },
 *   }),
 * });
 *
 * test('takes whatever comes', async () => {
 *   await fuzz(trimmer, { words: [' search '] });
 * });
 * ```
 */
export async function fuzz(plugin: PluginDefinition, options: FuzzOptions = {}): Promise<FuzzReport> {
  const { runs = 300, seed = randomInt(2 ** 31), words = [] } = options;
  const opened = await openPlugin(plugin, options);
  const counts = { calls: 0, modified: 0, blocked: 0 };
  try {
    const hooks = options.hooks ?? hookNames.filter((hook) => opened.hooks.includes(hook));
    const missing = hooks.find((hook) => !opened.hooks.includes(hook));
    const name = options.name ?? 'Plugin';
    if (missing) throw HookNotImplemented({ plugin: name, hook: missing, has: opened.hooks });
    const random = new Random(seed);
    for (const hook of hooks) {
      const payloadOf = payloadsOf(hook, random, words);
      for (let run = 0; run < runs; run += 1) {
        const payload = payloadOf(run >= runs / 2);
        const tried = await tryOne(opened, hook, payload, options);
        counts.calls += 1;
        if (tried.called?.continue_processing === false) counts.blocked += 1;
        else if (tried.called?.modified_payload !== null) counts.modified += 1;
        if (tried.problem === undefined) continue;
        const least = await smallest(opened, hook, { payload, problem: tried.problem }, options);
        const text = JSON.stringify(least.payload);
        throw FuzzFinding({ plugin: name, hook, payload: text, problem: least.problem, seed });
      }
    }
  } finally {
    await opened.close();
  }
  return { seed, ...counts };
}

/** A payload, and what is wrong with the plugin that was given it. */
interface Fault {
  readonly payload: Record<string, unknown>;
  readonly problem: string;
}

async function tryOne(
  opened: OpenedPlugin,
  hook: HookName,
  payload: Record<string, unknown>,
  { slowMs = 1_000, mayDrop = [], check }: FuzzOptions,
): Promise<{ readonly called?: Called<unknown>; readonly problem?: string }> {
  const started = performance.now();
  let called: Called<unknown>;
  try {
    called = await opened.callForeign(hook, payload);
  } catch (error) {
    return { problem: messageOf(error) };
  }
  const ms = performance.now() - started;
  if (ms > slowMs) return { called, problem: `it took ${Math.round(ms)} ms` };
  const lost = lostField(hook, payload, called.modified_payload, mayDrop);
  if (lost !== undefined) return { called, problem: lost };
  try {
    check?.({ hook, payload, called });
  } catch (error) {
    return { called, problem: messageOf(error) };
  }
  return { called };
}

/** What a changed payload lacks of the one that was given. */
function lostField(
  hook: HookName,
  payload: Record<string, unknown>,
  modified: unknown,
  mayDrop: readonly string[],
): string | undefined {
  // Of the other hooks the answer is no payload.
  if (typeof modified !== 'object' || modified === null || hookRow(hook)?.changes !== 'payload')
    return undefined;
  const after = modified as Record<string, unknown>;
  const dropped = Object.keys(payload).find((name) => !Object.hasOwn(after, name) && !mayDrop.includes(name));
  if (dropped !== undefined)
    return `the payload that it answers with has no ${dropped} any more: modify({ ...payload, … })`;
  const kept = isDeepStrictEqual(after[unknownField], payload[unknownField]);
  return kept ? undefined : `it changed a field that it cannot know: ${unknownField}`;
}

/** The smallest payload that was found to show a fault of the same hook. */
async function smallest(
  opened: OpenedPlugin,
  hook: HookName,
  found: Fault,
  options: FuzzOptions,
): Promise<Fault> {
  let least = found;
  const until = performance.now() + shrinkMs;
  for (let shrunk = true; shrunk; ) {
    shrunk = false;
    for (const payload of smaller(least.payload) as Iterable<Record<string, unknown>>) {
      if (performance.now() > until) return least;
      if (!readPayload(hook, payload).ok) continue;
      const { problem } = await tryOne(opened, hook, payload, options);
      if (problem === undefined) continue;
      least = { payload, problem };
      shrunk = true;
      break;
    }
  }
  return least;
}
