import { type Cancellation, CancelSource } from '../cancel.js';
import type { PluginEntry } from '../config/index.js';
import {
  ConnectionTimeout,
  findSallyError,
  HookNotImplemented,
  HookUnknown,
  InternalError,
  messageOf,
  PluginFailed,
} from '../errors.js';
import { hookMeant, type PluginContext, wholeResult } from '../hooks/index.js';
import type { Logger } from '../log.js';
import { type ContentWanted, contentWanted, seenBy, withUnseen } from '../plugin/content.js';
import type { Chain, HandleCall, HookOutcome, PluginHandle } from '../plugin/handle.js';
import {
  callHook,
  type InvokeReply,
  learnPlugin,
  type PluginReport,
  pluginDefaults,
  readHookReply,
  type ToolReply,
} from '../wire/index.js';
import type { ChainMember } from './chain.js';
import type { Connections, SharedConnection } from './connections.js';
import type { PluginMetrics } from './metrics.js';

/** What an external plugin needs of its surroundings. */
export interface ExternalDeps {
  readonly log: Logger;
  readonly connections: Connections;
  /** Whether to look for the server at once, and say so where it is away. Otherwise the first call does. */
  readonly connect: 'now' | 'on-first-call';
  /** How often the server is looked at between calls, in milliseconds; only where it was looked for at the start. */
  readonly checkEveryMs: number;
  readonly metrics?: PluginMetrics | undefined;
}

/** How long a start waits for a plugin server before it goes on without, in milliseconds: a child has to start first. */
const firstContactMs = { http: 5_000, uds: 5_000, stdio: 20_000 } as const;

/** How long a server that is back has to say what it knows of a plugin, in milliseconds: calls do not wait for it. */
const relearnMs = 5_000;

/** A plugin that lives behind a connection. Rejects where its credentials are not valid, and for nothing else. */
export async function startExternalPlugin(entry: PluginEntry, deps: ExternalDeps): Promise<PluginHandle> {
  if (entry.mcp === undefined) throw InternalError({ detail: `plugin '${entry.name}' has no mcp settings` });
  const plugin = new ExternalPlugin(entry, await deps.connections.open(entry.mcp, entry.name), deps.metrics);
  if (deps.connect === 'now') await watch(plugin, firstContactMs[entry.mcp.transport], deps);
  return plugin;
}

/** Looks for the server now and from time to time, and says when it comes or goes. */
async function watch(
  plugin: ExternalPlugin,
  contactMs: number,
  { log, checkEveryMs }: ExternalDeps,
): Promise<void> {
  let there: boolean | undefined;
  const look = async () => {
    // It is asked already, and whoever asks says when it is back.
    if (plugin.away) return;
    try {
      await plugin.learnWithin(contactMs);
      const fields = { plugin: plugin.name, hooks: plugin.hooks, mode: plugin.mode };
      if (there !== true) {
        log.info(fields, `connected to ${plugin.peer}`);
        plugin.warnOfHooks(log);
      }
      there = true;
      plugin.problem = undefined;
    } catch (thrown) {
      const error = findSallyError(thrown);
      const fields = { plugin: plugin.name, mode: plugin.mode, code: error?.code, remedy: error?.remedy };
      if (there !== false) log.error(fields, `not connected, calls try again: ${messageOf(thrown)}`);
      there = false;
      plugin.problem = error;
      plugin.forget();
    }
  };
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let looking = false;
  let again = false;
  plugin.onClose(() => {
    closed = true;
    clearTimeout(timer);
  });
  // The next look begins a pause after the one before has ended: a slow server is not asked twice at once.
  const lookAgain = async () => {
    clearTimeout(timer);
    again = looking;
    if (looking || closed) return;
    looking = true;
    do {
      again = false;
      await look();
    } while (again && !closed);
    looking = false;
    if (!closed) timer = setTimeout(lookAgain, checkEveryMs).unref();
  };
  // A turn later its connections have heard of it, too.
  plugin.onCredentials(() => setImmediate(() => void lookAgain()));
  await lookAgain();
}

class ExternalPlugin implements PluginHandle, ChainMember {
  readonly name: string;
  readonly #entry: PluginEntry;
  readonly #connection: SharedConnection;
  readonly #closing = new Set<() => void>();
  readonly #changed = new Set<() => void>();
  /** Whether the server was asked what it says of the plugin; it is asked again after it was away. */
  #known = false;
  /** Whether the server takes chains. */
  #chains = false;
  hooks: readonly string[] | undefined;
  /** Those that it had before its server went away. */
  lastHooks: readonly string[] | undefined;
  mode: PluginHandle['mode'] = pluginDefaults.mode;
  onError: PluginHandle['onError'];
  priority: number = pluginDefaults.priority;
  conditions: PluginHandle['conditions'] = [];
  wanted: ContentWanted | undefined;
  problem: PluginHandle['problem'];

  constructor(entry: PluginEntry, connection: SharedConnection, metrics: PluginMetrics | undefined) {
    this.name = entry.name;
    this.#entry = entry;
    this.#connection = connection;
    this.#settle(entry, false);
    connection.chain.add(entry.name, this);
    const leave = connection.breaker.add({
      name: entry.name,
      gone: () => metrics?.wentAway(entry.name),
      // It may have come back with another plugin of this name.
      back: () => void this.learnWithin(relearnMs).catch(() => this.forget()),
    });
    this.onClose(leave);
    if (metrics) this.onClose(metrics.holds(entry.name, () => this.away));
  }

  get peer(): string {
    return this.#connection.peer;
  }

  get away(): boolean {
    return this.#connection.breaker.away;
  }

  get reachable(): boolean {
    return this.#known;
  }

  /** The same as `learn`, for at most so long. */
  async learnWithin(ms: number): Promise<PluginReport> {
    const controller = new CancelSource();
    const timer = setTimeout(
      () => controller.abort(ConnectionTimeout({ peer: this.peer, seconds: ms / 1000 })),
      ms,
    );
    try {
      return await this.learn(controller);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks the server what it knows of this plugin. */
  async learn(signal: Cancellation): Promise<PluginReport> {
    const { report, chains } = await learnPlugin(this.#connection, this.name, signal);
    this.#chains = chains;
    this.#settle(settle(this.#entry, report), true);
    return report;
  }

  /** Says which of its hooks nobody will call, where another was probably meant. */
  warnOfHooks(log: Logger): void {
    for (const hook of this.hooks ?? []) {
      const meant = hookMeant(hook);
      if (meant === undefined) continue;
      const { code, remedy, message } = HookUnknown({
        where: `plugin '${this.name}' of ${this.peer}`,
        hook,
        meant,
      });
      log.warn({ plugin: this.name, code, remedy }, message);
    }
  }

  async invoke(
    hook: string,
    payload: unknown,
    context: PluginContext,
    { signal, payloadJson, headers }: HandleCall,
  ): Promise<HookOutcome> {
    const { breaker, probe } = this.#connection;
    if (breaker.busy) await breaker.admit(this.name, signal);
    if (!this.#known) {
      await this.learn(signal).catch((error: unknown) => {
        breaker.failed(error, signal, probe);
        throw error;
      });
    }
    const hooks = this.hooks ?? [];
    if (!hooks.includes(hook)) throw HookNotImplemented({ plugin: this.name, hook, has: hooks });
    const whole = { payload, payloadJson };
    const seen = this.wanted ? seenBy(this.name, hook, whole, this.wanted) : whole;
    const call = { hook, plugin: this.name, ...seen, context };
    let reply: ToolReply;
    try {
      reply = await callHook(this.#connection, call, signal, headers);
      breaker.answered();
    } catch (error) {
      breaker.failed(error, signal, probe);
      if (!signal.aborted) this.forget();
      throw error;
    }
    const outcome = this.outcomeOf(readHookReply(reply, this.#connection), hook, context);
    return seen === whole ? outcome : withUnseen(hook, payload, seen.payload, outcome);
  }

  chainFor(hook: string): Chain | undefined {
    const mayChain = this.#known && this.#chains && !this.away && this.hooks?.includes(hook);
    return mayChain ? this.#connection.chain : undefined;
  }

  /** A server that was away may come back with another plugin of this name. */
  forget(): void {
    this.#chains = false;
    this.#settle(this.#entry, false);
  }

  #settle(settled: PluginEntry, known: boolean): void {
    this.#known = known;
    this.hooks = settled.hooks;
    if (known || settled.hooks !== undefined) this.lastHooks = settled.hooks;
    this.mode = settled.mode ?? pluginDefaults.mode;
    this.onError = settled.on_error;
    this.priority = settled.priority ?? pluginDefaults.priority;
    this.conditions = settled.conditions ?? [];
    this.wanted = contentWanted(settled);
    for (const listener of this.#changed) listener();
  }

  onChange(listener: () => void): void {
    this.#changed.add(listener);
  }

  onCredentials(listener: () => void): void {
    this.#connection.onCredentials(() => {
      if (!this.away) listener();
    });
  }

  onClose(listener: () => void): void {
    this.#closing.add(listener);
  }

  close(): Promise<void> {
    for (const listener of this.#closing) listener();
    return this.#connection.close();
  }

  outcomeOf(reply: InvokeReply, hook: string, context: PluginContext): HookOutcome {
    if (reply.kind === 'error') {
      const { message, code, details, mcp_error_code } = reply.error;
      throw PluginFailed({
        plugin: this.name,
        hook,
        message,
        pluginCode: code ?? undefined,
        details: details ?? undefined,
        mcpErrorCode: mcp_error_code ?? undefined,
      });
    }
    const { context: update } = reply;
    const result = wholeResult(reply.result);
    if (update === undefined) return { result, context };
    const global_context = { ...context.global_context, state: update.globalState };
    return {
      result,
      context: { ...context, state: update.state, metadata: update.metadata, global_context },
    };
  }
}

/** An entry with what the server reports of its plugin: the gateway's own entry wins, field by field. */
function settle(entry: PluginEntry, report: PluginReport): PluginEntry {
  const { hooks, mode, on_error, priority, conditions, max_content_size, result_content } = report;
  // `mode` and `on_error` are one setting in two words: a mode of ours goes with no on_error of theirs.
  const strictness = entry.mode || entry.on_error ? {} : { mode, on_error };
  const wanted = { max_content_size, result_content };
  const reported = Object.entries({ hooks, priority, conditions, ...wanted, ...strictness });
  const given = Object.fromEntries(reported.filter(([, value]) => value !== null && value !== undefined));
  return { ...given, ...entry };
}
