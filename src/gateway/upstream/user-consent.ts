import type { Cancellation } from '../../cancel.js';
import { findSallyError, OauthConsent, OauthToken } from '../../errors.js';
import { parseJson, writeJson } from '../../json/index.js';
import { type ClientIdentity, type OauthClient, type Token, timesOf } from '../../oauth/index.js';
import type { SessionRequest, UpstreamSession } from '../upstream.js';
import { TokenAuthorization } from './authorization.js';
import type { Consent } from './options.js';
import { type SignIn, SignInSession } from './sign-in.js';

/** Sets of capabilities for which a session is kept. */
const maxSessions = 64;

/** One user of an upstream whose tokens that user consents to: asked where there is none, and kept by the refresh token. */
export class UserConsent {
  readonly authorization: TokenAuthorization;
  readonly #client: OauthClient;
  readonly #consent: Consent | undefined;
  readonly #owner: { readonly upstream: string; readonly principal: string; readonly user: string };
  /** What the upstream is to the user until then, by what clients can be asked. */
  readonly #sessions = new Map<string, SignInSession>();
  /** The access token that was taken over from the vault. */
  #taken: string | undefined;
  #elicitation: string | undefined;

  constructor(client: OauthClient, principal: string, consent: Consent | undefined) {
    this.#client = client;
    this.#consent = consent;
    this.#owner = { upstream: client.name, principal, user: userOf(principal) };
    this.authorization = new TokenAuthorization(client, (more) => this.#refresh(more));
  }

  /** What the user is given in place of the upstream; undefined where there is a token. Rejects where nobody can say. */
  async session(request: SessionRequest, signal: Cancellation): Promise<UpstreamSession | undefined> {
    const kept = this.#consent?.vault.get(this.#owner);
    if (kept === undefined) {
      this.authorization.drop();
      this.#taken = undefined;
      return this.#signIn(request);
    }
    if (kept.value !== this.#taken) {
      this.#taken = kept.value;
      this.authorization.put({ ...kept, ...timesOf(kept.end, Date.now()) });
    }
    try {
      const value = this.authorization.value(signal);
      if (value instanceof Promise) await value;
      return undefined;
    } catch (error) {
      if (OauthConsent.is(findSallyError(error))) return this.#signIn(request);
      throw error;
    }
  }

  release(client: string): void {
    for (const session of this.#sessions.values()) session.forget(client);
  }

  #signIn(request: SessionRequest): UpstreamSession {
    const { desk } = this.#consent ?? {};
    const { upstream, principal, user } = this.#owner;
    if (desk === undefined || user === '')
      throw OauthConsent({ upstream, reason: 'nobody can be asked for it' });
    const key = `${request.onRequest !== undefined} ${writeJson(request.capabilities)}`;
    const signIn: SignIn = {
      begin: () => {
        const obtained = (token: Token, identity: ClientIdentity) => this.#obtained(token, identity);
        const begun = desk.begin({
          client: this.#client,
          principal,
          user,
          more: this.authorization.more,
          obtained,
        });
        this.#elicitation = begun.id;
        return begun;
      },
      complete: (code) => desk.complete(this.#client, principal, code),
    };
    if (this.#sessions.size >= maxSessions) this.#sessions.clear();
    const session = this.#sessions.get(key) ?? new SignInSession(upstream, signIn, request);
    this.#sessions.set(key, session);
    session.listen(request);
    return session;
  }

  async #obtained(token: Token, identity: ClientIdentity): Promise<void> {
    await this.#keep(token, identity);
    for (const session of this.#sessions.values()) session.done(this.#elicitation);
    this.#sessions.clear();
  }

  async #refresh(more: readonly string[]): Promise<Token> {
    const { upstream } = this.#owner;
    const vault = this.#consent?.vault;
    const kept = vault?.get(this.#owner);
    const missing = more.filter((scope) => kept && !kept.scopes.includes(scope));
    if (kept?.refreshToken === undefined || missing.length > 0) {
      await vault?.forget(this.#owner);
      const reason = missing.length > 0 ? `it wants the scope ${missing.join(' ')}` : '';
      throw OauthConsent({ upstream, reason });
    }
    try {
      const token = await this.#client.token({
        kind: 'refresh',
        refreshToken: kept.refreshToken,
        identity: kept.identity,
      });
      await this.#keep(token, kept.identity, true);
      return token;
    } catch (error) {
      // The server has ended it, or the user has: both mean that the user is asked again.
      if (!OauthToken.is(error) || !/^invalid_grant/.test(error.context.detail)) throw error;
      await vault?.forget(this.#owner);
      throw OauthConsent({ upstream, reason: 'the consent has ended' });
    }
  }

  async #keep(token: Token, identity: ClientIdentity | undefined, renewed = false): Promise<void> {
    const { value, scopes, end, refreshToken } = token;
    const tokens = { value, scopes, end, refreshToken, identity };
    const kept = await this.#consent?.vault.put(this.#owner, tokens, renewed);
    if (!kept) throw OauthConsent({ upstream: this.#owner.upstream, reason: 'it was forgotten' });
    this.#taken = value;
    this.authorization.put(token);
  }
}

/** The name in a principal, for people; empty where it is nobody's. */
function userOf(principal: string): string {
  try {
    const [, tenant, user] = parseJson(principal) as (string | null)[];
    const name = user ?? 'the user of this machine';
    return tenant ? `${name} (${tenant})` : name;
  } catch {
    return '';
  }
}
