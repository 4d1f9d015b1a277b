import { type Cancellation, signalOf } from '../../cancel.js';
import type { RequestOptions } from '../../mcp/client/session.js';
import { codes, type JsonObject, type RpcResponse } from '../../mcp/messages.js';
import { type Kind, kinds } from '../../mcp/methods.js';
import { signalWithin, unlessAborted } from '../../wait.js';
import type { Upstream, UpstreamSession } from '../upstream.js';
import type { ForClient } from './context.js';
import { knownWaitMs } from './list-waits.js';
import { entryName } from './lists.js';

/** An upstream that changes its lists without a word is asked again after this. */
const freshMs = 30_000;
/** What nobody waits for any more may still come within this. */
export const lateMs = 120_000;
/** What is beyond is not looked at: a list that never ends must not fill the memory. */
const maxNames = 20_000;
const maxPages = 200;

/**
 * The names of a list, for routing where names do not say where to: those that are known, where they are younger than
 * `maxAgeMs`. Rejects where none are known and the upstream sends no response in time.
 */
export async function namesAt(
  upstream: Upstream,
  kind: Kind,
  client: ForClient,
  signal: Cancellation,
  maxAgeMs: number = freshMs,
): Promise<ReadonlySet<string>> {
  const { context, state } = client;
  const kept = context.listOf(state, upstream, kind);
  const known = kept.outdated ? undefined : kept.names;
  if (known !== undefined && performance.now() - known.at < maxAgeMs) return known.names;
  const waitMs = known === undefined ? context.waits.of(upstream, kind).left : knownWaitMs;
  // Not aborted with the request that came first: others wait for the same list.
  kept.reading ??= readKept(upstream, kind, client).finally(() => {
    kept.reading = undefined;
  });
  try {
    return await unlessAborted(kept.reading, signalWithin(waitMs, signalOf(signal)));
  } catch (error) {
    // What an upstream has that is down is not offered, but its URIs are not another's for that.
    const gone = upstream.state.kind === 'down' && kinds[kind].key === 'name';
    if (signal.aborted || gone || kept.names === undefined) throw error;
    return kept.names.names;
  }
}

async function readKept(
  upstream: Upstream,
  kind: Kind,
  { state, context, request }: ForClient,
): Promise<ReadonlySet<string>> {
  const kept = context.listOf(state, upstream, kind);
  const signal = signalWithin(lateMs);
  const ended = context.waits.of(upstream, kind).begin();
  try {
    const session = await context.sessions.of(state, upstream, { signal, identity: request?.identity });
    const names = await readNames(session, kind, { signal, from: request }, (cursor, result) =>
      context.kept.keep(kept, cursor, session.era, result),
    );
    ended('answered');
    return names;
  } catch (error) {
    ended(state.gone ? 'given up' : 'failed');
    throw error;
  }
}

/** The names in one list of a session's upstream, as far as it gives them. Rejects where it sends no response. */
export async function readNames(
  session: UpstreamSession,
  kind: Kind,
  options: RequestOptions,
  onPage: (cursor: string | undefined, result: JsonObject) => void = () => {},
): Promise<ReadonlySet<string>> {
  const { list, entries, capability } = kinds[kind];
  const names = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < maxPages && names.size < maxNames; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const response: RpcResponse =
      session.capabilities[capability] === undefined
        ? { result: {} }
        : await session.request(list, params, options);
    // An error ends the list, as far as it was given.
    const result = 'error' in response ? {} : response.result;
    onPage(cursor, result);
    for (const entry of Array.isArray(result[entries]) ? result[entries] : []) {
      const name = entryName(kind, entry);
      if (name !== undefined) names.add(name);
    }
    const { nextCursor } = result;
    if (typeof nextCursor !== 'string') break;
    cursor = nextCursor;
  }
  return names;
}

/**
 * All entries of one list, by the names that the upstream has for them, in its order. Rejects with what `failed` makes of the reason
 * where the list is not to be had whole: unlike for a client, who is shown what there is.
 */
export async function readEntries(
  session: UpstreamSession,
  kind: Kind,
  options: RequestOptions,
  failed: (reason: string) => Error,
): Promise<readonly (readonly [name: string, entry: JsonObject])[]> {
  const { list, entries, capability } = kinds[kind];
  const found: [string, JsonObject][] = [];
  if (session.capabilities[capability] === undefined) return found;
  let cursor: string | undefined;
  for (let page = 0; ; page += 1) {
    if (page >= maxPages || found.length > maxNames)
      throw failed(`${list} does not end within ${maxPages} pages and ${maxNames} entries`);
    const response = await session.request(list, cursor === undefined ? {} : { cursor }, options);
    // Whoever has resources need not have templates.
    if ('error' in response && response.error.code === codes.methodNotFound && page === 0) return found;
    if ('error' in response) throw failed(`${list} ended with the error '${response.error.message}'`);
    const { [entries]: listed, nextCursor } = response.result;
    for (const entry of Array.isArray(listed) ? listed : []) {
      const name = entryName(kind, entry);
      if (name !== undefined) found.push([name, entry as JsonObject]);
    }
    if (typeof nextCursor !== 'string') return found;
    cursor = nextCursor;
  }
}
