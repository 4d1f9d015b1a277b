import { AccessDenied, ApprovalNeeded, NotOffered } from '../../errors.js';
import type { JsonObject, RpcError } from '../../mcp/messages.js';
import { type Kind, kinds } from '../../mcp/methods.js';
import { type DecisionInput, type SubjectKind, strictest, type Verdict } from '../../policy/index.js';
import type { Access } from '../access.js';
import type { Wanted } from '../approvals/question.js';
import type { Identity } from '../client.js';
import type { Context, ForClient, Routed } from './context.js';
import { entryName, isShown, publicName, type Route, type Target } from './lists.js';
import { isResourceNotFound } from './translate.js';
import { uriForms } from './uris.js';

/**
 * What a client may see and use: the one place that decides it. Lists, calls, reads, completions, subscriptions, aliases,
 * templates, tasks and the rounds of a call all ask here, and what may not be seen is not there. In order: how the route offers it
 * (the patterns of its upstream), the lock, the rules.
 */

const allowed: Verdict = { kind: 'allow' };
const withheld: Verdict = { kind: 'deny', by: 'tools lock' };
/** What lets an upstream decide by a list what is there: without it nobody can say what a name stands for. */
const listedKinds: ReadonlySet<Kind> = new Set(['tools', 'prompts', 'templates']);
const unlisted: Verdict = { kind: 'deny', by: 'no list has it' };

const subjectKinds = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  templates: 'template',
} as const satisfies Record<Kind, SubjectKind>;

/** What an entry of a list is there for. */
const uses = {
  tools: 'tools/call',
  prompts: 'prompts/get',
  resources: 'resources/read',
  templates: 'resources/read',
} as const satisfies Record<Kind, string>;

/** How something is used; absent parts are those of an entry in a list. */
interface Use {
  readonly method?: string;
  readonly args?: JsonObject | undefined;
}

/** The entries of a list that this client is shown, as the upstream has them. */
export function visibleEntries(kind: Kind, entries: unknown, route: Route, client: ForClient): unknown {
  const { access } = client.context;
  if (access === undefined || !Array.isArray(entries)) return entries;
  return entries.filter((entry: unknown) => {
    const name = entryName(kind, entry);
    return name === undefined || shows(judgeOne(access, kind, name, route, client, entry as JsonObject));
  });
}

/**
 * Whether this client is shown what the upstream calls `name`, as far as the upstream's list is known: whoever needs it has had it
 * read before. A tool, prompt or template that no list has is not there.
 */
export function isVisible(kind: Kind, name: string, route: Route, client: ForClient): boolean {
  return isShown(kind, name, route.offer) && shows(judge(kind, name, route, client));
}

/** What is decided of a use of what the upstream calls `name`. Without rules and lock all is allowed. */
function judge(kind: Kind, name: string, route: Route, client: ForClient, use: Use = {}): Verdict {
  const { state, context } = client;
  const { access } = context;
  if (access === undefined) return allowed;
  const listed = context.listOf(state, route.upstream, kind).entries(name);
  if (listed.length === 0)
    return listedKinds.has(kind) ? unlisted : judgeOne(access, kind, name, route, client, undefined, use);
  // Two entries of one name: nobody can say which of them the model has read.
  return listed
    .map((entry) => judgeOne(access, kind, name, route, client, entry, use))
    .reduce((one, other) => strictest(one, other));
}

/** As `permitOrAsk`, of what nobody is asked about: it does not pass then. @throws SallyError */
export function permit(kind: Kind, target: Target, routed: Routed, use: Required<Use>): void {
  const asked = permitOrAsk(kind, target, routed, use);
  if (asked === undefined) return;
  const known = publicName(kind, target.name, target.route.offer);
  throw ApprovalNeeded({ what: kinds[kind].what, name: known, ...reasonOf(asked) });
}

/**
 * Whether all templates that a URI fits are withheld: what they stand for is not there either. As far as the lists are known; a
 * resource that is listed itself is judged as that.
 */
export function isOfWithheldTemplate(
  uri: string,
  { upstream }: Route,
  { state, context }: ForClient,
  fits: (template: string, uri: string) => boolean,
): boolean {
  const { lock } = context.access ?? {};
  if (lock?.strict !== true || context.listOf(state, upstream, 'resources').entries(uri).length > 0)
    return false;
  const list = context.listOf(state, upstream, 'templates');
  const forms = uriForms(uri);
  const fitting = [...(list.names?.names ?? [])].filter((template) =>
    forms.some((form) => fits(template, form)),
  );
  const isWithheld = (entry: JsonObject) => lock.state('templates', upstream.name, entry) === 'withheld';
  return fitting.length > 0 && fitting.every((template) => list.entries(template).some(isWithheld));
}

/**
 * Lets a use pass, or throws what the client is told of it: where it may not even see it, that there is no such thing. Returns what
 * a person is to be asked before it passes.
 *
 * @throws SallyError
 */
export function permitOrAsk(
  kind: Kind,
  { route, name }: Target,
  routed: Routed,
  use: Required<Use>,
): Wanted | undefined {
  const { context, request } = routed;
  const { access } = context;
  if (access === undefined) return undefined;
  const verdict = judge(kind, name, route, routed, use);
  if (verdict.kind === 'allow') return undefined;
  if (verdict.kind === 'ask' && context.approvals.current !== undefined) {
    const { by: source, reason = 'a rule wants it', ways } = verdict;
    return { source, reason, ...(ways && { by: ways }) };
  }
  if (verdict !== unlisted)
    request.observed?.decided?.({ ...verdict, upstream: route.upstream.name, target: name });
  const { what } = kinds[kind];
  const known = publicName(kind, name, route.offer);
  if (verdict.kind === 'ask') throw ApprovalNeeded({ what, name: known, ...reasonOf(verdict) });
  if (access.rules?.open !== true && !isVisible(kind, name, route, routed))
    throw NotOffered({ what, name: known });
  throw AccessDenied({ what, name: known, ...reasonOf(verdict) });
}

/** Lets a method pass that is about nothing that is listed, or throws that there is none. */
export function permitMethod(routed: Routed, upstream: string): void {
  const { context, request } = routed;
  const { rules } = context.access ?? {};
  if (rules === undefined) return;
  const { method } = request;
  const verdict = rules.decide({ caller: callerOf(routed), method, upstream, args: {} });
  if (verdict.kind === 'allow') return;
  request.observed?.decided?.({ ...verdict, upstream });
  throw AccessDenied({ what: 'method', name: method, ...reasonOf(verdict) });
}

/**
 * Whether an upstream's own words for a resource that it does not have would tell what is hidden from what is not there.
 */
export function hidesMissing(kind: Kind, error: RpcError, { access }: Pick<Context, 'access'>): boolean {
  return kind === 'resources' && access?.rules?.open === false && isResourceNotFound(error);
}

/**
 * Says that there is no such thing: to the client, and why to whoever watches, where it is there for others.
 *
 * @throws SallyError
 */
export function notThere(kind: Kind, name: string, candidates: readonly Target[], client: ForClient): never {
  const { what } = kinds[kind];
  const { access } = client.context;
  for (const { route, name: there } of access ? candidates : []) {
    const verdict = judge(kind, there, route, client);
    if (verdict.kind !== 'deny' || verdict === unlisted) continue;
    client.request?.observed?.decided?.({ ...verdict, upstream: route.upstream.name, target: there });
    if (access?.rules?.open === true) throw AccessDenied({ what, name, ...reasonOf(verdict) });
  }
  throw NotOffered({ what, name });
}

const shows = ({ kind }: Verdict) => kind !== 'deny';
const reasonOf = ({ reason = '' }: { readonly reason?: string | undefined }) => ({ reason });

function judgeOne(
  { lock, rules }: Access,
  kind: Kind,
  name: string,
  route: Route,
  client: ForClient,
  listed: JsonObject | undefined,
  use: Use = {},
): Verdict {
  const { upstream, offer } = route;
  const state = listed && lock ? lock.state(kind, upstream.name, listed) : 'open';
  if (state === 'withheld') return withheld;
  if (rules === undefined) return allowed;
  const input = (form: string): DecisionInput => ({
    caller: callerOf(client),
    method: use.method ?? uses[kind],
    upstream: upstream.name,
    subject: {
      kind: subjectKinds[kind],
      name: form,
      publicName: publicName(kind, name, offer),
      listed,
      locked: state === 'locked',
    },
    args: use.args,
  });
  if (kind !== 'resources') return rules.decide(input(name));
  // The upstream may read any spelling of a URI: the strictest verdict on them counts.
  return uriForms(name)
    .map((form) => rules.decide(input(form)))
    .reduce((one, other) => strictest(one, other));
}

function callerOf({ state, request }: ForClient): DecisionInput['caller'] {
  const { client } = state;
  const identity: Identity = request?.identity ?? client.identity;
  const { name, version } = client.info;
  return {
    user: identity.user,
    groups: identity.groups ?? [],
    tenant: identity.tenant,
    method: identity.method,
    claims: identity.token ?? {},
    client: {
      name: typeof name === 'string' ? name : '',
      version: typeof version === 'string' ? version : '',
    },
    server: client.server ?? '',
  };
}
