import type { PluginsConfig } from '../config/index.js';
import type { SallyError } from '../errors.js';
import { silentLogger } from '../log.js';
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

/**
 * The same of a configuration that no gateway runs with: its upstreams are opened for it where their lists are read, and
 * closed again.
 */
export async function unmatchedIn(
  { plugins, gateway }: PluginsConfig,
  signal: AbortSignal,
): Promise<readonly SallyError[]> {
  const conditional = plugins.map(({ name, mode = 'enforce', conditions = [] }) => ({
    name,
    mode,
    conditions,
  }));
  if (gateway === undefined) return [];
  if (!needsLists(conditional)) return unmatchedConditions(conditional, gateway.upstreams.map(namedOnly));
  const deps = { log: silentLogger, version: packageVersion() };
  const upstreams = gateway.upstreams.map((settings) => openUpstream(settings, deps));
  try {
    return await unmatchedAt(conditional, upstreams, signal);
  } finally {
    await Promise.allSettled(upstreams.map((upstream) => upstream.close()));
  }
}
