import { type Cancellation, signalOf } from '../../cancel.js';
import { NameClash, NotOffered } from '../../errors.js';
import { signalWithin } from '../../http/index.js';
import { type Kind, kinds } from '../../mcp/methods.js';
import type { UpstreamSession } from '../upstream.js';
import { offered } from './catalog.js';
import type { ClientState } from './client-state.js';
import type { Context, Route } from './context.js';
import { ownName, uriOffered } from './names.js';
import { templateMatches } from './uris.js';
import { listWaitMs } from './waiting.js';

/** A list in which a name is missing is read again, unless it is younger than this: whoever asks for nonsense costs no more. */
const unknownAgeMs = 1_000;

/** Where a request goes, and what its subject is called there. */
export interface Target {
  readonly route: Route;
  readonly name: string;
}

/**
 * The upstream whose tool or prompt this is. Where the name alone leaves several, they are asked for their lists.
 * Rejects with a SallyError where it is none's, or several's.
 */
export async function findNamed(
  kind: 'tools' | 'prompts',
  name: string,
  state: ClientState,
  context: Context,
  signal: Cancellation,
): Promise<Target> {
  const candidates = context.routes().flatMap((route): Target[] => {
    const own = ownName(route.offer, name);
    return own !== undefined && offered(kind, route.offer, own) ? [{ route, name: own }] : [];
  });
  const [only] = candidates;
  if (only === undefined) throw NotOffered({ what: kinds[kind].what, name });
  if (candidates.length === 1) return only;
  const having = await whoHas(kind, candidates, state, context, signal);
  return single(having, kind, name);
}

/**
 * The upstreams that may have this resource, the likeliest first: the one that lists it; else those with a template
 * that it fits; else the one whose results named it; else all of them, to be asked one after the other.
 */
export async function findResource(
  uri: string,
  state: ClientState,
  context: Context,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const candidates = context
    .routes()
    .filter(({ offer }) => uriOffered(offer, uri))
    .map((route): Target => ({ route, name: uri }));
  if (candidates.length === 0) throw NotOffered({ what: 'resource', name: uri });
  if (candidates.length === 1) return candidates;
  const listing = await whoHas('resources', candidates, state, context, signal);
  if (listing.length > 0) return [single(listing, 'resources', uri)];
  const fitting = await whoseTemplateFits(candidates, uri, state, context, signal);
  if (fitting.length > 0) return fitting;
  const named = state.seen.get(uri);
  const seen = candidates.filter(({ route }) => route.upstream === named);
  return seen.length > 0 ? seen : candidates;
}

/** The upstream with exactly this template, for the completion of its variables. */
export async function findTemplate(
  template: string,
  state: ClientState,
  context: Context,
  signal: Cancellation,
): Promise<Target | undefined> {
  const candidates = context
    .routes()
    .filter(({ offer }) => offered('templates', offer, template))
    .map((route): Target => ({ route, name: template }));
  if (candidates.length <= 1) return candidates[0];
  const having = await whoHas('templates', candidates, state, context, signal);
  return having.length === 0 ? undefined : single(having, 'templates', template);
}

function single(having: readonly Target[], kind: Kind, name: string): Target {
  const { what } = kinds[kind];
  const [one, ...others] = having;
  if (one === undefined) throw NotOffered({ what, name });
  if (others.length === 0) return one;
  throw NameClash({ what, name, upstreams: having.map(({ route }) => route.upstream.name) });
}

/** Those of the candidates that list it. Where none does and some could not be asked, the first failure is the answer. */
async function whoHas(
  kind: Kind,
  candidates: readonly Target[],
  state: ClientState,
  context: Context,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const has = ({ target, names }: Asked) => names?.has(target.name) ?? false;
  let asked = await listsOf(kind, candidates, state, context, signal);
  if (!asked.some(has)) asked = await listsOf(kind, candidates, state, context, signal, unknownAgeMs);
  const having = asked.filter(has).map(({ target }) => target);
  const failed = asked.find(({ names }) => names === undefined);
  if (having.length === 0 && failed !== undefined && (kind === 'tools' || kind === 'prompts'))
    throw failed.error;
  return having;
}

async function whoseTemplateFits(
  candidates: readonly Target[],
  uri: string,
  state: ClientState,
  context: Context,
  signal: Cancellation,
): Promise<readonly Target[]> {
  const asked = await listsOf('templates', candidates, state, context, signal);
  const fitting = asked.flatMap(({ target, names }) =>
    [...(names ?? [])]
      .filter(
        (template) => offered('templates', target.route.offer, template) && templateMatches(template, uri),
      )
      .map((template) => ({ target, template })),
  );
  const counts = new Map<string, number>();
  for (const { template } of fitting) counts.set(template, (counts.get(template) ?? 0) + 1);
  const clear = fitting.filter(({ template }) => counts.get(template) === 1);
  const [first] = fitting;
  if (clear.length > 0 || first === undefined) return [...new Set(clear.map(({ target }) => target))];
  const upstreams = [...new Set(fitting.map(({ target }) => target.route.upstream.name))];
  throw NameClash({ what: kinds.templates.what, name: first.template, upstreams });
}

interface Asked {
  readonly target: Target;
  /** Undefined where the upstream did not answer in time. */
  readonly names: ReadonlySet<string> | undefined;
  readonly error?: unknown;
}

function listsOf(
  kind: Kind,
  candidates: readonly Target[],
  state: ClientState,
  { sessions, index }: Context,
  signal: Cancellation,
  maxAgeMs?: number,
): Promise<readonly Asked[]> {
  const limit = signalWithin(listWaitMs, signalOf(signal));
  return Promise.all(
    candidates.map(async (target): Promise<Asked> => {
      try {
        const session: UpstreamSession = await sessions.of(state, target.route.upstream, limit);
        return { target, names: await index.names(session, kind, limit, maxAgeMs) };
      } catch (error) {
        return { target, names: undefined, error };
      }
    }),
  );
}
