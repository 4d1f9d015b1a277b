import { randomUUID } from 'node:crypto';
import type { PluginManager } from '../manager/index.js';
import type { Client } from '../mcp/router.js';
import { signalWithin } from '../wait.js';
import { type ListCounts, readNames } from './router/index.js';
import { type PartStatus, pluginStatus, upstreamStatus } from './status.js';
import type { Upstream, UpstreamLoad } from './upstream.js';

/** What a gateway has now: names, states and numbers. */
export interface GatewayFacts {
  readonly upstreams: readonly (Extract<PartStatus, { part: 'upstream' }> & {
    readonly transport: string;
    /** Since when it is in this state, in epoch milliseconds. */
    readonly sinceMs: number;
    readonly load: UpstreamLoad;
    /** How many entries its lists have, as far as anybody has read them. */
    readonly lists: ListCounts;
  })[];
  readonly plugins: readonly (Extract<PartStatus, { part: 'plugin' }> & { readonly kind: string })[];
  /** The clients that have sessions, each once for every session. */
  readonly sessions: Iterable<Pick<Client, 'era' | 'info' | 'identity'>>;
}

interface FactsDeps {
  readonly upstreams: () => readonly Upstream[];
  readonly plugins: () => PluginManager;
  /** The kinds of the plugins, by their names. */
  readonly kindOf: (plugin: string) => string;
  /** The lists that clients have asked for. */
  readonly lists: () => ReadonlyMap<string, ListCounts>;
  readonly sessions: () => GatewayFacts['sessions'];
}

const counted = ['tools', 'prompts', 'resources'] as const;
const readWithinMs = 30_000;

/** What looks at a gateway. The lists of an upstream that nobody has asked for yet are read once, each time that it comes up. */
export function createFacts({ upstreams, plugins, kindOf, lists, sessions }: FactsDeps): () => GatewayFacts {
  const read = new WeakMap<Upstream, { readonly since: number; lists: ListCounts }>();
  const listsOf = (upstream: Upstream): ListCounts => {
    const { state, since, look } = upstream;
    const known = read.get(upstream);
    if (state.kind !== 'up' || known?.since === since || look !== undefined) return known?.lists ?? {};
    const entry = { since, lists: known?.lists ?? {} };
    read.set(upstream, entry);
    readLists(upstream).then(
      (found) => {
        entry.lists = found;
      },
      () => {},
    );
    return entry.lists;
  };
  return () => {
    const asked = lists();
    return {
      upstreams: upstreams().map((upstream) => ({
        ...(upstreamStatus(upstream) as Extract<PartStatus, { part: 'upstream' }>),
        transport: upstream.settings.transport,
        sinceMs: Date.now() - (performance.now() - upstream.since),
        load: upstream.load,
        lists: { ...listsOf(upstream), ...asked.get(upstream.name) },
      })),
      plugins: plugins().plugins.map((plugin) => ({
        ...(pluginStatus(plugin) as Extract<PartStatus, { part: 'plugin' }>),
        kind: kindOf(plugin.name),
      })),
      sessions: sessions(),
    };
  };
}

async function readLists(upstream: Upstream): Promise<ListCounts> {
  const signal = signalWithin(readWithinMs);
  const client = randomUUID();
  const request = { principal: 'sallyport', client, capabilities: {}, own: false, lent: true } as const;
  const counts: Record<string, number> = {};
  try {
    const session = await upstream.session(request, signal);
    for (const kind of counted) counts[kind] = (await readNames(session, kind, { signal })).size;
  } finally {
    await upstream.release(client);
  }
  return counts;
}
