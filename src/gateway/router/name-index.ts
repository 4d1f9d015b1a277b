import { signalWithin } from '../../http/index.js';
import type { Answer } from '../../mcp/messages.js';
import { type ChangingList, type Kind, kinds } from '../../mcp/methods.js';
import type { UpstreamSession } from '../upstream.js';
import { entryName } from './catalog.js';
import { listWaitMs, unlessAborted } from './waiting.js';

/** An upstream that changes its lists without a word is asked again after this. */
const freshMs = 30_000;
/** What is beyond is not looked at: a list that never ends must not fill the memory. */
const maxNames = 20_000;
const maxPages = 200;

interface Known {
  readonly at: number;
  readonly names: Promise<ReadonlySet<string>>;
}

/** The names that upstreams list, remembered for as long as their session lives: for routing where names do not say where to. */
export class NameIndex {
  readonly #known = new WeakMap<UpstreamSession, Map<Kind, Known>>();

  /** Rejects where the upstream does not answer. What is older than `maxAgeMs` is read anew. */
  names(
    session: UpstreamSession,
    kind: Kind,
    signal: AbortSignal,
    maxAgeMs: number = freshMs,
  ): Promise<ReadonlySet<string>> {
    const lists = this.#known.get(session) ?? new Map<Kind, Known>();
    this.#known.set(session, lists);
    const known = lists.get(kind);
    if (known !== undefined && performance.now() - known.at < maxAgeMs)
      return unlessAborted(known.names, signal);
    // Whoever asks first does not take it along when it goes: others wait for the same list.
    const names = readAll(session, kind, signalWithin(listWaitMs));
    lists.set(kind, { at: performance.now(), names });
    names.catch(() => {
      if (lists.get(kind)?.names === names) lists.delete(kind);
    });
    return unlessAborted(names, signal);
  }

  forget(session: UpstreamSession, list: ChangingList): void {
    this.#known.get(session)?.delete(list);
    if (list === 'resources') this.#known.get(session)?.delete('templates');
  }
}

async function readAll(
  session: UpstreamSession,
  kind: Kind,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const { list, entries, capability } = kinds[kind];
  const names = new Set<string>();
  if (session.capabilities[capability] === undefined) return names;
  let cursor: unknown;
  for (let page = 0; page < maxPages && names.size < maxNames; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const answer: Answer = await session.request(list, params, { signal });
    if ('error' in answer) return names;
    for (const entry of Array.isArray(answer.result[entries]) ? answer.result[entries] : []) {
      const name = entryName(kind, entry);
      if (name !== undefined) names.add(name);
    }
    cursor = answer.result['nextCursor'];
    if (typeof cursor !== 'string') break;
  }
  return names;
}
