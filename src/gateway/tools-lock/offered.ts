import { randomUUID } from 'node:crypto';
import type { GatewaySettings, UpstreamSettings } from '../../config/index.js';
import { asSallyError, findSallyError, type SallyError, ToolsOfUsers, ToolsUnread } from '../../errors.js';
import { type Logger, silentLogger } from '../../log.js';
import type { OnRequest } from '../../mcp/client/session.js';
import { codes, type JsonObject } from '../../mcp/messages.js';
import { kindNames } from '../../mcp/methods.js';
import {
  type LockedEntry,
  type LockKind,
  lockedEntry,
  lockWords,
  type Offered,
} from '../../policy/lock/index.js';
import { packageVersion } from '../../version.js';
import { pause, signalWithin } from '../../wait.js';
import { readEntries } from '../router/index.js';
import { openUpstream } from '../upstream/index.js';
import type { SessionRequest, Upstream, UpstreamSession } from '../upstream.js';
import type { LockWatch } from './watch.js';

/** What came of reading the lists of one upstream. */
export interface OfferedLook {
  readonly upstream: string;
  /** Absent where they were not to be had whole. */
  readonly offered?: Offered;
  readonly problem?: SallyError;
  /** What of it cannot be locked, or deserves to be seen. */
  readonly remarks: readonly string[];
}

/** Judges all that an upstream lists to a client that can be asked nothing: whoever watches hears of what is not as it was locked. */
export async function judgeAll(upstream: Upstream, watch: LockWatch, signal: AbortSignal): Promise<void> {
  if (upstream.look) return;
  const client = randomUUID();
  const request = { principal: 'sallyport', client, capabilities: {}, own: false, lent: true } as const;
  try {
    const session = await upstream.session(request, signal);
    if (session.instructions) watch.tells(upstream.name, session.instructions);
    for (const kind of kindNames) {
      const failed = (reason: string) => ToolsUnread({ upstream: upstream.name, reason });
      const listed = await readEntries(session, kind, { signal }, failed).catch(() => []);
      for (const [, entry] of listed) watch.state(kind, upstream.name, entry);
    }
  } finally {
    await upstream.release(client).catch(() => {});
  }
}

interface Look {
  /** For all that one upstream is asked. */
  readonly timeoutMs: number;
  /** Hears what upstreams say. */
  readonly log?: Logger;
  /** Tokens of users, by the names of upstreams of which each user has sessions of its own. */
  readonly tokens?: ReadonlyMap<string, string>;
}

/** What the upstreams of a gateway offer, each opened once for it and closed again. Never rejects. */
export async function readOffered(
  { upstreams }: Pick<GatewaySettings, 'upstreams'>,
  { timeoutMs, log = silentLogger, tokens = new Map() }: Look,
): Promise<readonly OfferedLook[]> {
  const deps = { log, version: packageVersion() };
  return Promise.all(
    upstreams.map(async (settings) => {
      const upstream = openUpstream(withToken(settings, tokens.get(settings.name)), deps);
      try {
        return await lookAt(upstream, signalWithin(timeoutMs));
      } finally {
        await upstream.close().catch(() => {});
      }
    }),
  );
}

/** Whatever a user's token comes from, it goes to the upstream in this header. */
function withToken(settings: UpstreamSettings, token: string | undefined): UpstreamSettings {
  if (token === undefined || settings.transport !== 'http') return settings;
  const { oauth, ...others } = settings;
  return { ...others, headers: { ...settings.headers, authorization: `Bearer ${token}` } };
}

async function lookAt(upstream: Upstream, signal: AbortSignal): Promise<OfferedLook> {
  const { name } = upstream;
  if (upstream.look) return { upstream: name, problem: ToolsOfUsers({ upstream: name }), remarks: [] };
  try {
    return { upstream: name, ...(await offeredBy(upstream, signal)) };
  } catch (thrown) {
    const error = asSallyError(thrown);
    // What it is told as while it is down has what happened as its cause.
    const { message } = findSallyError(error.cause) ?? error;
    const problem = ToolsUnread.is(error) ? error : ToolsUnread({ upstream: name, reason: message }, thrown);
    return { upstream: name, problem, remarks: [] };
  }
}

/** What a client can be asked. Some servers have tools for clients that can be, and some for those that cannot. */
const askable: JsonObject = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
};
const answers: OnRequest = async (method) =>
  method === 'roots/list'
    ? { result: { roots: [] } }
    : { error: { code: codes.methodNotFound, message: `Method not found: ${method}` } };

async function offeredBy(upstream: Upstream, signal: AbortSignal) {
  const remarks: string[] = [];
  const all: Read[] = [];
  for (const capabilities of [{}, askable]) {
    const own = Object.keys(capabilities).length > 0;
    all.push(await readAs({ capabilities, own, ...(own && { onRequest: answers }) }, upstream, signal));
  }
  const offered = new Map<LockKind, ReadonlyMap<string, LockedEntry>>();
  for (const { kinds } of all)
    for (const [kind, entries] of kinds) {
      const known = new Map(offered.get(kind));
      for (const [name, entry] of entries) {
        const before = known.get(name)?.sha256;
        if (before !== undefined && before !== entry.sha256)
          remarks.push(
            `the ${lockWords[kind].what} ${JSON.stringify(name)} is another one for clients that can be asked things: that one is meant here`,
          );
        known.set(name, entry);
      }
      if (known.size > 0) offered.set(kind, known);
    }
  return { offered, remarks: [...new Set([...all.flatMap(({ twice }) => twice), ...remarks])] };
}

interface Read {
  readonly kinds: ReadonlyMap<LockKind, ReadonlyMap<string, LockedEntry>>;
  /** Names that stand for several entries: nobody can say which of them a call is for. */
  readonly twice: readonly string[];
}

/** A server that learns what its client can do may change its lists then. So long it is waited for that. */
const settleMs = 250;
const mostReads = 5;

async function readAs(
  as: Pick<SessionRequest, 'capabilities' | 'own' | 'onRequest'>,
  upstream: Upstream,
  signal: AbortSignal,
): Promise<Read> {
  let changed = false;
  const onNotification = (method: string) => {
    changed ||= method.endsWith('/list_changed');
  };
  const request = { principal: 'sallyport tools', client: randomUUID(), ...as, onNotification };
  const session = await upstream.session(request, signal);
  try {
    let read = await readAll(session, upstream.name, signal);
    for (let reads = 1; reads < mostReads; reads += 1) {
      await pause(settleMs, signal);
      if (!changed) break;
      changed = false;
      read = await readAll(session, upstream.name, signal);
    }
    return read;
  } finally {
    await upstream.release(request.client).catch(() => {});
  }
}

async function readAll(session: UpstreamSession, upstream: string, signal: AbortSignal): Promise<Read> {
  const kinds = new Map<LockKind, ReadonlyMap<string, LockedEntry>>();
  const twice: string[] = [];
  const { instructions } = session;
  if (instructions) kinds.set('instructions', new Map([['', lockedInstructions(instructions)]]));
  for (const kind of kindNames) {
    const listed = await readEntries(session, kind, { signal }, (reason) =>
      ToolsUnread({ upstream, reason }),
    );
    const entries = new Map<string, LockedEntry>();
    const several = new Set<string>();
    for (const [name, entry] of listed) {
      const locked = lockedEntry(kind, entry);
      if ((entries.get(name)?.sha256 ?? locked.sha256) !== locked.sha256) several.add(name);
      entries.set(name, locked);
    }
    for (const name of several) {
      entries.delete(name);
      const { what } = lockWords[kind];
      twice.push(`the ${what} ${JSON.stringify(name)} is listed twice, as two things: neither can be locked`);
    }
    if (entries.size > 0) kinds.set(kind, entries);
  }
  return { kinds, twice };
}

/** Instructions as an entry of a lock. */
const lockedInstructions = (text: string): LockedEntry => lockedEntry('instructions', { text });
