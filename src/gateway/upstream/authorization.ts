import type { Cancellation } from '../../cancel.js';
import { OauthRefused, OauthScope } from '../../errors.js';
import type { Asker, Authorization, AuthorizationRefusal } from '../../mcp/client/session.js';
import { plainText } from '../../mcp/messages.js';
import { bearerChallenge, type OauthClient, scopesOf, type Token, TokenHolder } from '../../oauth/index.js';

/** Requests that one token request may be followed by: after a new token, and after one with more scopes. */
const mostTries = 2;
/** So long no further token is asked for after one was refused at once, in milliseconds. */
const refusedMs = 5_000;
/** Scopes that an upstream may ask for one after the other. */
const maxScopes = 100;

/**
 * The tokens that requests to one upstream are sent with, all in the same name. What `fetch` rejects with is what they fail
 * with.
 */
export class TokenAuthorization implements Authorization {
  readonly #client: OauthClient;
  readonly #holder: TokenHolder<Asker>;
  /** Scopes that the upstream has asked for beyond those of its metadata. */
  readonly #more = new Set<string>();
  #refusedUntil = 0;

  /** `fetch` gets a token with these scopes beside the usual ones, for the request that needs it. */
  constructor(client: OauthClient, fetch: (more: readonly string[], asker: Asker) => Promise<Token>) {
    this.#client = client;
    this.#holder = new TokenHolder(async (asker) => fetch([...this.#more], asker));
  }

  /** Scopes that the upstream has asked for. */
  get more(): readonly string[] {
    return [...this.#more];
  }

  /** Another token was had in another way. */
  put(token: Token): void {
    this.#holder.put(token);
  }

  /** The token of now is not to be used any more. */
  drop(): void {
    this.#holder.forget();
    this.#holder.forgive();
  }

  value(signal: Cancellation, asker?: Asker): string | undefined | Promise<string | undefined> {
    const token = this.#holder.current(asker);
    if (token !== undefined) return token.value;
    // Where to ask is said by the 401.
    return this.#client.knowsServer ? this.#get(signal, asker) : undefined;
  }

  /** What failed for another reason than that of now may go well now. */
  forgive(): void {
    this.#holder.forgive();
  }

  async refused(refusal: AuthorizationRefusal, signal: Cancellation): Promise<string | undefined> {
    const { status, value, challenge, before, asker } = refusal;
    if (status === 403) return this.#stepUp(refusal, signal);
    const token = this.#holder.current(asker);
    // Others have been refused, too, and one of them has fetched another.
    if (token !== undefined && token.value !== value && before < mostTries) return token.value;
    await this.#client.learn(challenge);
    const again = value !== undefined && before >= mostTries - 1;
    if (again) this.#refusedUntil = Date.now() + refusedMs;
    if (again || Date.now() < this.#refusedUntil) throw this.#refusedToken(challenge);
    this.#holder.drop(value);
    return this.#get(signal, asker);
  }

  /** RFC 6750 section 3.1: the request needs more than the token was given for. */
  async #stepUp(
    { value, challenge, before, asker }: AuthorizationRefusal,
    signal: Cancellation,
  ): Promise<string | undefined> {
    const { error, scope } = bearerChallenge(challenge) ?? {};
    if (error !== 'insufficient_scope') return undefined;
    const token = this.#holder.current(asker);
    const has = token?.scopes ?? [];
    const missing = scopesOf(scope).filter((one) => !has.includes(one));
    const fixed = this.#client.configuredScopes.length > 0;
    const asked = missing.every((one) => this.#more.has(one));
    if (fixed || asked || before >= mostTries || this.#more.size + missing.length > maxScopes)
      throw OauthScope({ upstream: this.#client.name, missing, has });
    for (const one of missing) this.#more.add(one);
    this.#holder.drop(value);
    this.#holder.forgive();
    return this.#get(signal, asker);
  }

  #get(signal: Cancellation, asker: Asker): string | Promise<string> {
    const token = this.#holder.get(signal, asker);
    return token instanceof Promise ? token.then(({ value }) => value) : token.value;
  }

  #refusedToken(challenge: string) {
    const { name: upstream, issuer } = this.#client;
    return OauthRefused({ upstream, issuer, challenge: plainText(challenge) });
  }
}
