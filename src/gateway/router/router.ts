import { MethodUnknown, messageOf, NotOffered, type SallyError } from '../../errors.js';
import type { NameForm } from '../../hooks/index.js';
import type { Logger } from '../../log.js';
import type { JsonObject, RpcResponse } from '../../mcp/messages.js';
import { changingLists } from '../../mcp/methods.js';
import { signalWithin } from '../../wait.js';
import type { Access } from '../access.js';
import type { Client, ClientRequest, Router } from '../client.js';
import { sharingKey, type Upstream, type UpstreamSession } from '../upstream.js';
import { capabilitiesOf, type Described, instructionsOf, offeredCapabilities } from './capabilities.js';
import { type ClientState, Clients, type Resource } from './clients.js';
import type { ApprovalsInUse, Context } from './context.js';
import { handlerOf } from './handlers.js';
import { SuspendedRequests, suspendedId } from './input-required.js';
import { KeptLists, type ListCounts } from './kept-lists.js';
import { ListWaits, listWaitMs, startLeft } from './list-waits.js';
import { offerOf, type Route, routeIn, usualNames } from './lists.js';
import { onUpstreamNotification } from './notifications.js';
import { errorResponse, refusal } from './responses.js';
import type { VirtualServer } from './servers.js';
import { restore } from './subscriptions.js';
import { UpstreamSessions } from './upstream-sessions.js';

/** What the router is made with. */
interface RouterOptions {
  /** In the order of the configuration: who comes first is asked first. */
  readonly upstreams: readonly Upstream[];
  /** Parts of what they offer, at paths of their own. Default: none. */
  readonly servers?: readonly VirtualServer[];
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
  /** Default: nobody is asked. */
  readonly approvals?: ApprovalsInUse;
}

/** A router whose upstreams can be exchanged. Who opened them closes them. */
export interface ReplaceableRouter extends Router {
  /** Takes these upstreams in place of those of now; clients hear that the lists have changed. */
  replace(
    upstreams: readonly Upstream[],
    toolNames?: NameForm,
    access?: Access,
    servers?: readonly VirtualServer[],
  ): void;
  /** How long the lists are that clients have asked for, by the names of the upstreams. */
  listCounts(): ReadonlyMap<string, ListCounts>;
  close(): Promise<void>;
}

/** Makes the router between clients and upstreams: the one place where requests pass the plugins. */
export function createRouter(options: RouterOptions): ReplaceableRouter {
  return new GatewayRouter(options);
}

class GatewayRouter implements ReplaceableRouter {
  readonly #log: Logger;
  readonly #context: Context & { routes: readonly Route[]; access: Access | undefined };
  /** Of each virtual server, by its name: the same upstreams, sessions and kept lists with routes of its own. */
  #servers: ReadonlyMap<string, Context> = new Map();
  readonly #clients: Clients;
  readonly #warned = new Set<string>();
  #toolNames: NameForm;
  #unlisten: (() => void)[] = [];

  constructor({
    upstreams,
    servers = [],
    sets,
    log,
    version,
    access,
    toolNames = usualNames,
    ...rest
  }: RouterOptions) {
    this.#log = log;
    this.#toolNames = toolNames;
    this.#clients = new Clients((state) => this.#leave(state), log);
    const onNotification: Context['onNotification'] = (state, upstream, method, params) =>
      onUpstreamNotification(state, upstream, method, params, this.#contextOf(state.client) ?? this.#context);
    this.#context = {
      log,
      sets,
      onNotification,
      serverInfo: { name: 'sallyport', version },
      sayOnce: (level, error) => this.#sayOnce(level, error),
      routes: [],
      access,
      capabilities: (era) => capabilitiesOf(describedAt(this.#context), era),
      sessions: new UpstreamSessions({
        log,
        onNotification,
        opened: (...opened) => this.#opened(...opened),
      }),
      suspended: new SuspendedRequests(undefined, rest.makeId),
      approvals: rest.approvals ?? { current: undefined },
      kept: new KeptLists(),
      waits: new ListWaits(),
      listOf: (state, upstream, kind) => {
        const { kept, sessions } = this.#context;
        return kept.of(upstream, sessions.key(state, upstream), kind);
      },
    };
    this.#use(upstreams, servers);
  }

  async describe(client: Pick<Client, 'era' | 'capabilities' | 'identity' | 'server'>, signal: AbortSignal) {
    const context = this.#contextOf(client) ?? this.#context;
    await this.#started(context, signal);
    // What upstreams say may be about what the virtual server does not offer.
    const instructions = context.server
      ? context.server.settings.instructions
      : instructionsOf(describedAt(context));
    return {
      capabilities: context.capabilities(client.era),
      serverInfo: context.serverInfo,
      ...(instructions !== undefined && { instructions }),
    };
  }

  serverInfo(server: string): JsonObject | undefined {
    return this.#servers.get(server)?.serverInfo;
  }

  /** What the requests of a client are served with; undefined where its virtual server is there no more. */
  #contextOf({ server }: Pick<Client, 'server'>): Context | undefined {
    return server === undefined ? this.#context : this.#servers.get(server);
  }

  async handle(request: ClientRequest): Promise<RpcResponse> {
    try {
      const { method, client } = request;
      const context = this.#contextOf(client);
      if (context === undefined) throw NotOffered({ what: 'virtual server', name: client.server ?? '' });
      const state = this.#clients.of(client);
      const handler = handlerOf(method, client.era);
      if (handler === undefined) return errorResponse(MethodUnknown({ method }));
      return await handler({ request, state, context });
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

  replace(
    upstreams: readonly Upstream[],
    toolNames = this.#toolNames,
    access?: Access,
    servers: readonly VirtualServer[] = [],
  ): void {
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
    this.#use(upstreams, servers);
    this.#announce();
  }

  async close(): Promise<void> {
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten = [];
    this.#context.suspended.close();
    await Promise.allSettled([...this.#clients.all].map((state) => this.#clients.end(state.key)));
  }

  #use(upstreams: readonly Upstream[], servers: readonly VirtualServer[]): void {
    for (const unlisten of this.#unlisten) unlisten();
    this.#context.routes = upstreams.map((upstream) => ({
      upstream,
      offer: offerOf(upstream.settings, upstreams.length, this.#toolNames),
    }));
    this.#servers = new Map(servers.map((server) => [server.name, this.#serverContext(server)]));
    this.#unlisten = upstreams.map((upstream) => {
      let last = upstream.state.kind;
      let listed = last === 'up';
      return upstream.onState(({ kind }) => {
        const before = last;
        last = kind;
        // While it starts again its lists are what is known of them.
        if (kind === before || kind === 'connecting') return;
        if (kind === 'up' || listed) this.#announce(upstream);
        listed = kind === 'up';
        if (listed) this.#comeBack(upstream);
      });
    });
  }

  #serverContext(server: VirtualServer): Context {
    const { name, title } = server.settings;
    const found = this.#context.routes.flatMap((route) => routeIn(server, route) ?? []);
    const routes = found.map(({ upstream, offer }) => ({
      upstream,
      offer: { ...offer, several: found.length > 1 },
    }));
    const context: Context = {
      ...this.#context,
      server,
      routes,
      serverInfo: { ...this.#context.serverInfo, name, ...(title !== undefined && { title }) },
      capabilities: (era) => offeredCapabilities(server, capabilitiesOf(describedAt(context), era)),
    };
    return context;
  }

  /** An upstream has come or gone, and its entries with it; all where none is given. */
  #announce(upstream?: Upstream): void {
    for (const state of this.#clients.all) {
      const context = this.#contextOf(state.client);
      if (context === undefined) continue;
      if (upstream && context.server && !context.routes.some((route) => route.upstream === upstream))
        continue;
      const { server } = context;
      state.announce(server ? changingLists.filter((list) => server.offers(list)) : changingLists);
    }
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

  /** Waits for the start of those upstreams that may still come in time; whoever is not there is described as it last was. */
  async #started({ routes }: Context, signal: AbortSignal): Promise<void> {
    await Promise.all(
      routes.map(async ({ upstream }) => {
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

/** What the upstreams say of themselves that a context has: instructions only as the lock has them. */
const describedAt = ({ routes, access }: Context): readonly Described[] =>
  routes.map(({ upstream: { name, facts } }) => {
    const { instructions } = facts ?? {};
    const told = !instructions || access?.lock === undefined || access.lock.tells(name, instructions);
    return { name, said: told || facts === undefined ? facts : { ...facts, instructions: undefined } };
  });

/** Whether one of these resources is the upstream's. */
const isOf = (upstream: Upstream, resources: ReadonlyMap<string, Resource>): boolean =>
  [...resources.values()].some((one) => one.upstream === upstream);
