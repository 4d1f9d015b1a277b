import { randomUUID } from 'node:crypto';
import { isLoopback } from '../config/index.js';
import type { PluginManager } from '../manager/index.js';
import type { Client } from '../mcp/router.js';
import { signalWithin } from '../wait.js';
import { type ListCounts, readNames } from './router/index.js';
import { type PartStatus, pluginStatus, upstreamStatus } from './status.js';
import type { LockWatch } from './tools-lock/index.js';
import type { Upstream, UpstreamLoad, UpstreamSession } from './upstream.js';

/** What a gateway has now: names, states and numbers. */
export interface GatewayFacts {
  readonly upstreams: readonly (Extract<PartStatus, { part: 'upstream' }> & {
    readonly transport: string;
    /** Since when it is in this state, in epoch milliseconds. */
    readonly sinceMs: number;
    readonly load: UpstreamLoad;
    /** How many entries its lists have, as far as anybody has read them. */
    readonly lists: ListCounts;
    /** What it listed and is not as it was locked; empty without a lock. */
    readonly differing: readonly { readonly change: string; readonly what: string; readonly name: string }[];
  })[];
  /** The lock on tools that is held to: whether it withholds, and the options that lead to it. */
  readonly lock?: { readonly strict: boolean; readonly options: string };
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
  /** The lock on tools, where there is one. */
  readonly lock: () => LockWatch | undefined;
}

const counted = ['tools', 'prompts', 'resources'] as const;
const readWithinMs = 30_000;
/** How often an upstream over HTTP is asked whether it is there while nobody calls it: one of this machine, and any other. */
const pingEveryMs = { here: 1_000, elsewhere: 30_000 } as const;
const pingWithinMs = 5_000;

/** What looks at a gateway. The lists of an upstream that nobody has asked for yet are read once, each time that it comes up. */
export function createFacts({
  upstreams,
  plugins,
  kindOf,
  lists,
  sessions,
  lock,
}: FactsDeps): () => GatewayFacts {
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
  const pinged = new WeakMap<Upstream, number>();
  const ping = (upstream: Upstream) => {
    const { settings, state, load, look } = upstream;
    if (settings.transport !== 'http' || state.kind !== 'up' || look !== undefined || load.running > 0)
      return;
    const here = settings.uds !== undefined || isLoopback(settings.url.hostname);
    const now = performance.now();
    if (now - (pinged.get(upstream) ?? 0) < pingEveryMs[here ? 'here' : 'elsewhere']) return;
    pinged.set(upstream, now);
    // It is told of by its state.
    withSession(upstream, pingWithinMs, (session, signal) =>
      session.request(session.era === 'modern' ? 'server/discover' : 'ping', undefined, { signal }),
    ).catch(() => {});
  };
  return () => {
    const asked = lists();
    upstreams().forEach(ping);
    const watch = lock();
    const differing = watch?.differing() ?? [];
    return {
      ...(watch && { lock: { strict: watch.strict, options: watch.options } }),
      upstreams: upstreams().map((upstream) => ({
        ...(upstreamStatus(upstream) as Extract<PartStatus, { part: 'upstream' }>),
        transport: upstream.settings.transport,
        sinceMs: Date.now() - (performance.now() - upstream.since),
        load: upstream.load,
        lists: { ...listsOf(upstream), ...asked.get(upstream.name) },
        differing: differing.filter((one) => one.upstream === upstream.name),
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
  return withSession(upstream, readWithinMs, async (session, signal) => {
    const counts: Record<string, number> = {};
    for (const kind of counted) counts[kind] = (await readNames(session, kind, { signal })).size;
    return counts;
  });
}

/** Does `work` with a session that is let go of. */
async function withSession<T>(
  upstream: Upstream,
  withinMs: number,
  work: (session: UpstreamSession, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = signalWithin(withinMs);
  const client = randomUUID();
  const request = { principal: 'sallyport', client, capabilities: {}, own: false, lent: true } as const;
  try {
    return await work(await upstream.session(request, signal), signal);
  } finally {
    await upstream.release(client).catch(() => {});
  }
}
