import { asSallyError, InternalError, PluginTimeout } from '../errors.js';
import type { GlobalContext, PluginContext } from '../hooks/index.js';
import type { Chain, ChainCall, HandleCall, HookOutcome, Outcome } from '../plugin/handle.js';
import {
  type ChainReply,
  callHooks,
  type InvokeReply,
  knowsNoChains,
  readHookReplies,
} from '../wire/index.js';
import type { Breaker, Probe } from './breaker.js';
import type { Connection } from './connection.js';

/** A plugin as the chain of its connection sees it. */
export interface ChainMember {
  /** What a reply means for a call with this context. Throws a SallyError where it is a failure. */
  outcomeOf(reply: InvokeReply, hook: string, context: PluginContext): HookOutcome;
  /** The server could not be reached: what it said of the plugin holds no more. */
  forget(): void;
}

/** The plugins of one connection, called one after another in one round trip. */
export class ConnectionChain implements Chain {
  readonly #connection: Pick<Connection, 'call' | 'peer'>;
  readonly #members = new Map<string, ChainMember>();
  readonly #exactNumbers: boolean;

  readonly #breaker: Breaker;
  readonly #probe: Probe;

  constructor(
    connection: Pick<Connection, 'call' | 'peer'>,
    breaker: Breaker,
    probe: Probe,
    exactNumbers: boolean,
  ) {
    this.#connection = connection;
    this.#breaker = breaker;
    this.#probe = probe;
    this.#exactNumbers = exactNumbers;
  }

  /** Adds a plugin, by the name that its server knows it by. */
  add(name: string, member: ChainMember): void {
    this.#members.set(name, member);
  }

  async invoke(call: ChainCall, { signal, payloadJson, headers }: HandleCall): Promise<readonly Outcome[]> {
    const { hook, payload, global, steps } = call;
    const args = {
      hook_type: hook,
      payload,
      timeout_ms: call.timeoutMs,
      global_context: global,
      plugins: steps.map(({ plugin, own, effect, traceparent }) => ({
        plugin_name: plugin.name,
        state: filled(own?.state),
        metadata: filled(own?.metadata),
        on_violation: effect.onViolation === 'log' ? 'log' : undefined,
        on_error: effect.onError === 'log' ? 'log' : undefined,
        modifies: effect.modifies ? undefined : false,
        traceparent,
      })),
    };
    const breaker = this.#breaker;
    if (breaker.busy) await breaker.admit(steps[0]?.plugin.name ?? '', signal);
    let replies: readonly ChainReply[];
    try {
      const reply = await callHooks(this.#connection, args, payloadJson, signal, headers);
      breaker.answered();
      const names = steps.map(({ plugin }) => plugin.name);
      const { peer } = this.#connection;
      replies = readHookReplies(reply, names, { peer, exactNumbers: this.#exactNumbers });
    } catch (error) {
      breaker.failed(error, signal, this.#probe);
      if (!signal.aborted) for (const { plugin } of steps) this.#members.get(plugin.name)?.forget();
      // A server that was replaced by an older one: what it said before is forgotten, and nothing has run.
      if (knowsNoChains(error)) return [];
      throw error;
    }
    const outcomes: Outcome[] = [];
    let given = global;
    for (const [i, reply] of replies.entries()) {
      const outcome: Outcome =
        reply.kind === 'untouched'
          ? reply
          : { ...this.#outcome(reply, call, i, given), tookMs: reply.tookMs };
      outcomes.push(outcome);
      if (outcome.kind === 'answered') given = afterwards(given, outcome.outcome.context.global_context);
    }
    return outcomes;
  }

  #outcome(
    reply: Exclude<ChainReply, { kind: 'untouched' }>,
    call: ChainCall,
    i: number,
    global: GlobalContext,
  ): Outcome {
    const { hook, steps, timeoutMs } = call;
    const { plugin, own } = steps[i] as ChainCall['steps'][number];
    if (reply.kind === 'late') {
      return {
        kind: 'failed',
        error: PluginTimeout({ plugin: plugin.name, hook, seconds: timeoutMs / 1000 }),
      };
    }
    const context = { state: {}, metadata: {}, ...own, global_context: global };
    const member = this.#members.get(plugin.name);
    try {
      if (!member) throw InternalError({ detail: `plugin '${plugin.name}' is not of this chain` });
      return { kind: 'answered', outcome: member.outcomeOf(reply, hook, context) };
    } catch (thrown) {
      return {
        kind: 'failed',
        error: asSallyError(thrown),
      };
    }
  }
}

/** The shared context as the next plugin of a chain was given it: a plugin adds and changes, and takes nothing away. */
function afterwards(given: GlobalContext, left: GlobalContext): GlobalContext {
  return left === given ? given : { ...given, state: { ...given.state, ...left.state } };
}

/** What is left out is empty. */
function filled<T extends object>(record: T | undefined): T | undefined {
  for (const _ in record) return record;
  return undefined;
}
