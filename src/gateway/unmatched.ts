import type { GatewayConfig } from '../config/index.js';
import type { SallyError } from '../errors.js';
import { needsLists, offeredBy, unmatchedConditions, unmatchedServers } from './router/index.js';
import type { Upstream } from './upstream.js';

type Plugins = Parameters<typeof unmatchedConditions>[0];

/**
 * The conditions of plugins that no call to these upstreams can meet, and the names in virtual servers that none of them offers; their
 * lists are read only where something is about them.
 */
export async function unmatchedAt(
  plugins: Plugins,
  { servers, toolNames }: Pick<GatewayConfig['gateway'], 'servers' | 'toolNames'>,
  upstreams: readonly Upstream[],
  signal: AbortSignal,
): Promise<readonly SallyError[]> {
  const needed = servers.length > 0 || needsLists(plugins);
  const offered = needed ? await offeredBy(upstreams, signal) : upstreams.map(namedOnly);
  const settings = upstreams.map((upstream) => upstream.settings);
  return [
    ...unmatchedConditions(plugins, offered),
    ...unmatchedServers(servers, settings, offered, toolNames),
  ];
}

const namedOnly = ({ name: upstream }: { readonly name: string }) => ({
  upstream,
  tools: undefined,
  prompts: undefined,
});
