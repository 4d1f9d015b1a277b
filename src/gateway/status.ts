import { type Handler, type HostGuard, refusedBy, sendJson } from '../http/index.js';
import { createPages as createPlainPages, onlyGet, pathOf } from '../listener/index.js';
import type { PluginHandle } from '../plugin/handle.js';
import type { MetricsSource } from '../telemetry/index.js';
import { type Authenticator, authRequestOf, metadataPath } from './auth/index.js';
import type { ConsentDesk } from './consent.js';
import { serverPath } from './server-paths.js';
import type { Upstream } from './upstream.js';

interface PagesDeps {
  readonly mcp: Handler;
  /** Of clients over HTTP+SSE, where they are served. */
  readonly sse: { readonly stream: Handler; readonly messages: Handler } | undefined;
  /** Whether there is a virtual server of this name. */
  readonly hasServer?: (name: string) => boolean;
  /** The path that all of it is below; empty at the root. */
  readonly base?: string;
  /** Asked on every page but `/health`; `/mcp` asks it by itself. */
  readonly guard: HostGuard;
  readonly authenticator: () => Authenticator;
  readonly stopping: () => boolean;
  readonly readiness: () => Readiness;
  /** Where users consent in a browser. */
  readonly consent?: Pick<ConsentDesk, 'handle'> | undefined;
  /** `/metrics`, where it is on this port. */
  readonly metrics: MetricsSource | undefined;
}

/** What the main port answers to: MCP, and what may be asked without credentials. */
export function createPages(deps: PagesDeps): Handler {
  const { base = '', hasServer = () => false } = deps;
  const mcp = `${base}/mcp`;
  const plain = createHealthPages(deps);
  return (request, response) => {
    const path = pathOf(request);
    if (path === mcp || path === `${mcp}/`) return deps.mcp(request, response);
    if (deps.sse && path === `${base}/sse`) return deps.sse.stream(request, response);
    if (deps.sse && path === `${base}/messages`) return deps.sse.messages(request, response);
    const at = serverPath(path, base);
    if (at && hasServer(at.server)) {
      if (at.page === 'mcp') return deps.mcp(request, response);
      if (deps.sse) return deps.sse[at.page === 'sse' ? 'stream' : 'messages'](request, response);
    }
    const named = metadataPathIn(path, base);
    if (named !== undefined) {
      if (refusedBy(deps.guard, request, response)) return undefined;
      const of = serverPath(named, base) ?? serverPath(named, '');
      const server = of?.page === 'mcp' && hasServer(of.server) ? of.server : undefined;
      const document = deps.authenticator().metadata?.(authRequestOf(request, base, server));
      const own = document && new URL(String(document['resource'])).pathname;
      const known =
        server !== undefined || named === '' || named === mcp || named === '/mcp' || named === own;
      if (document !== undefined && known)
        return onlyGet(request, response, () => sendJson(response, 200, document));
    }
    // Probes and scrapers that know the gateway by its address ask at the root.
    if (base !== '' && path.startsWith(`${base}/`)) request.url = request.url?.slice(base.length);
    return deps.consent?.handle(pathOf(request), request, response) ?? plain(request, response);
  };
}

/** What follows the well-known path, which is at the root, before the path of the resource, and below `base`; undefined elsewhere. */
function metadataPathIn(path: string, base: string): string | undefined {
  for (const at of [metadataPath, base + metadataPath])
    if (path === at || path.startsWith(`${at}/`)) return path.slice(at.length);
  return undefined;
}

/** What the plain health port answers to, where the main one has TLS. */
export function createHealthPages(deps: Omit<PagesDeps, 'mcp' | 'sse' | 'authenticator'>): Handler {
  return createPlainPages({ ...deps, elsewhere: `: MCP is at ${deps.base ?? ''}/mcp` });
}

/** How one plugin or upstream is at the moment. */
export type PartStatus =
  | {
      readonly part: 'plugin';
      readonly name: string;
      readonly state: 'ready' | 'unreachable' | 'away' | 'disabled';
      readonly mode: string;
      /** Empty while they are not known. */
      readonly hooks: readonly string[];
      /** Why it cannot be reached, and what to do. */
      readonly reason?: string;
      readonly code?: string;
      readonly remedy?: string;
    }
  | {
      readonly part: 'upstream';
      readonly name: string;
      readonly state: 'up' | 'connecting' | 'down';
      /** The protocol revision that is spoken with it. */
      readonly revision?: string;
      readonly reason?: string;
      readonly code?: string;
      readonly remedy?: string;
    };

export function pluginStatus({ name, mode, hooks = [], reachable, away, problem }: PluginHandle): PartStatus {
  const there = away ? 'away' : reachable === false ? 'unreachable' : 'ready';
  const state = mode === 'disabled' ? 'disabled' : there;
  const why = problem && { reason: problem.message, code: problem.code, remedy: problem.remedy };
  return { part: 'plugin', name, state, mode, hooks, ...(state === 'ready' ? {} : why) };
}

export function upstreamStatus({ name, state }: Pick<Upstream, 'name' | 'state'>): PartStatus {
  const { kind, ...rest } = state;
  if (kind === 'connecting') return { part: 'upstream', name, state: kind };
  if (state.kind === 'up') {
    const { revision } = state;
    return { part: 'upstream', name, state: 'up', ...(revision !== undefined && { revision }) };
  }
  return {
    part: 'upstream',
    name,
    state: 'down',
    ...(rest as { reason: string; code: string; remedy: string }),
  };
}

/** What `GET /ready` says. It is asked without credentials: names and states, and nothing that was said by anyone. */
export interface Readiness {
  readonly status: 'ready' | 'not ready';
  readonly plugins: Readonly<Record<string, string>>;
  readonly upstreams: Readonly<Record<string, string>>;
  /** Where requests are refused because it cannot be written. */
  readonly audit?: 'unavailable';
}

/**
 * Whether calls can be answered as they should be: every plugin whose failure ends a request is there, one upstream
 * at least, and an audit log that has to be written can be. `blocks` says of a mode whether its failures do.
 */
export function readinessOf(
  parts: readonly PartStatus[],
  blocks: (plugin: string) => boolean,
  audit?: { readonly barred: boolean },
): Readiness {
  const of = (part: PartStatus['part']) => parts.filter((one) => one.part === part);
  const states = (part: PartStatus['part']) =>
    Object.fromEntries(of(part).map(({ name, state }) => [name, state]));
  const gone = (state: string) => state === 'unreachable' || state === 'away';
  const missing = of('plugin').some(({ name, state }) => gone(state) && blocks(name));
  const barred = audit?.barred === true;
  const ready = !missing && !barred && of('upstream').some(({ state }) => state === 'up');
  return {
    status: ready ? 'ready' : 'not ready',
    plugins: states('plugin'),
    upstreams: states('upstream'),
    ...(barred && { audit: 'unavailable' }),
  };
}
