import type { GatewayFacts } from '../gateway/index.js';
import { bounded } from '../telemetry/index.js';
import { namedClient } from './collector.js';
import type { PluginFacts, UpstreamFacts } from './facts.js';
import type { OpenSessions } from './ledger.js';

/** What one process has open, as JSON. */
export interface Parts {
  readonly upstreams: readonly UpstreamPart[];
  readonly plugins: readonly PluginPart[];
  readonly sessions: readonly OpenSessions[];
}

type UpstreamPart = Omit<UpstreamFacts, 'calls' | 'failed'>;
type PluginPart = Omit<PluginFacts, 'calls' | 'blocked' | 'failed'>;

/** More groups of sessions than are shown of clients. */
const mostSessions = 1_000;

/** What `facts` come to: sessions by whose they are. */
export function partsOf({ upstreams, plugins, sessions, lock }: GatewayFacts): Parts {
  const open = new Map<string, OpenSessions>();
  for (const { era, info, identity } of sessions) {
    const { user, tenant } = identity;
    const whose = { user, tenant, ...namedClient(info), era };
    const key = JSON.stringify(whose);
    const before = open.get(key)?.sessions ?? 0;
    if (before > 0 || open.size < mostSessions) open.set(key, { ...whose, sessions: before + 1 });
  }
  return {
    upstreams: upstreams.map(
      ({ name, transport, state, sinceMs, reason, remedy, lists, load, differing }) => ({
        name,
        transport,
        state,
        // Two clocks that are never read at the same time: in milliseconds it would be another each time.
        since: new Date(Math.round(sinceMs / 1000) * 1000).toISOString(),
        ...(reason !== undefined && { error: reason }),
        ...(remedy !== undefined && { remedy }),
        ...(lock && differing.length > 0 && differs(differing, lock, remedy === undefined)),
        tools: lists.tools ?? 0,
        prompts: lists.prompts ?? 0,
        resources: lists.resources ?? 0,
        inFlight: load.running,
      }),
    ),
    plugins: plugins.map(({ name, kind, mode, hooks, state, reason, remedy }) => ({
      name,
      kind,
      mode,
      hooks,
      state,
      ...(reason !== undefined && { error: reason }),
      ...(remedy !== undefined && { remedy }),
    })),
    sessions: [...open.values()],
  };
}

/** Of one upstream so many entries are named that are not as they were locked. */
const mostDiffering = 50;

/** What an upstream offers beside what is locked; and what to do, where nothing worse is the matter with it. */
function differs(
  all: GatewayFacts['upstreams'][number]['differing'],
  { strict, options }: NonNullable<GatewayFacts['lock']>,
  isWorst: boolean,
) {
  const count = `${all.length} ${all.length === 1 ? 'entry is' : 'entries are'} not as locked`;
  return {
    ...(isWorst && {
      error: `${count}: ${strict ? 'withheld from clients' : 'clients have them all the same'}`,
      remedy: `sallyport tools diff ${options}`,
    }),
    differing: all
      .slice(0, mostDiffering)
      .map(({ change, what, name }) => bounded(`${what} ${name}: ${change}`)),
  };
}

/** The states that are worse than being there, the worst first. */
const badFirst = ['down', 'away', 'unreachable', 'connecting'];
const badness = ({ state }: { readonly state: string }) => {
  const at = badFirst.indexOf(state);
  return at === -1 ? badFirst.length : at;
};

/** What several processes have open, as one: of each part the worst state that any of them sees. */
export function mergeParts(all: readonly Parts[]): Parts {
  const upstreams = byName(all.map((parts) => parts.upstreams)).map((views) => {
    const most = (key: 'tools' | 'prompts' | 'resources') => Math.max(...views.map((view) => view[key]));
    const inFlight = views.reduce((sum, view) => sum + view.inFlight, 0);
    const all = [...new Set(views.flatMap(({ differing = [] }) => differing))].slice(0, mostDiffering);
    const counts = {
      ...(all.length > 0 && { differing: all }),
      tools: most('tools'),
      prompts: most('prompts'),
      resources: most('resources'),
    };
    return { ...worst(views), ...counts, inFlight };
  });
  const plugins = byName(all.map((parts) => parts.plugins)).map(worst);
  return { upstreams, plugins, sessions: all.flatMap(({ sessions }) => sessions) };
}

function byName<T extends { readonly name: string }>(lists: readonly (readonly T[])[]): readonly T[][] {
  const views = new Map<string, T[]>();
  for (const one of lists.flat()) {
    const known = views.get(one.name);
    if (known === undefined) views.set(one.name, [one]);
    else known.push(one);
  }
  return [...views.values()];
}

function worst<T extends { readonly state: string }>(views: readonly T[]): T {
  return views.reduce((a, b) => (badness(b) < badness(a) ? b : a));
}
