import type { UpstreamSession } from '../upstream.js';
import { isLevel, type Level, mostVerbose } from './levels.js';

/** What the clients of one upstream session have in common: a shared session has one log level and one subscription a URI. */
export class Share {
  readonly #levels = new Map<string, Level>();
  readonly #subscribers = new Map<string, Set<string>>();
  /** What the upstream was told last. */
  #told: Level | undefined;

  get told(): Level | undefined {
    return this.#told;
  }

  /** Notes a client's level; answers what the upstream has to be told now, if anything. */
  level(client: string, level: unknown): Level | undefined {
    if (isLevel(level)) this.#levels.set(client, level);
    const wanted = mostVerbose(this.#levels.values());
    return wanted === this.#told ? undefined : wanted;
  }

  tell(level: Level): void {
    this.#told = level;
  }

  subscribe(client: string, uri: string): void {
    const subscribers = this.#subscribers.get(uri) ?? new Set();
    this.#subscribers.set(uri, subscribers.add(client));
  }

  /** Whether nobody is left who wants to hear of it. */
  unsubscribe(client: string, uri: string): boolean {
    const subscribers = this.#subscribers.get(uri);
    subscribers?.delete(client);
    if (subscribers?.size === 0) this.#subscribers.delete(uri);
    return !this.#subscribers.has(uri);
  }

  /** A client is gone: the URIs that nobody is left for. */
  leave(client: string): readonly string[] {
    this.#levels.delete(client);
    return [...this.#subscribers].flatMap(([uri, subscribers]) =>
      subscribers.has(client) && this.unsubscribe(client, uri) ? [uri] : [],
    );
  }
}

/** One `Share` for each session, for as long as the session is. */
export function shares(): (session: UpstreamSession) => Share {
  const bySession = new WeakMap<UpstreamSession, Share>();
  return (session) => {
    const share = bySession.get(session) ?? new Share();
    bySession.set(session, share);
    return share;
  };
}
