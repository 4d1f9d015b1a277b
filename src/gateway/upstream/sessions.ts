import { findSallyError, messageOf, UpstreamBusy, UpstreamCancelled } from '../../errors.js';
import type { JsonObject } from '../rpc.js';
import type { SessionWish, UpstreamSession } from '../upstream.js';
import { HeldSession, type RunCall } from './held-session.js';
import type { Link } from './link.js';
import type { UpstreamContext } from './options.js';
import { PooledSession } from './pooled-session.js';
import { withSignal } from './wait.js';

interface SessionsParts {
  readonly context: UpstreamContext;
  readonly open: (capabilities: JsonObject) => Promise<Link>;
  readonly run: RunCall;
}

/** The sessions with one upstream of the legacy era: whose they are, who hears what, and when they end. */
export class Sessions {
  readonly #parts: SessionsParts;
  /** By whose they are: a client's own, or shared by the clients of a principal that can be asked the same. */
  readonly #byKey = new Map<string, Promise<UpstreamSession>>();
  readonly #held = new Set<HeldSession>();
  /** A session that the contact with the upstream opened, for the first who can use it. */
  #spare: { link: Link; since: number } | undefined;
  #opening = 0;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  get alive(): number {
    return this.#held.size + (this.#spare ? 1 : 0);
  }

  /** Keeps a session without capabilities for whoever wants one first. */
  keepSpare(link: Link): void {
    void this.#spare?.link.close();
    this.#spare = { link, since: this.#parts.context.now() };
  }

  async take(wish: SessionWish, signal: AbortSignal): Promise<UpstreamSession> {
    const key = keyOf(wish);
    let session = this.#byKey.get(key);
    if (!session) {
      const open = () => this.#open(wish, key);
      session = isPooled(wish) ? PooledSession.open(this.#parts.context, open) : open();
      this.#byKey.set(key, session);
      session.catch(() => this.#byKey.delete(key));
    }
    const { upstream } = this.#parts.context;
    const taken = await withSignal(session, signal).catch((error) => {
      throw findSallyError(error) ?? UpstreamCancelled({ upstream, method: 'initialize' });
    });
    if (taken instanceof HeldSession) taken.hear(wish);
    return taken;
  }

  async release(client: string): Promise<void> {
    const ended: HeldSession[] = [];
    for (const held of this.#held) {
      if (held.owner === client) ended.push(held);
      else held.forget(client);
    }
    this.#byKey.delete(ownKey(client));
    await Promise.all(ended.map((held) => this.#end(held)));
  }

  /** A link has ended by itself. */
  drop(link: Link): void {
    if (this.#spare?.link === link) this.#spare = undefined;
    for (const held of this.#held) if (held.link === link) this.#forget(held);
  }

  /** Ends what nobody has used for long. */
  sweep(): void {
    const { now, pace } = this.#parts.context;
    const before = now() - pace.idle;
    if (this.#spare && this.#spare.since < before) {
      void this.#spare.link.close();
      this.#spare = undefined;
    }
    for (const held of this.#held) if (held.idleSince < before) void this.#end(held);
  }

  async closeAll(): Promise<void> {
    const links = [...this.#held].map((held) => held.link);
    if (this.#spare) links.push(this.#spare.link);
    this.#spare = undefined;
    this.#held.clear();
    this.#byKey.clear();
    await Promise.all(links.map((link) => link.close()));
  }

  async #open(wish: SessionWish, key: string): Promise<HeldSession> {
    this.#makeRoom();
    this.#opening += 1;
    try {
      const { context, open, run } = this.#parts;
      const link = this.#takeSpare(wish.capabilities) ?? (await open(wish.capabilities));
      const held = new HeldSession(link, key, wish, context, run);
      this.#held.add(held);
      return held;
    } finally {
      this.#opening -= 1;
    }
  }

  #takeSpare(capabilities: JsonObject): Link | undefined {
    if (!this.#spare || Object.keys(capabilities).length > 0) return undefined;
    const { link } = this.#spare;
    this.#spare = undefined;
    return link;
  }

  /** Where there are as many sessions as there may be, the one that has rested longest goes. */
  #makeRoom(): void {
    const { upstream, limits, now } = this.#parts.context;
    if (this.#held.size + this.#opening < limits.sessions) return;
    const [oldest] = [...this.#held].sort((a, b) => a.idleSince - b.idleSince);
    if (!oldest || oldest.idleSince > now()) {
      throw UpstreamBusy({ upstream, what: 'sessions are in use', limit: limits.sessions });
    }
    void this.#end(oldest);
  }

  async #end(held: HeldSession): Promise<void> {
    this.#forget(held);
    await held.link.close().catch((error) => {
      const { upstream, log } = this.#parts.context;
      log.debug({ upstream, error: messageOf(error) }, 'a session could not be closed');
    });
  }

  #forget(held: HeldSession): void {
    held.over = true;
    this.#held.delete(held);
    this.#byKey.delete(held.key);
  }
}

const ownKey = (client: string) => `own ${client}`;

function keyOf(wish: SessionWish): string {
  return wish.own ? ownKey(wish.client) : `shared ${wish.principal} ${JSON.stringify(wish.capabilities)}`;
}

/** A client without a session of its own stands for all that are alike: only within a call is it known whom to ask. */
function isPooled(wish: SessionWish): boolean {
  return wish.own && !wish.onRequest;
}
