import {
  type AskWay,
  askKey,
  type HookName,
  type HookResult,
  type PayloadOf,
  type PluginContext,
  type Violation,
} from '../hooks/index.js';
import type { Logger } from '../log.js';

/** What a hook is given beside the payload and the context. */
export interface HookCall {
  /** Aborted when nobody waits for the answer any more: pass it to whatever the hook waits for. */
  readonly signal: AbortSignal;
  /** Logs to standard error of the process that runs the plugin. */
  readonly log: Logger;
}

/** What a hook may answer. Nothing at all means `proceed()`. */
export type HookAnswer = HookResult | undefined;

type Awaitable<T> = T | Promise<T>;

/**
 * One hook. `payload` and `context` are the plugin's own copies: a change of the payload counts only where it is
 * answered with `modify(payload)`; a change of `context.state`, `context.metadata` and
 * `context.global_context.state` counts as it stands when the hook answers.
 */
export type Hook<H extends string> = (
  payload: H extends HookName ? PayloadOf<H> : Record<string, unknown>,
  context: PluginContext,
  call: HookCall,
) => Awaitable<HookAnswer>;

/** The hooks of a plugin, by their names in the contract. */
export type Hooks = { readonly [H in HookName]?: Hook<H> };

/**
 * Hooks that the contract does not name: those of a gateway with more of them. They are carried through as they are,
 * their payloads unchecked.
 */
export type ForeignHooks = { readonly [hook: string]: Hook<string> };

/** A validator of any library that implements Standard Schema version 1 (zod 4, valibot, arktype, …). */
export interface ConfigSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Awaitable<
      | { readonly value: T; readonly issues?: undefined }
      | {
          readonly issues: readonly {
            readonly message: string;
            readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
          }[];
        }
    >;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/** What a plugin is made with. */
export interface PluginSetup {
  /** The name that the plugin file gives it. */
  readonly name: string;
  readonly log: Logger;
}

/** A running plugin: its hooks, and what to do when its server stops. */
export interface PluginInstance {
  /** A name that is not one of the contract, but close to one, keeps the plugin from loading; any other is a warning. */
  readonly hooks: Hooks;
  /** Hooks of another gateway, by names of its own. */
  readonly foreignHooks?: ForeignHooks;
  close?(): Awaitable<void>;
}

/** What a plugin module exports. */
export interface PluginDefinition<T = unknown> {
  /** Validates the `config` block of the plugin file when the plugin is loaded. Without it `config` is as written. */
  readonly config?: ConfigSchema<T>;
  /** Called once for each entry that names this module, with the validated config. */
  setup(config: T, plugin: PluginSetup): Awaitable<PluginInstance>;
}

/**
 * Declares a plugin. A module exports what this returns, as `default` or under the name that `kind: ./file.js#Name` gives.
 *
 * @example
 * ```ts
 * import { block, definePlugin, proceed } from 'sallyport/plugin';
 * import { z } from 'zod';
 *
 * export default definePlugin({
 *   config: z.object({ tools: z.array(z.string()) }),
 *   setup: ({ tools }) => ({
 *     hooks: {
 *       tool_pre_invoke: (payload) =>
 *         tools.includes(payload.name)
 *           ? block({ reason: 'Tool denied', code: 'TOOL_DENIED', description: `${payload.name} is not allowed` })
 *           : proceed(),
 *     },
 *   }),
 * });
 * ```
 */
export function definePlugin<
  T = Record<string, unknown>,
  R extends Awaitable<PluginInstance> = Awaitable<PluginInstance>,
>(
  definition: Omit<PluginDefinition<T>, 'setup'> & {
    setup(config: T, plugin: PluginSetup): R & ContractHooksOnly<Awaited<R>>;
  },
): PluginDefinition<T> {
  return definition as PluginDefinition<T>;
}

/** No hook but those of the contract: TypeScript alone does not look for others in what a function returns. */
type ContractHooksOnly<I extends PluginInstance> =
  Exclude<keyof I['hooks'], HookName> extends never
    ? unknown
    : {
        readonly hooks: `${Exclude<keyof I['hooks'], HookName> & string} is not a hook of the contract: is it one of foreignHooks?`;
      };

/** Lets the request go on as it is. `metadata` is handed to the caller beside the result. */
export function proceed(metadata: Record<string, unknown> = {}): HookResult {
  return { continue_processing: true, modified_payload: null, metadata };
}

/** Lets the request go on with `payload` in place of the one that the hook was given. */
export function modify(payload: unknown, metadata: Record<string, unknown> = {}): HookResult {
  return { continue_processing: true, modified_payload: payload, metadata };
}

/** Stops the request. `reason` is short; `description` is what the MCP client reads; `code` is for machines. */
export function block(
  violation: Pick<Violation, 'reason' | 'code'> & Partial<Violation>,
  metadata: Record<string, unknown> = {},
): HookResult {
  const { description = violation.reason, details = {}, ...rest } = violation;
  return {
    continue_processing: false,
    modified_payload: null,
    violation: { ...rest, description, details },
    metadata,
  };
}

/** What a person is asked. */
export interface Question {
  /** Why somebody is to look at it: the person reads this. */
  readonly reason: string;
  /** For machines. Default: `APPROVAL_REQUIRED`. */
  readonly code?: string;
  /** What the client reads where nobody is asked. */
  readonly description?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** The ways of which one is enough, such as `['page', 'webhook']` for somebody else than the user of the client; absent: those of the gateway. */
  readonly by?: readonly AskWay[];
}

/**
 * Stops the request unless a person lets it go on: `gateway.approvals` says who is asked, and for how long the request waits.
 * In the hooks around tools, prompts and resources, of a plugin whose mode may block. A gateway that asks nobody takes it as a
 * block with the code `APPROVAL_REQUIRED`.
 */
export function ask({
  reason,
  by,
  code = 'APPROVAL_REQUIRED',
  description = `Needs an approval: ${reason}`,
  details = {},
}: Question): HookResult {
  return block({
    reason,
    description,
    code,
    details: { ...details, [askKey]: { ...(by && { by: [...by] }) } },
  });
}
