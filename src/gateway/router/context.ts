import type { SallyError } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { PluginManager } from '../../manager/index.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { Era } from '../../mcp/revisions.js';
import type { Upstream, UpstreamSession } from '../upstream.js';
import type { Changes } from './changes.js';
import type { ClientState } from './client-state.js';
import type { HeldRequests } from './held.js';
import type { NameIndex } from './name-index.js';
import type { Offer } from './names.js';
import type { Sessions } from './sessions.js';
import type { Share } from './share.js';
import type { Watches } from './watches.js';

/** An upstream, and how its names are offered. */
export interface Route {
  readonly upstream: Upstream;
  readonly offer: Offer;
}

/** What the parts of the router work with. */
export interface Context {
  readonly log: Logger;
  /** Logs what would be said with every request. */
  warnOnce(error: SallyError): void;
  /** Who the gateway says it is. */
  readonly serverInfo: JsonObject;
  /** The upstreams of now, in the order of the configuration. */
  routes(): readonly Route[];
  plugins(): PluginManager;
  /** What the gateway can do for clients of an era, as far as the upstreams have been reached. */
  capabilities(era: Era): JsonObject;
  /** What the clients of a session have in common. */
  share(session: UpstreamSession): Share;
  /** What an upstream says that belongs to no request. */
  hear(state: ClientState, upstream: Upstream, method: string, params: JsonObject | undefined): void;
  readonly sessions: Sessions;
  readonly watches: Watches;
  readonly index: NameIndex;
  readonly held: HeldRequests;
  readonly changes: Changes;
}
