import { randomUUID } from 'node:crypto';
import type { Cancellation } from '../../cancel.js';
import { NameClash, NotOffered, type SallyError, UriShared } from '../../errors.js';
import { isAliasOf, looksLikeAlias } from '../../hooks/index.js';
import { type Kind, kinds } from '../../mcp/methods.js';
import { signalWithin } from '../../wait.js';
import type { SessionRequest, Upstream } from '../upstream.js';
import { isOfWithheldTemplate, isVisible, notThere } from './access.js';
import { listedKeys, type Offered } from './conditions.js';
import type { ForClient } from './context.js';
import { listWaitMs } from './list-waits.js';
import {
  canClash,
  findClashes,
  fullName,
  isShown,
  type Listing,
  mayHaveAlias,
  offeredAs,
  offerOf,
  qualifiedUri,
  type Target,
  targetsNamed,
} from './lists.js';
import { namesAt, readNames } from './read-lists.js';
import { templateMatcher } from './uris.js';

/** A list in which a name is missing is read again, unless it is younger than this: whoever asks for nonsense costs no more. */
const unknownAgeMs = 1_000;

/**
 * The upstreams that may have what this client calls `name`, the likeliest first. Of a tool or prompt it is one: where
 * the name alone leaves several, they are asked for their lists. Of a resource it is the one that lists it; else those
 * with a template that it fits; else the one whose results named it; else all of them, to be asked one after the other.
 *
 * Rejects with a SallyError where it is none's, or several's.
 */
export async function findTargets(
  kind: 'tools' | 'prompts' | 'resources',
  name: string,
  client: ForClient,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const { server } = client.context;
  if (server === undefined) return targetsAt(kind, name, client, signal);
  const renamed = server.renamed(kind, name);
  try {
    const targets = await targetsAt(kind, renamed?.name ?? name, client, signal);
    const offered = targets.flatMap((target) => {
      const { route } = target;
      // What has another name here does not go by its own.
      const as = offeredAs(kind, target.name, route.offer, server).find(({ as }) => as === renamed?.as);
      return as === undefined ? [] : [{ ...target, offered: as }];
    });
    if (offered.length > 0) return offered;
  } catch (error) {
    if (!NotOffered.is(error)) throw error;
  }
  throw NotOffered({ what: kinds[kind].what, name });
}

/** The same by the name that clients know at `/mcp`. */
async function targetsAt(
  kind: 'tools' | 'prompts' | 'resources',
  name: string,
  client: ForClient,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const { state, context } = client;
  if (kind !== 'resources' && looksLikeAlias(name)) {
    const aliased = await targetAliased(kind, name, client, signal);
    if (aliased !== undefined) return [aliased];
  }
  const named = targetsNamed(kind, name, context.routes);
  if (named.length === 0) throw NotOffered({ what: kinds[kind].what, name });
  if (context.access === undefined && named.length === 1) return named;
  if (kind !== 'resources') {
    const having = await whoHas(kind, named, client, signal);
    if (having.length === 0) notThere(kind, name, named, client);
    return [single(having, kind, name)];
  }
  const judged = context.access?.lock?.strict ? await readBefore(named, client, signal) : named;
  const candidates = context.access
    ? judged.filter((target) => isVisible(kind, target.name, target.route, client))
    : judged;
  if (candidates.length === 0) notThere(kind, name, named, client);
  if (candidates.length === 1) return candidates;
  const having = await whoHas(kind, candidates, client, signal);
  // Of several the first has the plain URI; those of the others say whose they are.
  if (having.length > 0) return having.slice(0, 1);
  const fitting = await whoseTemplateFits(candidates, name, client, signal);
  if (fitting.length > 0) return fitting;
  const namer = state.seen.get(name);
  const seen = candidates.filter(({ route }) => route.upstream === namer);
  return seen.length > 0 ? seen : candidates;
}

/**
 * Those of the candidates whose lists of resources and templates are known, and that the lock has nothing against: it judges by them.
 * Where no list is known, the first failure is thrown.
 */
async function readBefore(
  candidates: readonly Target[],
  client: ForClient,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const [resources, templates] = await Promise.all([
    namesOf('resources', candidates, client, signal),
    namesOf('templates', candidates, client, signal),
  ]);
  const failed = [...resources, ...templates].filter(({ names }) => names === undefined);
  const known = candidates.filter((one) => !failed.some(({ target }) => target === one));
  if (known.length === 0 && failed[0] !== undefined) throw failed[0].error;
  if (templates.every(({ names }) => !names?.size)) return known;
  const fits = await templateMatcher();
  return known.filter(({ route, name }) => !isOfWithheldTemplate(name, route, client, fits));
}

/** What an alias stands for, as the lists of those upstreams say whose it can be. Undefined where it is none, but a name. */
async function targetAliased(
  kind: 'tools' | 'prompts',
  alias: string,
  client: ForClient,
  signal: Cancellation,
): Promise<Target | undefined> {
  const candidates = client.context.routes
    .filter(({ offer }) => mayHaveAlias(kind, alias, offer))
    .map((route) => ({ route, name: '' }));
  for (const maxAgeMs of [undefined, unknownAgeMs]) {
    const asked = await namesOf(kind, candidates, client, signal, maxAgeMs);
    const all = asked.flatMap(({ target: { route }, names = [] }) =>
      [...names]
        .filter((name) => isShown(kind, name, route.offer))
        .map((name) => ({ route, name, full: fullName(kind, name, route.offer) })),
    );
    if (all.some(({ full }) => full === alias)) return undefined;
    const meant = all.filter(
      ({ full, name, route }) => isAliasOf(alias, full) && isVisible(kind, name, route, client),
    );
    if (meant.length > 0) return single(meant, kind, alias);
  }
  return undefined;
}

/** The upstream with exactly this template, for the completion of its variables. */
export async function findTemplate(
  template: string,
  client: ForClient,
  signal: Cancellation,
): Promise<Target | undefined> {
  const candidates = targetsNamed('templates', template, client.context.routes);
  if (client.context.access === undefined && candidates.length <= 1) return candidates[0];
  const having = await whoHas('templates', candidates, client, signal);
  return having[0];
}

function single(having: readonly Target[], kind: Kind, name: string): Target {
  const { what } = kinds[kind];
  const [one, ...others] = having;
  if (one === undefined) throw NotOffered({ what, name });
  if (others.length === 0) return one;
  throw NameClash({ what, name, upstreams: having.map(({ route }) => route.upstream.name) });
}

/**
 * Those of the candidates that list it, and that this client is shown. Where none does and some could not be asked, the first
 * failure is thrown. Whoever is not shown it waits no less than whoever asks for what there is not.
 */
async function whoHas(
  kind: Kind,
  candidates: readonly Target[],
  client: ForClient,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const has = ({ target: { name, route }, names }: Asked) =>
    names?.has(name) === true && isVisible(kind, name, route, client);
  let asked = await namesOf(kind, candidates, client, signal);
  if (!asked.some(has)) asked = await namesOf(kind, candidates, client, signal, unknownAgeMs);
  const having = asked.filter(has).map(({ target }) => target);
  const failed = asked.find(({ names }) => names === undefined);
  if (having.length === 0 && failed !== undefined && (kind === 'tools' || kind === 'prompts'))
    throw failed.error;
  return having;
}

async function whoseTemplateFits(
  candidates: readonly Target[],
  uri: string,
  client: ForClient,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const templateMatches = await templateMatcher();
  const asked = await namesOf('templates', candidates, client, signal);
  return asked
    .filter(({ target: { route }, names = [] }) =>
      [...names].some(
        (template) => templateMatches(template, uri) && isVisible('templates', template, route, client),
      ),
    )
    .map(({ target }) => target);
}

interface Asked {
  readonly target: Target;
  /** Undefined where the upstream sent no list in time. */
  readonly names: ReadonlySet<string> | undefined;
  readonly error?: unknown;
}

function namesOf(
  kind: Kind,
  candidates: readonly Target[],
  client: ForClient,
  signal: Cancellation,
  maxAgeMs?: number,
): Promise<readonly Asked[]> {
  return Promise.all(
    candidates.map(async (target): Promise<Asked> => {
      try {
        return { target, names: await namesAt(target.route.upstream, kind, client, signal, maxAgeMs) };
      } catch (error) {
        return { target, names: undefined, error };
      }
    }),
  );
}

/** The public names of which several upstreams have one. Those upstreams are asked whose names can meet, and no other. */
export async function clashingNames(
  kind: Kind,
  client: ForClient,
  signal: Cancellation,
): Promise<ReadonlySet<string>> {
  const { context } = client;
  const routes = context.routes;
  const meeting = routes.filter((one) =>
    routes.some((other) => other !== one && canClash(kind, one.offer, other.offer)),
  );
  const unnamed = meeting.map((route) => ({ route, name: '' }));
  const asked = await namesOf(kind, unnamed, client, signal);
  const listings = asked.map(({ target: { route }, names = [] }): Listing => {
    const visible = context.access
      ? [...names].filter((name) => isVisible(kind, name, route, client))
      : names;
    return { offer: route.offer, names: visible };
  });
  const clashes = findClashes(kind, listings);
  const { what, key } = kinds[kind];
  for (const { name, upstreams } of clashes) {
    if (key === 'name') context.sayOnce('error', NameClash({ what, name, upstreams }));
    else {
      const uris = upstreams.map((upstream) => qualifiedUri(upstream, name));
      context.sayOnce('warn', UriShared({ what, uri: name, upstreams, uris }));
    }
  }
  return new Set(clashes.map(({ name }) => name));
}

/**
 * The names of tools and prompts that several of these upstreams offer: for whoever starts them, and rather refuses
 * than leaves something out. An upstream without a response before the signal has no names. URIs are not looked at:
 * two servers of one kind have the same, and which of them is meant no prefix can say.
 */
export async function clashesAmong(
  upstreams: readonly Upstream[],
  signal: AbortSignal,
): Promise<SallyError[]> {
  const offered = await offeredBy(upstreams, signal);
  return listedKeys.flatMap((kind) => {
    const listings = upstreams.map(({ settings }, i): Listing => {
      return { offer: offerOf(settings, upstreams.length), names: offered[i]?.[kind] ?? [] };
    });
    return findClashes(kind, listings).map(({ name, upstreams }) =>
      NameClash({ what: kinds[kind].what, name, upstreams }),
    );
  });
}

/** The tools and prompts of upstreams, each read by a session that is let go of. One that does not answer has no lists. */
export async function offeredBy(
  upstreams: readonly Upstream[],
  signal: AbortSignal,
): Promise<readonly Offered[]> {
  const request: SessionRequest = {
    principal: 'sallyport',
    client: randomUUID(),
    capabilities: {},
    own: false,
    lent: true,
  };
  return Promise.all(
    upstreams.map(async (upstream): Promise<Offered> => {
      const read = async (kind: 'tools' | 'prompts') => {
        const session = await upstream.session(request, signal);
        const names = await readNames(session, kind, { signal: signalWithin(listWaitMs, signal) });
        // None at all is also what a list comes to that ended with an error.
        return names.size > 0 || session.capabilities[kind] === undefined ? names : undefined;
      };
      const [tools, prompts] = await Promise.allSettled([read('tools'), read('prompts')]);
      await upstream.release(request.client).catch(() => {});
      return {
        upstream: upstream.name,
        tools: tools.status === 'fulfilled' ? tools.value : undefined,
        prompts: prompts.status === 'fulfilled' ? prompts.value : undefined,
      };
    }),
  );
}
