import { isDeepStrictEqual } from 'node:util';
import { TooManySuspended } from '../../errors.js';
import type { Answer, JsonObject } from '../../mcp/messages.js';
import { randomId } from '../../mcp/requests.js';
import { type ClientRequest, principalOf } from '../client.js';

/** A request that waits for its caller's input: what the caller gets is a random word for it, as `requestState`. */
export interface Held {
  /** Goes on with it: `again` is the caller's retry. */
  resume(again: ClientRequest): Promise<Answer>;
  /** Nobody comes back for it. */
  drop(): void;
}

interface Entry extends Held {
  readonly principal: string;
  readonly method: string;
  readonly subject: JsonObject;
  readonly timer: NodeJS.Timeout;
}

const prefix = 'sally-';

/** How long a caller may take for its input, and how many requests may wait for theirs. */
export interface HoldLimits {
  readonly holdMs: number;
  readonly perPrincipal: number;
  readonly total: number;
}

const holdLimits: HoldLimits = { holdMs: 10 * 60_000, perPrincipal: 50, total: 1_000 };

/** Whether a `requestState` is one of these: any other is the upstream's own. */
export function isOurState(state: unknown): state is string {
  return typeof state === 'string' && state.startsWith(prefix);
}

/** The random part of a `requestState` of ours. */
export function wordOf(state: unknown): string | undefined {
  return isOurState(state) ? state.slice(prefix.length) : undefined;
}

/** What makes a retry one of the same request: all of its params but those of the rounds and of the hop. */
function subjectOf({ _meta, inputResponses, requestState, ...subject }: JsonObject): JsonObject {
  return subject;
}

/**
 * The requests that wait. A word is good for one retry of the same request by the same principal, and for a limited
 * time: it decides that hooks have run, so nobody may come by one in any other way.
 */
export class HeldRequests {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: HoldLimits;
  readonly #makeId: () => string;

  constructor(limits: HoldLimits = holdLimits, makeId = randomId) {
    this.#limits = limits;
    this.#makeId = makeId;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The word for it. Throws where too many wait already. */
  hold({ client, method, params }: ClientRequest, held: Held): string {
    const principal = principalOf(client.identity);
    const { holdMs, perPrincipal, total } = this.#limits;
    const own = [...this.#entries.values()].filter((entry) => entry.principal === principal).length;
    if (own >= perPrincipal) throw TooManySuspended({ limit: perPrincipal });
    if (this.#entries.size >= total) throw TooManySuspended({ limit: total });
    const word = prefix + this.#makeId();
    const timer = setTimeout(() => {
      this.#entries.delete(word);
      held.drop();
    }, holdMs).unref();
    this.#entries.set(word, { ...held, principal, method, subject: subjectOf(params), timer });
    return word;
  }

  /** What waits under the word that the request carries, once. */
  take({ client, method, params }: ClientRequest): Held | undefined {
    const word = params['requestState'];
    const entry = typeof word === 'string' ? this.#entries.get(word) : undefined;
    if (entry === undefined || typeof word !== 'string') return undefined;
    const same =
      entry.principal === principalOf(client.identity) &&
      entry.method === method &&
      isDeepStrictEqual(entry.subject, subjectOf(params));
    if (!same) return undefined;
    clearTimeout(entry.timer);
    this.#entries.delete(word);
    return entry;
  }

  /** Drops all of them. */
  close(): void {
    for (const { timer, drop } of this.#entries.values()) {
      clearTimeout(timer);
      drop();
    }
    this.#entries.clear();
  }
}
