import { signalOf } from '../../cancel.js';
import { CursorInvalid, findSallyError, ListIncomplete, messageOf } from '../../errors.js';
import { parseJson } from '../../json/index.js';
import {
  isObject,
  type JsonObject,
  metaKeys,
  metaOf,
  type RpcResponse,
  withoutEnvelope,
} from '../../mcp/messages.js';
import { type ChangingList, type Kind, kinds } from '../../mcp/methods.js';
import type { Era } from '../../mcp/revisions.js';
import { signalWithin, unlessAborted } from '../../wait.js';
import { visibleEntries } from './access.js';
import { endsOf } from './call.js';
import type { ClientState } from './clients.js';
import type { Context, Routed } from './context.js';
import { clashingNames } from './find.js';
import { knownWaitMs } from './list-waits.js';
import { type Route, shownEntries } from './lists.js';
import { lateMs } from './read-lists.js';
import { errorResponse } from './responses.js';
import { fullNameKey } from './servers.js';
import { translateResponse } from './translate.js';

/** One upstream's page, or why there is none. */
type Page = AnsweredPage | MissingPage;

interface MissingPage {
  readonly route: Route;
  readonly error: unknown;
  /** It may still come, and clients are told then. */
  readonly late?: true;
}

interface AnsweredPage {
  readonly route: Route;
  readonly era: Era;
  readonly response: RpcResponse;
  /** Whether it is what was known, and not what the upstream says now. */
  readonly known?: true;
}

/** One page of a list: the next page of every upstream that has one, in the order of the configuration. */
export async function listPage(kind: Kind, routed: Routed): Promise<RpcResponse> {
  const { request, state, context } = routed;
  const { method, params, signal } = request;
  const place = params['cursor'] === undefined ? undefined : readCursor(params['cursor']);
  if (params['cursor'] !== undefined && place === undefined) return errorResponse(CursorInvalid({ method }));
  const routes = context.server?.offers(kind) === false ? [] : context.routes;
  const wanted = routesAt(routes, place);
  const pages = await Promise.all(wanted.map(({ route, cursor }) => pageOf(route, kind, cursor, routed)));
  if (signal.aborted) return errorResponse(signal.reason);
  const response = await pagesTogether(pages, kind, routed);
  if (kind === 'tools' && 'result' in response) keepSchemas(response.result['tools'], state);
  return response;
}

async function pagesTogether(pages: readonly Page[], kind: Kind, routed: Routed): Promise<RpcResponse> {
  const [only] = pages;
  const missing = pages.filter((page) => 'error' in page);
  const late = missing.some((page) => page.late);
  if (routed.context.routes.length === 1 && only !== undefined && !late) return onePage(only, kind, routed);
  const [first] = missing;
  if (first !== undefined && missing.length === pages.length && !late) return errorResponse(first.error);
  const clashing = await clashingNames(kind, routed, routed.request.signal);
  return { result: merged(pages, kind, clashing, routed) };
}

/** Arguments that headers repeat (`x-mcp-header`) are checked by what the client was shown. */
function keepSchemas(tools: unknown, { client, schemas }: ClientState): void {
  if (client.era !== 'modern' || !Array.isArray(tools)) return;
  for (const tool of tools as JsonObject[]) {
    const { inputSchema } = tool;
    if (!isObject(inputSchema)) continue;
    const repeated = JSON.stringify(inputSchema).includes('"x-mcp-header"');
    for (const name of [tool['name'], metaOf(tool)[fullNameKey]]) {
      if (typeof name !== 'string') continue;
      if (repeated) schemas.set(name, inputSchema);
      else schemas.delete(name);
    }
  }
}

function routesAt(routes: readonly Route[], place: Place | undefined) {
  if (place === undefined) return routes.map((route) => ({ route, cursor: undefined }));
  return place.flatMap(({ upstream, cursor }) => {
    const route = routes.find((one) => one.upstream.name === upstream);
    return route === undefined ? [] : [{ route, cursor }];
  });
}

/**
 * Never rejects. What is known stands in for an upstream that is slow, and nothing for one of which nothing is known; where its
 * response comes later, and is another, the client hears that the list has changed.
 */
async function pageOf(route: Route, kind: Kind, cursor: string | undefined, routed: Routed): Promise<Page> {
  const { request, state, context } = routed;
  const { upstream } = route;
  const alone = context.routes.length === 1;
  const kept = context.listOf(state, upstream, kind);
  const known = kept.page(cursor);
  const waitMs = known && !kept.outdated ? knownWaitMs : context.waits.of(upstream, kind).left;
  const given = signalOf(request.signal);
  const limit = signalWithin(waitMs, given);
  const work =
    waitMs === knownWaitMs
      ? askAside(route, kind, cursor, routed)
      : askPage(route, kind, cursor, routed, given);
  const standIn = (): Page | undefined =>
    known && { route, era: known.era, response: { result: known.result }, known: true };
  const { list } = kinds[kind];
  try {
    const page = await unlessAborted(work, limit);
    if (!('error' in page.response)) return page;
    // A cursor of the process before means nothing to the one of now.
    const before = cursor === undefined ? undefined : standIn();
    if (before !== undefined) return before;
    return alone ? page : leftOut(route, list, page.response.error.message, context);
  } catch (error) {
    if (request.signal.aborted) return { route, error };
    const late = limit.aborted;
    if (late) {
      const tell = () => {
        if (kept.page(cursor)?.digest !== known?.digest) state.announce([changesWith(kind)]);
      };
      work.then(tell, () => {});
    }
    const before = upstream.state.kind === 'down' ? undefined : standIn();
    if (before !== undefined) return before;
    if (!late) return alone ? { route, error } : leftOut(route, list, messageOf(error), context, error);
    const missing =
      waitMs === knownWaitMs
        ? leftOut(route, list, 'no answer yet', context, error)
        : leftOut(route, list, `no answer within ${Math.ceil(waitMs / 1000)} s`, context);
    return { ...missing, late };
  }
}

/** Asks where nobody will wait for it: who does not wait does not give it up either, and one that hangs is not asked twice. */
function askAside(
  route: Route,
  kind: Kind,
  cursor: string | undefined,
  routed: Routed,
): Promise<AnsweredPage> {
  const kept = routed.context.listOf(routed.state, route.upstream, kind);
  if (cursor !== undefined) return askPage(route, kind, cursor, routed, signalWithin(lateMs));
  kept.asking ??= askPage(route, kind, cursor, routed, signalWithin(lateMs)).finally(() => {
    kept.asking = undefined;
  });
  return kept.asking as Promise<AnsweredPage>;
}

/** Which list clients are told of where this one has changed. */
const changesWith = (kind: Kind): ChangingList => (kind === 'templates' ? 'resources' : kind);

/** Asks the upstream for a page, and keeps it. */
async function askPage(
  route: Route,
  kind: Kind,
  cursor: string | undefined,
  { request, state, context }: Routed,
  signal: AbortSignal,
): Promise<AnsweredPage> {
  const { upstream } = route;
  const { list, capability } = kinds[kind];
  const kept = context.listOf(state, upstream, kind);
  const ended = context.waits.of(upstream, kind).begin();
  try {
    const session = await context.sessions.of(state, upstream, { signal, identity: request.identity });
    const { era, capabilities } = session;
    const none = capabilities[capability] === undefined && context.routes.length > 1;
    const { cursor: _, ...params } = withoutEnvelope(request.params);
    const next = cursor === undefined ? params : { ...params, cursor };
    const response: RpcResponse = none
      ? { result: {} }
      : await session.request(list, next, { signal, from: request });
    ended('answered');
    if ('result' in response) context.kept.keep(kept, cursor, era, response.result);
    return { route, era, response };
  } catch (error) {
    ended(request.signal.aborted || state.gone ? 'given up' : 'failed');
    throw error;
  }
}

function leftOut(
  route: Route,
  method: string,
  detail: string,
  { log }: Context,
  error?: unknown,
): MissingPage {
  const incomplete = ListIncomplete({ upstream: route.upstream.name, method, detail });
  const known = findSallyError(error);
  // That an upstream is down was said when it went, and that it hangs to the first who waited.
  const level = error === undefined ? 'warn' : 'debug';
  log[level]({ code: incomplete.code, remedy: incomplete.remedy }, incomplete.message);
  return { route, error: known ?? incomplete };
}

/** With one upstream its response is the list: errors and unknown fields too. */
function onePage(page: Page, kind: Kind, routed: Routed): RpcResponse {
  const { request, context } = routed;
  if ('error' in page) return errorResponse(page.error);
  const { route, era, response, known } = page;
  const ends = endsOf(request, route.upstream, { era }, context);
  if ('error' in response) return translateResponse(response, ends);
  const { entries } = kinds[kind];
  const result: JsonObject = {
    ...(context.access?.lock?.strict ? ofList(response.result) : response.result),
    ...(known && response.result['ttlMs'] !== undefined && { ttlMs: 0 }),
    [entries]: shownEntries(
      kind,
      visibleEntries(kind, response.result[entries], route, routed),
      route.offer,
      new Set(),
    ),
  };
  if (typeof result['nextCursor'] === 'string') {
    result['nextCursor'] = writeCursor([{ upstream: route.upstream.name, cursor: result['nextCursor'] }]);
  }
  return translateResponse({ result }, ends);
}

/** What of a list is none of its entries, as MCP has it: nobody has locked anything else. */
function ofList({ nextCursor, resultType, ttlMs, cacheScope }: JsonObject): JsonObject {
  const known = Object.entries({ nextCursor, resultType, ttlMs, cacheScope });
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

function merged(
  pages: readonly Page[],
  kind: Kind,
  clashing: ReadonlySet<string>,
  routed: Routed,
): JsonObject {
  const { request, context } = routed;
  const { entries } = kinds[kind];
  const place: { upstream: string; cursor: string }[] = [];
  const all: JsonObject[] = [];
  let ttlMs = Number.POSITIVE_INFINITY;
  let open = true;
  for (const page of pages) {
    if ('error' in page || 'error' in page.response) {
      ttlMs = 0;
      continue;
    }
    const { route, era, response, known } = page;
    const translated = translateResponse(response, endsOf(request, route.upstream, { era }, context));
    const { result } = translated as { readonly result: JsonObject };
    const visible = visibleEntries(kind, result[entries], route, routed);
    all.push(...shownEntries(kind, visible, route.offer, clashing));
    const { nextCursor: cursor } = result;
    if (typeof cursor === 'string') place.push({ upstream: route.upstream.name, cursor });
    ttlMs = known ? 0 : Math.min(ttlMs, Number(result['ttlMs'] ?? 0));
    open = open && result['cacheScope'] === 'public';
  }
  const hints = { ttlMs: Number.isFinite(ttlMs) ? ttlMs : 0, cacheScope: open ? 'public' : 'private' };
  const list = { [entries]: all, ...(place.length > 0 && { nextCursor: writeCursor(place) }) };
  if (request.client.era === 'legacy') return list;
  return {
    resultType: 'complete',
    ...list,
    ...hints,
    _meta: { [metaKeys.serverInfo]: context.serverInfo },
  };
}

/** Where a list goes on: at which upstreams, each with its own cursor; none where its list has not begun. */
export type Place = readonly { readonly upstream: string; readonly cursor?: string }[];

/** More is none of ours: an upstream's cursors are short, and there are few upstreams. */
const maxLength = 16_384;

export function writeCursor(place: Place): string {
  return Buffer.from(
    JSON.stringify(place.map(({ upstream, cursor }) => [upstream, cursor ?? null])),
  ).toString('base64url');
}

/** Undefined for what was not written here. It is a client's word: the upstreams named in it may not exist. */
export function readCursor(cursor: unknown): Place | undefined {
  if (typeof cursor !== 'string' || cursor.length > maxLength) return undefined;
  let value: unknown;
  try {
    value = parseJson(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const place = value.flatMap((one: unknown) => {
    if (!Array.isArray(one) || one.length !== 2 || typeof one[0] !== 'string') return [];
    if (one[1] === null) return [{ upstream: one[0] }];
    return typeof one[1] === 'string' ? [{ upstream: one[0], cursor: one[1] }] : [];
  });
  const distinct = new Set(place.map(({ upstream }) => upstream));
  return place.length === value.length && distinct.size === place.length ? place : undefined;
}
