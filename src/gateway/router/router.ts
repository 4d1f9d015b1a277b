import { MethodUnknown, messageOf, type SallyError } from '../../errors.js';
import type { NameForm } from '../../hooks/index.js';
import type { Logger } from '../../log.js';
import type { JsonObject, RpcResponse } from '../../mcp/messages.js';
import { changingLists, kindNames, kinds } from '../../mcp/methods.js';
import type { Era } from '../../mcp/revisions.js';
import { signalWithin } from '../../wait.js';
import type { Access } from '../access.js';
import type { Client, ClientRequest, Router } from '../client.js';
import { sharingKey, type Upstream, type UpstreamSession } from '../upstream.js';
import { callWithHooks } from './call.js';
import { capabilitiesOf, type Described, instructionsOf } from './capabilities.js';
import { type ClientState, Clients, type Resource } from './clients.js';
import type { Context, Routed } from './context.js';
import { operations } from './hooks.js';
import { SuspendedRequests, suspendedId } from './input-required.js';
import { KeptLists, type ListCounts } from './kept-lists.js';
import { listPage } from './list-pages.js';
import { ListWaits, listWaitMs, startLeft } from './list-waits.js';
import { offerOf, type Route, usualNames } from './lists.js';
import { complete, passOn, runTask, setLevel } from './methods.js';
import { onUpstreamNotification } from './notifications.js';
import { errorResponse, refusal } from './responses.js';
import { changeSubscription, listen, restore } from './subscriptions.js';
import { UpstreamSessions } from './upstream-sessions.js';

/** What the router is made with. */
interface RouterOptions {
  /** In the order of the configuration: who comes first is asked first. */
  readonly upstreams: readonly Upstream[];
  readonly sets: Context['sets'];
  readonly log: Logger;
  /** Of this program, as clients are told. */
  readonly version: string;
  /** What names of tools may be. Default: as the APIs of models take them. */
  readonly toolNames?: NameForm;
  /** What decides who may see and use what. Default: all may all. */
  readonly access?: Access | undefined;
  /** Makes the ids of suspended requests: their holder is found by them. */
  readonly makeId?: () => string;
}

/** A router whose upstreams can be exchanged. Who opened them closes them. */
export interface ReplaceableRouter extends Router {
  /** Takes these upstreams in place of those of now; clients hear that the lists have changed. */
  replace(upstreams: readonly Upstream[], toolNames?: NameForm, access?: Access): void;
  /** How long the lists are that clients have asked for, by the names of the upstreams. */
  listCounts(): ReadonlyMap<string, ListCounts>;
  close(): Promise<void>;
}

/** Makes the router between clients and upstreams: the one place where requests pass the plugins. */
export function createRouter(options: RouterOptions): ReplaceableRouter {
  return new GatewayRouter(options);
}

type Handler = (routed: Routed) => Promise<RpcResponse>;

const inBoth = (handler: Handler) => ({ legacy: handler, modern: handler });

/** Who serves a method in which era: one that is there and not of the client's era is unknown to it. */
const methods: Readonly<Record<string, Partial<Readonly<Record<Era, Handler>>>>> = {
  'logging/setLevel': { legacy: setLevel },
  'completion/complete': inBoth(complete),
  'resources/subscribe': { legacy: changeSubscription },
  'resources/unsubscribe': { legacy: changeSubscription },
  'subscriptions/listen': { modern: listen },
  'tasks/get': { legacy: runTask },
  'tasks/result': { legacy: runTask },
  'tasks/cancel': { legacy: runTask },
  'tasks/list': { legacy: runTask },
  'tasks/update': { legacy: passOn },
  ...Object.fromEntries(
    kindNames.map((kind) => [kinds[kind].list, inBoth((routed) => listPage(kind, routed))]),
  ),
  ...Object.fromEntries(
    Object.values(operations).map((op) => [op.method, inBoth((routed) => callWithHooks(op, routed))]),
  ),
};

class GatewayRouter implements ReplaceableRouter {
  readonly #log: Logger;
  readonly #context: Context & { routes: readonly Route[]; access: Access | undefined };
  readonly #clients: Clients;
  readonly #warned = new Set<string>();
  #toolNames: NameForm;
  #unlisten: (() => void)[] = [];

  constructor({ upstreams, sets, log, version, makeId, access, toolNames = usualNames }: RouterOptions) {
    this.#log = log;
    this.#toolNames = toolNames;
    this.#clients = new Clients((state) => this.#leave(state), log);
    const onNotification: Context['onNotification'] = (state, upstream, method, params) =>
      onUpstreamNotification(state, upstream, method, params, this.#context);
    this.#context = {
      log,
      sets,
      onNotification,
      serverInfo: { name: 'sallyport', version },
      sayOnce: (level, error) => this.#sayOnce(level, error),
      routes: [],
      access,
      capabilities: (era) => capabilitiesOf(this.#described(), era),
      sessions: new UpstreamSessions({
        log,
        onNotification,
        opened: (...opened) => this.#opened(...opened),
      }),
      suspended: new SuspendedRequests(undefined, makeId),
      kept: new KeptLists(),
      waits: new ListWaits(),
      listOf: (state, upstream, kind) => {
        const { kept, sessions } = this.#context;
        return kept.of(upstream, sessions.key(state, upstream), kind);
      },
    };
    this.#use(upstreams);
  }

  async describe(client: Pick<Client, 'era' | 'capabilities' | 'identity'>, signal: AbortSignal) {
    await this.#started(signal);
    const described = this.#described();
    const instructions = instructionsOf(described);
    return {
      capabilities: capabilitiesOf(described, client.era),
      serverInfo: this.#context.serverInfo,
      ...(instructions !== undefined && { instructions }),
    };
  }

  async handle(request: ClientRequest): Promise<RpcResponse> {
    try {
      const { method, client } = request;
      const state = this.#clients.of(client);
      const eras = Object.hasOwn(methods, method) ? methods[method] : undefined;
      const handler = eras === undefined ? passOn : eras[client.era];
      if (handler === undefined) return errorResponse(MethodUnknown({ method }));
      return await handler({ request, state, context: this.#context });
    } catch (error) {
      return refusal(error, request.client.era);
    }
  }

  /** The schema that the client was last shown of a tool, where headers repeat some of its arguments. */
  inputSchema(client: Client, tool: string): JsonObject | undefined {
    return this.#clients.known(client.key)?.schemas.get(tool);
  }

  suspendedId({ requestState }: JsonObject): string | undefined {
    return suspendedId(requestState);
  }

  notified(client: Client, method: string, params: JsonObject | undefined): void {
    const state = this.#clients.of(client);
    // The lifecycle is that of each connection; all else is said to those upstreams that may have asked.
    if (method === 'notifications/initialized' || method === 'notifications/cancelled') return;
    for (const session of new Set(state.sessions.values())) {
      // Roots that a session was not told of change nothing there.
      const unknown = !session.asks && method === 'notifications/roots/list_changed';
      if (session.era !== 'legacy' || unknown) continue;
      session.notify(method, params).catch((error: unknown) => {
        this.#log.debug({ method, reason: messageOf(error) }, 'a notification did not reach an upstream');
      });
    }
  }

  ended(client: Client): Promise<void> {
    return this.#clients.end(client.key);
  }

  listCounts(): ReadonlyMap<string, ListCounts> {
    return this.#context.kept.counts();
  }

  replace(upstreams: readonly Upstream[], toolNames = this.#toolNames, access?: Access): void {
    this.#context.access = access;
    this.#toolNames = toolNames;
    const before = new Set(this.#context.routes.map(({ upstream }) => upstream));
    for (const upstream of upstreams) before.delete(upstream);
    for (const { name } of before) this.#context.kept.forgetUpstream(name);
    for (const state of this.#clients.all) {
      for (const gone of before) {
        const session = state.sessions.get(gone);
        if (session) void this.#context.sessions.shared(session).leave(state.key);
        state.sessions.delete(gone);
        state.sessionRequests.delete(gone);
        for (const [uri, { upstream }] of state.subscriptions)
          if (upstream === gone) state.subscriptions.delete(uri);
      }
    }
    this.#warned.clear();
    this.#use(upstreams);
    this.#announce();
  }

  async close(): Promise<void> {
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten = [];
    this.#context.suspended.close();
    await Promise.allSettled([...this.#clients.all].map((state) => this.#clients.end(state.key)));
  }

  #use(upstreams: readonly Upstream[]): void {
    for (const unlisten of this.#unlisten) unlisten();
    this.#context.routes = upstreams.map((upstream) => ({
      upstream,
      offer: offerOf(upstream.settings, upstreams.length, this.#toolNames),
    }));
    this.#unlisten = upstreams.map((upstream) => {
      let last = upstream.state.kind;
      let listed = last === 'up';
      return upstream.onState(({ kind }) => {
        const before = last;
        last = kind;
        // While it starts again its lists are what is known of them.
        if (kind === before || kind === 'connecting') return;
        if (kind === 'up' || listed) this.#announce();
        listed = kind === 'up';
        if (listed) this.#comeBack(upstream);
      });
    });
  }

  /** An upstream has come or gone, and its entries with it. */
  #announce(): void {
    for (const state of this.#clients.all) state.announce(changingLists);
  }

  /** Who has subscribed to something there wants to hear of it again. */
  #comeBack(upstream: Upstream): void {
    for (const state of this.#clients.all) {
      const subscribed =
        isOf(upstream, state.subscriptions) ||
        [...state.listens].some((listen) => listen.lists.size > 0 || isOf(upstream, listen.uris));
      if (!subscribed) continue;
      this.#context.sessions
        .of(state, upstream, { signal: signalWithin(listWaitMs) })
        .catch((error: unknown) => {
          this.#log.debug(
            { upstream: upstream.name, reason: messageOf(error) },
            'subscriptions were not renewed',
          );
        });
    }
  }

  #opened(
    state: ClientState,
    upstream: Upstream,
    session: UpstreamSession,
    before: UpstreamSession | undefined,
  ): void {
    const signal = signalWithin(listWaitMs);
    const { sessions } = this.#context;
    const args = [
      before && sessions.shared(before).leave(state.key),
      restore({ state, context: this.#context }, upstream, session, signal),
      state.level && sessions.shared(session).setLevel(state.key, state.level, signal),
    ];
    Promise.all(args).catch((error: unknown) => {
      this.#log.debug(
        { upstream: upstream.name, reason: messageOf(error) },
        'a new session was not told all',
      );
    });
  }

  #described(): readonly Described[] {
    return this.#context.routes.map(({ upstream: { name, facts } }) => ({ name, said: facts }));
  }

  /** Waits for the start of those upstreams that may still come in time; whoever is not there is described as it last was. */
  async #started(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#context.routes.map(async ({ upstream }) => {
        if (upstream.facts !== undefined || upstream.state.kind !== 'connecting') return;
        const leftMs = startLeft(upstream);
        if (leftMs > 0) await upstream.settled(signalWithin(leftMs, signal));
      }),
    );
  }

  async #leave(state: ClientState): Promise<void> {
    const upstreams = new Set(state.sessionRequests.keys());
    for (const [{ name }, { listening }] of state.sessionRequests)
      if (listening.own) this.#context.kept.forget(name, sharingKey(listening));
    for (const [upstream, session] of state.sessions) {
      const uris = await this.#context.sessions.shared(session).leave(state.key);
      if (session.era === 'modern' || upstream.state.kind !== 'up') continue;
      const signal = signalWithin(listWaitMs);
      for (const uri of uris) {
        await session.request('resources/unsubscribe', { uri }, { signal }).catch(() => {});
      }
    }
    await Promise.allSettled([...upstreams].map((upstream) => upstream.release(state.key)));
  }

  #sayOnce(level: 'warn' | 'error', error: SallyError): void {
    if (this.#warned.has(error.message) || this.#warned.size > 1_000) return;
    this.#warned.add(error.message);
    this.#log[level]({ code: error.code, remedy: error.remedy }, error.message);
  }
}

/** Whether one of these resources is the upstream's. */
const isOf = (upstream: Upstream, resources: ReadonlyMap<string, Resource>): boolean =>
  [...resources.values()].some((one) => one.upstream === upstream);
