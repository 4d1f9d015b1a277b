import type { SallyError } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { PluginManager } from '../../manager/index.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { Kind } from '../../mcp/methods.js';
import type { Era } from '../../mcp/revisions.js';
import type { Access } from '../access.js';
import type { Approvals } from '../approvals/index.js';
import type { ClientRequest } from '../client.js';
import type { Upstream } from '../upstream.js';
import type { ClientState } from './clients.js';
import type { SuspendedRequests } from './input-required.js';
import type { KeptList, KeptLists } from './kept-lists.js';
import type { ListWaits } from './list-waits.js';
import type { Route } from './lists.js';
import type { VirtualServer } from './servers.js';
import type { UpstreamSessions } from './upstream-sessions.js';

/** A client, with all that its requests are served with. */
export interface ForClient {
  readonly state: ClientState;
  readonly context: Context;
  /** The request that something is done for; absent where it is done for none. */
  readonly request?: ClientRequest;
}

/** A request of a client on its way through the router. */
export interface Routed extends ForClient {
  readonly request: ClientRequest;
}

/** What the parts of the router work with. */
export interface Context {
  readonly log: Logger;
  /** Logs what would be said with every request. */
  sayOnce(level: 'warn' | 'error', error: SallyError): void;
  /** Who the gateway says it is. */
  readonly serverInfo: JsonObject;
  /** The virtual server that clients come to; undefined at `/mcp`. */
  readonly server?: VirtualServer | undefined;
  /** The upstreams of now, in the order of the configuration; of a virtual server those of which it may offer something. */
  readonly routes: readonly Route[];
  /** What decides who may see and use what; undefined where nothing of it is configured. */
  readonly access: Access | undefined;
  /** The plugins in use: they may be others after a reload. */
  readonly sets: { readonly current: { readonly plugins: PluginManager } };
  /** What the gateway can do for clients of an era, as far as the upstreams have been reached. */
  capabilities(era: Era): JsonObject;
  /** What an upstream says that belongs to no request. */
  onNotification(
    state: ClientState,
    upstream: Upstream,
    method: string,
    params: JsonObject | undefined,
  ): void;
  readonly sessions: UpstreamSessions;
  readonly kept: KeptLists;
  readonly waits: ListWaits;
  /** What is kept of a list for those who share sessions with this client. */
  listOf(state: ClientState, upstream: Upstream, kind: Kind): KeptList;
  readonly suspended: SuspendedRequests;
  /** Who asks people; undefined where nobody is asked. Another after a reload. */
  readonly approvals: ApprovalsInUse;
}

export interface ApprovalsInUse {
  readonly current: Approvals | undefined;
}
