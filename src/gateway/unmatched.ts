import type { SallyError } from '../errors.js';
import { needsLists, offeredBy, unmatchedConditions } from './router/index.js';
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
