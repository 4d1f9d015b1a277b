import { isPerUser, type UpstreamSettings } from '../../config/index.js';
import { type Identity, principalOf } from '../client.js';
import { bearerToken, type JudgedCredential, lateMs } from './authenticator.js';

/** A token with which a caller came. */
interface CallerToken {
  /** Secret. */
  readonly token: string;
  /** When it ends, in milliseconds since 1970. */
  readonly end?: number | undefined;
}

/** Callers of whom a token is kept: those that came last. */
const maxCallers = 10_000;

/** The tokens that have let callers in: upstreams that are asked in a caller's name get tokens made of them. */
export class CallerTokens {
  /** The last one of each principal. */
  readonly #tokens = new Map<string, CallerToken>();
  /** That of each request, for as long as anybody has the identity that it was let in as. */
  readonly #own = new WeakMap<Identity, CallerToken>();
  #wanted = false;

  constructor(upstreams: readonly UpstreamSettings[]) {
    this.serve(upstreams);
  }

  /** From now on for these upstreams: where none is asked in a caller's name, no token is kept. */
  serve(upstreams: readonly UpstreamSettings[]): void {
    this.#wanted = upstreams.some((one) => one.transport === 'http' && one.oauth && isPerUser(one.oauth));
    if (!this.#wanted) this.#tokens.clear();
  }

  note({ identity, shown, until }: Pick<JudgedCredential, 'identity' | 'shown' | 'until'>): void {
    if (!this.#wanted) return;
    const presented = bearerToken(shown);
    if (identity.method !== 'jwt' || !('token' in presented)) return;
    const principal = principalOf(identity);
    // Maps keep the order of insertion: the first has come least lately.
    this.#tokens.delete(principal);
    const caller = { token: presented.token, end: until === undefined ? until : until - lateMs };
    this.#tokens.set(principal, caller);
    this.#own.set(identity, caller);
    if (this.#tokens.size <= maxCallers) return;
    for (const oldest of this.#tokens.keys()) {
      this.#tokens.delete(oldest);
      return;
    }
  }

  /** The token of the request that was let in as `identity`, else the last one of the principal; also one that has ended. */
  of(principal: string, identity?: Identity): CallerToken | undefined {
    return (identity && this.#own.get(identity)) ?? this.#tokens.get(principal);
  }
}
