import { z } from 'zod';
import type { SallyError } from '../errors.js';
import { reader } from './reader.js';
import type { HookResult } from './table.js';

const object = z.record(z.string(), z.unknown());
const objectOrEmpty = object.nullish().transform((value) => value ?? {});

/**
 * What all plugins of one request share. `state` and `metadata` flow from plugin to plugin.
 * Peers of newer versions send more (`user_context`, `content_type`, `user` as an object): it is kept.
 */
export const GlobalContext = z.looseObject({
  request_id: z.string(),
  user: z.union([z.string(), object]).nullish(),
  tenant_id: z.string().nullish(),
  server_id: z.string().nullish(),
  content_type: z.string().nullish(),
  state: objectOrEmpty,
  metadata: objectOrEmpty,
});
export type GlobalContext = z.output<typeof GlobalContext>;

/** What one plugin sees beside the payload: its own `state` for this request, and what all share. */
export const PluginContext = z.looseObject({
  state: objectOrEmpty,
  metadata: objectOrEmpty,
  global_context: GlobalContext,
});
export type PluginContext = z.output<typeof PluginContext>;

const settled = { state: object, metadata: object };
/** A shared context in which nothing is left to be filled in. */
export const SettledGlobal = GlobalContext.extend(settled);
/** A context in which nothing is left to be filled in. */
export const SettledContext = PluginContext.extend({ ...settled, global_context: SettledGlobal });

/** What may be left out of a context, filled in. */
const filledParts = <T extends { state?: unknown; metadata?: unknown }>(parts: T) => ({
  ...parts,
  state: (parts.state ?? {}) as Record<string, unknown>,
  metadata: (parts.metadata ?? {}) as Record<string, unknown>,
});
/** The same of what all plugins share. */
export const filledGlobal = (global: z.input<typeof GlobalContext>): GlobalContext =>
  filledParts(global) as GlobalContext;
/** The same of the context of one plugin. */
export const filledContext = (context: z.input<typeof PluginContext>): PluginContext => ({
  ...filledParts(context),
  global_context: filledGlobal(context.global_context),
});

/** Reads what all plugins of one request share. */
export const readGlobalContext = reader(GlobalContext, SettledGlobal, filledGlobal);
/** Reads the context of one plugin, filling in what may be left out. */
export const readContext = reader(PluginContext, SettledContext, filledContext);
/** Reads the parts of a context that count as a plugin leaves them, filling in what may be left out. */
export const readContextParts = reader(
  z.looseObject({
    state: objectOrEmpty,
    metadata: objectOrEmpty,
    global_context: z.looseObject({ state: objectOrEmpty, metadata: objectOrEmpty }),
  }),
  z.looseObject({ ...settled, global_context: z.looseObject(settled) }),
  (context) => ({ ...filledParts(context), global_context: filledParts(context.global_context) }),
);

/** A context for a request that nothing is known of but its id. */
export function globalContext(request_id: string, fields: Partial<GlobalContext> = {}): GlobalContext {
  return { ...fields, request_id, state: fields.state ?? {}, metadata: fields.metadata ?? {} };
}

/** A plugin's failure as the wire carries it. */
export const PluginErrorModel = z.looseObject({
  message: z.string(),
  plugin_name: z.string().nullish(),
  code: z.string().nullish(),
  details: object.nullish(),
  mcp_error_code: z.int().nullish(),
});
export type PluginErrorModel = z.output<typeof PluginErrorModel>;

/** What a hook call led to: the result, and the context as the plugin left it. */
export interface HookOutcome {
  readonly result: HookResult;
  readonly context: PluginContext;
}

/** What came of calling one plugin. */
export type OneOutcome =
  | { readonly kind: 'answered'; readonly outcome: HookOutcome }
  | { readonly kind: 'failed'; readonly error: SallyError };

/** What came of calling a plugin among others: most let the request go on, and leave everything as it was. */
export type Outcome = (OneOutcome | { readonly kind: 'untouched' }) & {
  /** What the plugin took by itself, in milliseconds, where its server has said so. */
  readonly tookMs?: number | undefined;
};
