import type { PluginsConfig } from '../config/index.js';
import { asSallyError, findSallyError, type SallyError } from '../errors.js';
import type { Logger } from '../log.js';
import { packageVersion } from '../version.js';
import { needsLists, offeredBy, unmatchedConditions } from './router/index.js';
import { openUpstream } from './upstream/index.js';
import type { Upstream } from './upstream.js';

type Plugins = Parameters<typeof unmatchedConditions>[0];

/** The conditions of plugins that no call to these upstreams can meet; their lists are read only where one is about them. */
export async function unmatchedAt(
  plugins: Plugins,
  upstreams: readonly Upstream[],
  signal: AbortSignal,
): Promise<readonly SallyError[]> {
  return unmatchedConditions(
    plugins,
    needsLists(plugins) ? await offeredBy(upstreams, signal) : upstreams.map(namedOnly),
  );
}

const namedOnly = ({ name: upstream }: { readonly name: string }) => ({
  upstream,
  tools: undefined,
  prompts: undefined,
});

/** What came of reaching one upstream. */
export interface UpstreamLook {
  readonly name: string;
  /** The revision of MCP that it speaks; absent where it cannot be reached. */
  readonly revision?: string;
  /** In its place: what was found of one of which each user has sessions of its own. */
  readonly seen?: string;
  readonly problem?: SallyError;
}

/**
 * What a gateway of this configuration would find at its upstreams: each is opened once for it, a child process started,
 * and closed again. `timeoutMs` is for each step.
 */
export async function lookAtUpstreams(
  { plugins, gateway }: PluginsConfig,
  { timeoutMs, log }: { readonly timeoutMs: number; readonly log: Logger },
): Promise<{ readonly upstreams: readonly UpstreamLook[]; readonly unmatched: readonly SallyError[] }> {
  if (gateway === undefined) return { upstreams: [], unmatched: [] };
  const conditional = plugins.map(({ name, mode = 'enforce', conditions = [] }) => ({
    name,
    mode,
    conditions,
  }));
  const deps = { log, version: packageVersion(), pace: { handshake: timeoutMs, probe: timeoutMs } };
  const upstreams = gateway.upstreams.map((settings) => openUpstream(settings, deps));
  try {
    const looks = await Promise.all(upstreams.map((upstream) => reach(upstream, 3 * timeoutMs)));
    const unmatched = await unmatchedAt(conditional, upstreams, AbortSignal.timeout(timeoutMs));
    return { upstreams: looks, unmatched };
  } finally {
    await Promise.allSettled(upstreams.map((upstream) => upstream.close()));
  }
}

async function reach(upstream: Upstream, withinMs: number): Promise<UpstreamLook> {
  const { name } = upstream;
  const request = { principal: 'doctor', capabilities: {}, client: 'doctor', own: false };
  try {
    if (upstream.look) return { name, seen: await upstream.look(AbortSignal.timeout(withinMs)) };
    const { revision } = await upstream.session(request, AbortSignal.timeout(withinMs));
    return { name, revision };
  } catch (thrown) {
    const error = asSallyError(thrown);
    // What it is told as while it is down has what happened as its cause.
    const cause = findSallyError(error.cause);
    return { name, problem: cause?.code.startsWith('SALLY_UPSTREAM_') ? cause : error };
  }
}
