import { findSallyError, messageOf, UpstreamBusy, UpstreamCancelled, UpstreamLost } from '../../errors.js';
import type { ClientSession } from '../../mcp/client/session.js';
import type { JsonObject } from '../../mcp/messages.js';
import { unlessAborted } from '../../wait.js';
import { type SessionRequest, sharingKey, type UpstreamSession } from '../upstream.js';
import { LegacySession, PooledSession, type SessionMemory } from './legacy-session.js';
import type { UpstreamContext } from './options.js';
import type { RunCall } from './session.js';

interface Parts {
  readonly context: UpstreamContext;
  readonly open: (capabilities: JsonObject, identity: SessionRequest['identity']) => Promise<ClientSession>;
  readonly run: RunCall;
}

/** The sessions with one upstream of the legacy era: whose they are, who listens to what, and when they end. */
export class LegacySessions {
  readonly #parts: Parts;
  /** By whose they are: a client's own, or shared by the clients of a principal that can be asked the same. */
  readonly #standing = new Map<string, LegacySession | PooledSession>();
  readonly #opening = new Map<string, Promise<LegacySession | PooledSession>>();
  /** All of them, the members of pools included. */
  readonly #all = new Set<LegacySession>();
  /** Those that ended by themselves while someone listened: they come again. */
  readonly #lost = new Map<string, { memory: SessionMemory; requests: SessionRequest[] }>();
  /** A session that the contact with the upstream opened, for the first who can use it. */
  #spare: { session: ClientSession; since: number } | undefined;
  #begun = 0;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get alive(): number {
    return this.#all.size + (this.#spare ? 1 : 0);
  }

  /** Keeps a session without capabilities for whoever wants one first. */
  keepSpare(session: ClientSession): void {
    void this.#spare?.session.close();
    this.#spare = { session, since: Date.now() };
  }

  /** The session for `request` where it stands already. */
  ready(request: SessionRequest): UpstreamSession | undefined {
    const session = this.#standing.get(sharingKey(request));
    if (!session || session.over) return undefined;
    session.listen(request);
    return session;
  }

  async take(request: SessionRequest, signal: AbortSignal): Promise<UpstreamSession> {
    const key = sharingKey(request);
    const opening = this.#opening.get(key) ?? this.#begin(request, key);
    const { upstream } = this.#parts.context;
    const session = await unlessAborted(opening, signal).catch((error) => {
      throw findSallyError(error) ?? UpstreamCancelled({ upstream, method: 'initialize' });
    });
    session.listen(request);
    return session;
  }

  async release(client: string): Promise<void> {
    const key = sharingKey({ principal: '', capabilities: {}, client, own: true });
    this.#opening.delete(key);
    this.#standing.delete(key);
    this.#lost.delete(key);
    for (const lost of this.#lost.values())
      lost.requests = lost.requests.filter((one) => one.client !== client);
    for (const one of [...this.#all]) {
      one.forget(client);
      if (one.lent && one.idleSince !== Number.POSITIVE_INFINITY && !this.#spare) this.#giveBack(one);
    }
    await Promise.all([...this.#all].filter(({ owner }) => owner === client).map((one) => this.#end(one)));
  }

  /** A session that the gateway itself has used is for the first client again: another child need not be started. */
  #giveBack(one: LegacySession): void {
    this.#forget(one);
    one.session.listeners = {};
    this.keepSpare(one.session);
  }

  /** A session has ended by itself. */
  drop(session: ClientSession): void {
    if (this.#spare?.session === session) this.#spare = undefined;
    for (const one of [...this.#all]) {
      if (one.session !== session) continue;
      this.#forget(one);
      const { memory, requests } = one;
      if (requests.length > 0) this.#lost.set(one.key, { memory, requests });
    }
  }

  /** Opens those again that ended by themselves while someone listened. */
  restore(): void {
    const { pace } = this.#parts.context;
    for (const { requests } of this.#lost.values()) {
      for (const request of requests) this.take(request, AbortSignal.timeout(pace.handshake)).catch(() => {});
    }
  }

  /** Ends what nobody has used for long. */
  sweep(): void {
    const before = Date.now() - this.#parts.context.pace.idle;
    if (this.#spare && this.#spare.since < before) {
      void this.#spare.session.close();
      this.#spare = undefined;
    }
    for (const one of [...this.#all]) if (one.idleSince < before) void this.#end(one);
  }

  /** `forGood`: whatever is still being opened ends as soon as it stands. */
  async closeAll(forGood = false): Promise<void> {
    this.#closed ||= forGood;
    const ended = [...this.#all].map((one) => one.session);
    if (this.#spare) ended.push(this.#spare.session);
    this.#spare = undefined;
    for (const one of [...this.#all]) this.#forget(one);
    this.#opening.clear();
    this.#standing.clear();
    this.#lost.clear();
    await Promise.all(ended.map((session) => session.close()));
  }

  #begin(request: SessionRequest, key: string): Promise<LegacySession | PooledSession> {
    const { context } = this.#parts;
    const open = () => this.#open(request, key);
    // A client without a session of its own stands for all that are alike: only within a call is it known whom to ask.
    const pooled = request.own && !request.onRequest;
    const opening = pooled ? open().then((first) => new PooledSession(first, context, open)) : open();
    this.#opening.set(key, opening);
    const stood = (session: LegacySession | PooledSession) => {
      // Its client may be gone by now, or have come again.
      if (!this.#opened(key, opening)) for (const member of session.members) void this.#end(member);
      else if (!session.over) this.#standing.set(key, session);
    };
    opening.then(stood, () => this.#opened(key, opening));
    return opening;
  }

  #opened(key: string, opening: Promise<unknown>): boolean {
    return this.#opening.get(key) === opening && this.#opening.delete(key);
  }

  async #open(request: SessionRequest, key: string): Promise<LegacySession> {
    this.#makeRoom();
    this.#begun += 1;
    try {
      const { context, open, run } = this.#parts;
      const capabilities = request.asks === false ? {} : request.capabilities;
      const session = this.#takeSpare(capabilities) ?? (await open(capabilities, request.identity));
      const memory = this.#lost.get(key)?.memory;
      this.#lost.delete(key);
      if (memory) await memory.replay(session, context);
      if (session.over) {
        const { upstream } = context;
        throw UpstreamLost({ upstream, method: 'initialize', detail: 'the process has ended' });
      }
      const one = new LegacySession(session, key, request, context, run, memory);
      this.#all.add(one);
      if (this.#closed) await this.#end(one);
      return one;
    } finally {
      this.#begun -= 1;
    }
  }

  #takeSpare(capabilities: JsonObject): ClientSession | undefined {
    if (!this.#spare || Object.keys(capabilities).length > 0) return undefined;
    const { session } = this.#spare;
    this.#spare = undefined;
    return session;
  }

  /** Where there are as many sessions as there may be, the one that has rested longest goes. */
  #makeRoom(): void {
    const { upstream, limits } = this.#parts.context;
    if (this.#all.size + this.#begun < limits.sessions) return;
    const [oldest] = [...this.#all].sort((a, b) => a.idleSince - b.idleSince);
    if (!oldest || oldest.idleSince === Number.POSITIVE_INFINITY) {
      throw UpstreamBusy({ upstream, what: 'sessions are in use', limit: limits.sessions });
    }
    void this.#end(oldest);
  }

  async #end(one: LegacySession): Promise<void> {
    this.#forget(one);
    await one.session.close().catch((error) => {
      const { upstream, log } = this.#parts.context;
      log.debug({ upstream, error: messageOf(error) }, 'a session could not be closed');
    });
  }

  /** A pool goes with the first of its members that does, and is made anew when it is wanted. */
  #forget(one: LegacySession): void {
    one.over = true;
    this.#all.delete(one);
    const standing = this.#standing.get(one.key);
    if (standing?.members.has(one)) this.#standing.delete(one.key);
  }
}
