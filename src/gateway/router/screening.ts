import type { Cancellation } from '../../cancel.js';
import { modeEffect } from '../../config/index.js';
import type { HookName, Violation } from '../../hooks/index.js';
import type { PluginManager, PluginRequest, PluginRun } from '../../manager/index.js';
import { type Answer, isObject, type JsonObject } from '../../mcp/messages.js';
import type { ClientRequest, Identity, Trace } from '../client.js';
import { pluginErrorAnswer, violationAnswer } from './answers.js';
import type { Operation } from './operations.js';

type Plugins = Pick<PluginManager, 'plugins'>;

/**
 * The plugins that may run for a hook at an upstream. A plugin whose hooks are not known yet may. The hot path: where
 * there is none, nothing is made for plugins at all.
 */
function listeners({ plugins }: Plugins, hook: string, upstream: string) {
  return plugins.filter(
    ({ hooks, mode, conditions }) =>
      mode !== 'disabled' &&
      (hooks === undefined || hooks.includes(hook)) &&
      (conditions.length === 0 ||
        conditions.some(({ server_ids: ids }) => !ids?.length || ids.includes(upstream))),
  );
}

export function mayApply(plugins: Plugins, hook: string, upstream: string): boolean {
  return listeners(plugins, hook, upstream).length > 0;
}

/** Whether a plugin may block or change what this hook sees: then nothing of it may reach the client another way. */
export function mayHoldBack(plugins: Plugins, hook: string, upstream: string): boolean {
  return listeners(plugins, hook, upstream).some(({ mode, onError }) => {
    const effect = modeEffect(mode, onError);
    return effect !== null && (effect.modifies || effect.onViolation === 'block');
  });
}

/** What the plugins made of a payload: null where they changed nothing, or the answer that ends the request. */
export type Screened = { readonly modified: unknown } | { readonly stop: Answer };

/** Runs the hooks of one client request at one upstream. */
export class Screening {
  readonly #manager: PluginManager;
  readonly #upstream: string;
  readonly #open: () => PluginRequest;
  #plugins: PluginRequest | undefined;

  constructor(manager: PluginManager, upstream: string, request: ClientRequest, kept?: PluginRequest) {
    this.#manager = manager;
    this.#upstream = upstream;
    this.#open = () => identified(request.plugins(), upstream, request.client.identity);
    this.#plugins = kept;
  }

  /** The contexts of this request, where a hook has run: what belongs to it later uses the same. */
  get kept(): PluginRequest | undefined {
    return this.#plugins;
  }

  applies(hook: HookName): boolean {
    return mayApply(this.#manager, hook, this.#upstream);
  }

  async run(hook: HookName, payload: unknown, trace: Trace, signal: Cancellation): Promise<Screened> {
    if (!this.applies(hook)) return { modified: null };
    this.#plugins ??= this.#open();
    let last: PluginRun | undefined;
    const onPlugin = (run: PluginRun) => {
      trace.plugins.push(run);
      if (run.decision === 'failed' || run.decision === 'blocked') last = run;
    };
    try {
      const result = await this.#plugins.invoke(hook, payload, { signal, onPlugin });
      if (result.continue_processing) return { modified: result.modified_payload };
      const violation: Violation | null = result.violation;
      return { stop: violationAnswer(violation, last?.plugin) };
    } catch (error) {
      return { stop: pluginErrorAnswer(error, last?.plugin) };
    }
  }
}

/** The post-hook on a result, part by part. A result that it stops reaches nobody. */
export async function runPost(
  op: Operation,
  name: string,
  result: JsonObject,
  screening: Screening,
  { trace, signal }: ClientRequest,
): Promise<Answer> {
  if (!screening.applies(op.post)) return { result };
  let current = result;
  for (const part of op.parts(result, name)) {
    const screened = await screening.run(op.post, part.payload, trace, signal);
    if ('stop' in screened) return screened.stop;
    if (isObject(screened.modified)) current = part.put(screened.modified, current);
  }
  return { result: current };
}

function identified(plugins: PluginRequest, upstream: string, identity: Identity): PluginRequest {
  const { user, tenant, record } = identity;
  plugins.global.server_id = upstream;
  if (record !== undefined || user !== null) plugins.global.user = record ?? user;
  if (tenant !== null) plugins.global.tenant_id = tenant;
  return plugins;
}
