import type { AuthorizationServer, TokenEndpointResponse } from 'oauth4webapi';
import { isPerUser, type OauthSettings, type UpstreamSettings } from '../config/index.js';
import { findSallyError, OauthDiscovery, OauthToken } from '../errors.js';
import type { Logger } from '../log.js';
import type { Observer } from '../telemetry/index.js';
import type { CredentialStore } from '../tls/index.js';
import { bearerChallenge, scopesOf } from './challenge.js';
import { clientAuthOf, usesCertificate } from './client-auth.js';
import { discoverResource, discoverServer, type ResourceMetadata } from './discovery.js';
import { type OauthFetch, openOauthFetch, reasonOf } from './fetch.js';
import { Reach } from './reach.js';
import { tokenRefusal } from './refusal.js';
import { type ClientIdentity, registerClient } from './registration.js';
import { type Token, timesOf } from './token.js';

type Library = typeof import('oauth4webapi');
type HttpUpstream = Extract<UpstreamSettings, { transport: 'http' }>;

/** An upstream whose tokens come from an authorization server. */
export type OauthUpstream = HttpUpstream & { readonly oauth: OauthSettings };

export interface OauthDeps {
  readonly log: Logger;
  readonly credentials: CredentialStore;
  readonly observer?: Observer | undefined;
  /** Told of each token request and what became of it: `ok`, or a code of the registry. */
  readonly counted?: ((grant: string, outcome: string) => void) | undefined;
}

/** What a token is asked for by: the gateway itself, or a user whose token came with a call. */
export type Asker =
  | { readonly kind: 'client' }
  /** `end`: when the caller's token ends, in milliseconds since 1970. */
  | { readonly kind: 'caller'; readonly token: string; readonly end?: number | undefined }
  /** A user who has consented: by the code of the callback, and later by the refresh token. */
  | ({ readonly kind: 'code' } & CodeAnswer)
  | {
      readonly kind: 'refresh';
      readonly refreshToken: string;
      readonly identity?: ClientIdentity | undefined;
    };

/** What the callback of an authorization request brought, once it was checked. */
export interface CodeAnswer {
  readonly callback: URLSearchParams;
  readonly redirectUri: string;
  readonly verifier: string;
  /** As the authorization request had it. */
  readonly identity: ClientIdentity;
}

/** Redirect URIs that a client was registered for. */
const maxRegistered = 16;

/** How long metadata is used before it is read again, in milliseconds. */
const freshMs = 3_600_000;
/** A token is a header; RFC 6750 section 2.1 says of what. */
const tokenText = /^[A-Za-z0-9._~+/-]+=*$/;
const maxTokenLength = 16_384;

/** What the gateway is at the authorization server of one upstream: finds the server out and asks it for tokens. */
export class OauthClient {
  readonly #upstream: OauthUpstream;
  readonly #deps: OauthDeps;
  readonly #http: OauthFetch;
  readonly #reach: Reach;
  readonly #registered = new Map<string, ClientIdentity>();
  #library: Promise<Library> | undefined;
  #resource: ResourceMetadata | undefined;
  /** Where the metadata of the resource was read: undefined where it has not been looked for. */
  #read: { readonly place: string | undefined; readonly at: number } | undefined;
  #server: { readonly metadata: AuthorizationServer; readonly at: number } | undefined;
  /** The server that is kept to, once one was found: an upstream that names another later does not get our credentials sent there. */
  #issuer: URL | undefined;
  /** The challenge of a 401 that nobody waited for. */
  #seen = '';
  /** Scopes of the upstream's challenges. */
  #challenged: readonly string[] = [];

  constructor(upstream: OauthUpstream, deps: OauthDeps) {
    const { name, url, uds, tls, oauth, proxies } = upstream;
    this.#upstream = upstream;
    this.#deps = deps;
    this.#issuer = oauth.issuer;
    const configured = oauth.issuer ? [url, oauth.issuer] : [url];
    this.#reach = new Reach(name, configured, oauth.privateHosts);
    this.#http = openOauthFetch({
      ...deps,
      reach: this.#reach,
      upstream: { url, uds, tls },
      tls: oauth.tls,
      proxies,
    });
  }

  get name(): string {
    return this.#upstream.name;
  }

  /** As errors name the server: it may not be known yet. */
  get issuer(): string {
    return this.#issuer?.href.replace(/\/$/, '') ?? 'the authorization server';
  }

  /** Whether each user has a token of its own. */
  get isPerUser(): boolean {
    return isPerUser(this.#upstream.oauth);
  }

  /** Whether each user consents to it in a browser. */
  get needsConsent(): boolean {
    return this.#upstream.oauth.grant === 'authorization_code';
  }

  /**
   * The client that asks users: the configured one; else one that a document at `document` describes, where the server reads
   * such (Client ID Metadata Documents); else one that is registered (RFC 7591), once for each `redirectUri`.
   *
   * @throws SALLY_UPSTREAM_OAUTH_TOKEN where none is to be had
   */
  async register(redirectUri: string, document: string): Promise<ClientIdentity> {
    const { name: upstream, oauth } = this.#upstream;
    if (oauth.clientId !== undefined) return { id: oauth.clientId };
    const server = await this.server();
    // What anybody else's machine cannot read is no document for it.
    const readable = document.startsWith('https:');
    if (readable && server['client_id_metadata_document_supported'] === true) return { id: document };
    const known = this.#registered.get(redirectUri);
    if (known) return known;
    if (server.registration_endpoint === undefined) {
      const detail = 'it reads no documents of clients, and registers none';
      const hint = 'register the gateway there, and give client_id and client_secret_file in its oauth block';
      throw OauthToken({ upstream, issuer: server.issuer, detail, hint });
    }
    const library = await this.library();
    try {
      const identity = await registerClient(server, redirectUri, library, this.#options(library));
      if (this.#registered.size < maxRegistered) this.#registered.set(redirectUri, identity);
      return identity;
    } catch (error) {
      throw tokenRefusal(upstream, server.issuer, error, []);
    }
  }

  /** Scopes that the configuration gives, and no others are asked for. */
  get configuredScopes(): readonly string[] {
    return this.#upstream.oauth.scopes;
  }

  /** Whether a token can be asked for before the upstream has said where. */
  get knowsServer(): boolean {
    return this.#issuer !== undefined;
  }

  /** Keeps the challenge of a request that was made to see whether the upstream is there: discovery begins with it. */
  challenged(challenge: string): void {
    this.#seen = challenge;
    const { scope } = bearerChallenge(challenge) ?? {};
    if (scope !== undefined) this.#challenged = scopesOf(scope);
  }

  /**
   * Learns from the challenge of a 401 whom tokens are for and who gives them.
   *
   * @throws SALLY_UPSTREAM_OAUTH_DISCOVERY, SALLY_UPSTREAM_OAUTH_ADDRESS
   */
  async learn(challenge: string): Promise<void> {
    const { resource_metadata: named, scope } = bearerChallenge(challenge) ?? {};
    if (scope !== undefined) this.#challenged = scopesOf(scope);
    const read = this.#read;
    if (read && read.place === named && Date.now() - read.at < freshMs) return;
    const { name: upstream, url, oauth } = this.#upstream;
    const deps = { upstream, url, http: this.#http };
    const found = await discoverResource(named, deps).catch((error: unknown) => {
      // What the configuration says is enough.
      if (oauth.issuer === undefined) throw error;
      this.#deps.log.debug({ upstream, reason: reasonOf(error) }, 'the metadata of the upstream is not used');
      return undefined;
    });
    this.#read = { place: named, at: Date.now() };
    this.#resource = found;
    if (oauth.issuer === undefined) this.#keepTo(found);
  }

  /** The metadata of the authorization server. */
  async server(): Promise<AuthorizationServer> {
    const known = this.#server;
    if (known && Date.now() - known.at < freshMs) return known.metadata;
    if (this.#issuer === undefined) await this.learn(this.#seen);
    const { name: upstream, url } = this.#upstream;
    const issuer = this.#issuer ?? url;
    const library = await this.library();
    try {
      const metadata = await discoverServer(issuer, { upstream, url, http: this.#http }, library);
      this.#server = { metadata, at: Date.now() };
      return metadata;
    } catch (error) {
      // What was true an hour ago is most likely so still.
      if (known) return known.metadata;
      throw error;
    }
  }

  /**
   * Asks for a token, with these scopes beside those that it is always asked for with.
   *
   * @throws SALLY_UPSTREAM_OAUTH_TOKEN, SALLY_UPSTREAM_OAUTH_DISCOVERY, SALLY_UPSTREAM_OAUTH_ADDRESS, SALLY_FILE_UNREADABLE
   */
  async token(asker: Asker, more: readonly string[] = []): Promise<Token> {
    const { grant } = this.#upstream.oauth;
    try {
      const token = await this.#ask(asker, more);
      this.#deps.counted?.(grant, 'ok');
      return token;
    } catch (error) {
      this.#deps.counted?.(grant, findSallyError(error)?.code ?? 'error');
      throw error;
    }
  }

  /** Throws where nobody is sent to this URL. */
  reaches(url: URL): void {
    this.#reach.check(url);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  /** Read by whoever needs it first: most gateways have no such upstream. */
  library(): Promise<Library> {
    this.#library ??= import('oauth4webapi');
    return this.#library;
  }

  async #ask(asker: Asker, more: readonly string[]): Promise<Token> {
    const { name: upstream, oauth } = this.#upstream;
    const library = await this.library();
    const server = await this.server();
    const { id, secret, method } = ('identity' in asker && asker.identity) || { id: '' };
    const own =
      method && secret !== undefined ? { ...oauth, clientSecret: secret, clientAuth: method } : oauth;
    const client = { client_id: oauth.clientId ?? id, use_mtls_endpoint_aliases: usesCertificate(own) };
    const secrets: string[] = secretsOf(asker);
    const auth = await clientAuthOf(upstream, own, server, library, secrets);
    const scopes = [...new Set([...this.scopes(), ...more])];
    const parameters = new URLSearchParams({ resource: this.resourceUri });
    if (oauth.audience !== undefined) parameters.set('audience', oauth.audience);
    if (scopes.length > 0) parameters.set('scope', scopes.join(' '));
    const options = this.#options(library);
    let response: TokenEndpointResponse;
    const now = Date.now();
    try {
      if (asker.kind === 'client') {
        const reply = await library.clientCredentialsGrantRequest(server, client, auth, parameters, options);
        response = await library.processClientCredentialsResponse(server, client, reply);
      } else if (asker.kind === 'code') {
        const { callback, redirectUri, verifier } = asker;
        const more = { ...options, additionalParameters: { resource: this.resourceUri } };
        const code = library.validateAuthResponse(server, client, callback, library.skipStateCheck);
        const reply = await library.authorizationCodeGrantRequest(
          server,
          client,
          auth,
          code,
          redirectUri,
          verifier,
          more,
        );
        response = await library.processAuthorizationCodeResponse(server, client, reply);
      } else if (asker.kind === 'refresh') {
        const more = { ...options, additionalParameters: parameters };
        const reply = await library.refreshTokenGrantRequest(server, client, auth, asker.refreshToken, more);
        response = await library.processRefreshTokenResponse(server, client, reply);
      } else {
        for (const [name, value] of Object.entries(callerParameters(oauth.grant, asker.token)))
          parameters.set(name, value);
        const type = grantTypes[oauth.grant as keyof typeof grantTypes];
        const reply = await library.genericTokenEndpointRequest(
          server,
          client,
          auth,
          type,
          parameters,
          options,
        );
        response = await library.processGenericTokenEndpointResponse(server, client, reply);
      }
    } catch (error) {
      throw tokenRefusal(upstream, server.issuer, error, secrets);
    }
    return this.#tokenOf(response, asker, { now, scopes, issuer: server.issuer });
  }

  #options(library: Library) {
    return {
      [library.customFetch]: this.#http.fetch as unknown as typeof fetch,
      // What may go without TLS is said by `Reach`.
      [library.allowInsecureRequests]: true,
    };
  }

  #tokenOf(
    response: TokenEndpointResponse,
    asker: Asker,
    asked: { readonly now: number; readonly scopes: readonly string[]; readonly issuer: string },
  ): Token {
    const { access_token: text, token_type: type, expires_in: seconds, scope } = response;
    const { issuer, now } = asked;
    const fail = (detail: string) => OauthToken({ upstream: this.name, issuer, detail });
    if (type.toLowerCase() !== 'bearer') throw fail(`its token is of the type ${type}, and not Bearer`);
    if (text.length > maxTokenLength || !tokenText.test(text)) throw fail('its token is no bearer token');
    // The caller's own token is for the gateway: the upstream could use it there.
    if (asker.kind === 'caller' && asker.token === text) throw fail('it gave back the token of the caller');
    const ends = [seconds === undefined ? undefined : now + seconds * 1_000];
    if (asker.kind === 'caller') ends.push(asker.end);
    const known = ends.filter((end) => end !== undefined);
    const end = known.length > 0 ? Math.min(...known) : undefined;
    const scopes = scope === undefined ? asked.scopes : scopesOf(scope);
    const refreshToken =
      response.refresh_token ?? (asker.kind === 'refresh' ? asker.refreshToken : undefined);
    return { value: `Bearer ${text}`, scopes, refreshToken, ...timesOf(end, now) };
  }

  /** The scopes that are asked for where a call has not needed more. */
  scopes(): readonly string[] {
    const { scopes } = this.#upstream.oauth;
    if (scopes.length > 0) return scopes;
    return this.#challenged.length > 0 ? this.#challenged : (this.#resource?.scopes ?? []);
  }

  /** RFC 8707 section 2, without the slash at the end of a bare origin, as MCP writes it. */
  get resourceUri(): string {
    const { url, oauth } = this.#upstream;
    const own = url.pathname === '/' && url.search === '' ? url.origin : url.href;
    return oauth.resource ?? this.#resource?.resource ?? own;
  }

  #keepTo(found: ResourceMetadata | undefined): void {
    const { name: upstream, url } = this.#upstream;
    // Servers from before RFC 9728 are their own authorization servers, at the root of their origin (2025-03-26).
    const named = found?.issuers ?? [new URL(url.origin)];
    const [first] = named;
    if (first === undefined)
      throw OauthDiscovery({ upstream, detail: 'its metadata names no authorization server' });
    const kept = this.#issuer;
    if (kept && !named.some(({ href }) => href === kept.href)) {
      const detail = `it names ${first.href} now, and ${kept.href} before: credentials for one are not sent to the other`;
      const hint = 'write the right one into issuer of its oauth block, or start the gateway again';
      throw OauthDiscovery({ upstream, detail, hint });
    }
    if (kept === undefined)
      this.#deps.log.info({ upstream, issuer: first.href }, 'the upstream names its authorization server');
    this.#issuer ??= first;
  }
}

function secretsOf(asker: Asker): string[] {
  if (asker.kind === 'caller') return [asker.token];
  if (asker.kind === 'refresh') return [asker.refreshToken];
  return asker.kind === 'code' ? [asker.verifier, asker.callback.get('code') ?? asker.verifier] : [];
}

const grantTypes = {
  token_exchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwt_bearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
} as const;
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

/** RFC 8693 section 2.1 and RFC 7523 section 2.1. */
function callerParameters(grant: OauthSettings['grant'], token: string): Record<string, string> {
  if (grant === 'jwt_bearer') return { assertion: token };
  return {
    subject_token: token,
    subject_token_type: accessToken,
    requested_token_type: accessToken,
  };
}
