import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { type AuthSettings, noProxies } from '../../config/index.js';
import { FileUnreadable, fileReason, JwksInvalid, JwksUnavailable, messageOf } from '../../errors.js';
import { parseJson } from '../../json/index.js';
import { isObject, type JsonObject } from '../../mcp/messages.js';
import { readFileText } from '../../read-file.js';
import { createFetch } from '../../tls/fetch.js';
import { createCredentialStore } from '../../tls/index.js';
import { serverMcpPath } from '../server-paths.js';
import type { AuthenticatorDeps, AuthRequest } from './authenticator.js';
import {
  type Authenticator,
  type AuthResult,
  bearerChallenge,
  bearerToken,
  endpointOf,
  invalidToken,
  lateMs,
  metadataPath,
  shownHeader,
} from './authenticator.js';

type JwtSettings = Extract<AuthSettings, { kind: 'jwt' }>;
type Jose = typeof import('jose');

/** Signatures that the issuer alone can make: with HS256 whoever verifies could sign too, and `none` is no signature. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Clocks of two machines differ: a token that is not valid yet may be so there. */
const clockToleranceSeconds = 30;

/**
 * Access tokens of an OAuth 2.0 authorization server (RFC 9068), as MCP has them: issuer, audience, times and
 * signature must be right.
 *
 * @throws SallyError where a file of keys cannot be used. A URL is first asked when a token comes.
 */
export async function openJwt(settings: JwtSettings, deps: AuthenticatorDeps): Promise<Authenticator> {
  const jose = await import('jose');
  const { keys, reach } = await keysOf(settings, jose, deps);
  const { issuer, audience, userClaim, scopes } = settings;
  return {
    shown: shownHeader,
    ...(reach && { reach }),
    async judge(shown) {
      const presented = bearerToken(shown);
      if ('kind' in presented) return presented;
      try {
        const { payload, protectedHeader } = await jose.jwtVerify(presented.token, keys, {
          issuer,
          audience,
          algorithms,
          clockTolerance: clockToleranceSeconds,
          requiredClaims: ['exp', userClaim],
          currentDate: deps.now(),
        });
        if (!isAccessToken(protectedHeader.typ))
          return invalidToken('the typ of the token is not at+jwt or JWT');
        const until = (payload.exp ?? 0) * 1_000 + lateMs;
        if (until <= deps.now().getTime()) return invalidToken(expired);
        return resultOf(payload, settings, until, deps);
      } catch (error) {
        return refusal(error, settings, jose);
      }
    },
    challenge: (arrival, refusal) =>
      bearerChallenge(refusal, {
        scope: scopes.length > 0 ? scopes.join(' ') : undefined,
        resource_metadata: metadataUrl(resourceOf(settings, arrival)),
      }),
    metadata: (arrival) => ({
      resource: resourceOf(settings, arrival),
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
      ...(scopes.length > 0 && { scopes_supported: scopes }),
    }),
  };
}

/** The gateway's own address: as the configuration has it, else as the client called it (its Host was checked). */
function resourceOf({ resource }: JwtSettings, arrival: AuthRequest): string {
  if (resource === undefined || arrival.server === undefined) return resource?.href ?? endpointOf(arrival);
  // Where the configuration says it, a virtual server is beside the endpoint, or below a resource that is none.
  return resource.href.replace(/(\/mcp)?\/?$/, serverMcpPath(arrival.server));
}

/** RFC 9728 section 3.1: between the host and the path of the resource. */
function metadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}${metadataPath}${pathname === '/' ? '' : pathname}`;
}

interface Keys {
  readonly keys: JWTVerifyGetKey;
  readonly reach?: () => Promise<void>;
}

async function keysOf({ jwks }: JwtSettings, jose: Jose, deps: AuthenticatorDeps): Promise<Keys> {
  if ('url' in jwks) {
    // A token with an unknown key has the keys fetched again, but not more often than every half minute.
    const keys = jose.createRemoteJWKSet(jwks.url, {
      [jose.customFetch]: fetchKeys(deps),
      cacheMaxAge: 600_000,
      cooldownDuration: 30_000,
      timeoutDuration: deps.timeoutMs ?? 5_000,
    });
    const reach = async () => {
      try {
        await keys.reload();
      } catch (error) {
        throw JwksUnavailable({ where: jwks.url.href, reason: messageOf(error) }, error);
      }
      if (keys.jwks()?.keys.length === 0)
        throw JwksUnavailable({ where: jwks.url.href, reason: 'there is no key in them' });
    };
    return { keys, reach };
  }
  const path = jwks.file;
  const text = await readFileText(path).catch((error: unknown) => {
    throw FileUnreadable({ path, what: 'the keys of the issuer', reason: fileReason(error) }, error);
  });
  let keys: JWTVerifyGetKey & { readonly jwks: () => JSONWebKeySet };
  try {
    keys = jose.createLocalJWKSet(
      parseJson(text, { what: 'it' }) as Parameters<Jose['createLocalJWKSet']>[0],
    );
  } catch (error) {
    throw JwksInvalid({ path, reason: messageOf(error) }, error);
  }
  if (keys.jwks().keys.length === 0) throw JwksInvalid({ path, reason: 'there is no key in it' });
  return { keys };
}

/**
 * RFC 9068 section 4: what a token was made for is in its type, so that one of another kind (an ID token, a logout token)
 * is not taken for an access token. Servers from before it have `JWT`, or no type. RFC 7515 section 4.1.9: a media type,
 * without regard to case, and usually without `application/`.
 */
function isAccessToken(typ: unknown): boolean {
  if (typ === undefined) return true;
  return typeof typ === 'string' && /^(?:application\/)?(?:at\+)?jwt$/i.test(typ);
}

/** More than any issuer has keys, in bytes. */
const maxJwksBytes = 1_000_000;

/** `fetch`; JSON that it brings is looked at before anybody else reads it. */
function fetchKeys({
  log,
  proxies = noProxies,
  credentials: store = createCredentialStore({ log }),
}: AuthenticatorDeps) {
  const fetch = createFetch({
    peer: ({ host }) => `the issuer at ${host}`,
    log,
    proxies,
    store,
    maxBytes: maxJwksBytes,
  });
  return async (href: string, options: object): Promise<Response> => {
    const reply = await fetch(href, options);
    const text = await reply.text();
    if (reply.status === 200) parseJson(text, { what: 'the set of keys' });
    return new Response(text || null, { status: reply.status });
  };
}

const expired = 'the token has expired';

function resultOf(
  payload: JWTPayload,
  { userClaim, tenantClaim, groupsClaim, serversClaim, scopes }: JwtSettings,
  until: number,
  { claims: kept = [], allClaims = false }: Pick<AuthenticatorDeps, 'claims' | 'allClaims'>,
): AuthResult {
  const user = textOf(payload[userClaim]);
  if (user === undefined) return invalidToken(`the claim ${userClaim} names no user`);
  const has = scopesOf(payload);
  const missing = scopes.filter((scope) => !has.has(scope));
  if (missing.length > 0) {
    const description = `the token has not the scope ${missing.join(' ')}`;
    return { kind: 'unknown', status: 403, error: 'insufficient_scope', description };
  }
  const tenant = tenantClaim === undefined ? undefined : textOf(payload[tenantClaim]);
  const identity = { user, tenant: tenant ?? null, method: 'jwt' } as const;
  const claims = kept.length > 0 && { claims: claimsOf(payload, kept) };
  const bound = serversClaim === undefined ? undefined : boundTo(payload[serversClaim]);
  const groups = groupsOf(payload, groupsClaim);
  const more = {
    ...(bound && { servers: bound }),
    ...(groups && { groups }),
    ...(allClaims && { token: payload as JsonObject }),
  };
  return { kind: 'known', identity: { ...identity, ...claims, ...more }, until };
}

/** The virtual servers that a claim names; undefined without one. One that cannot be read names none. */
function boundTo(claim: unknown): readonly string[] | undefined {
  if (claim === undefined || claim === null) return undefined;
  if (typeof claim === 'string') return claim.split(' ').filter((name) => name !== '');
  return Array.isArray(claim) ? claim.filter((one) => typeof one === 'string') : [];
}

/** The groups of a claim: a list of texts, or one text. Dots lead into a claim where none has the name itself. */
function groupsOf(payload: JWTPayload, name = 'groups'): readonly string[] | undefined {
  let claim: unknown = payload;
  for (const part of Object.hasOwn(payload, name) ? [name] : name.split('.'))
    claim = isObject(claim) && Object.hasOwn(claim, part) ? claim[part] : undefined;
  if (typeof claim === 'string') return [claim];
  return Array.isArray(claim) ? claim.filter((one) => typeof one === 'string') : undefined;
}

/** These claims as texts: a list with commas in between, what is neither as JSON. */
function claimsOf(payload: JWTPayload, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const claim = Object.hasOwn(payload, name) ? payload[name] : undefined;
      if (claim === undefined || claim === null) return [];
      const isList = Array.isArray(claim) && claim.every((one) => typeof one === 'string');
      return [[name, typeof claim === 'string' ? claim : isList ? claim.join(',') : JSON.stringify(claim)]];
    }),
  );
}

function textOf(claim: unknown): string | undefined {
  if (typeof claim === 'number') return String(claim);
  return typeof claim === 'string' && claim !== '' ? claim : undefined;
}

/** `scope` is a text (RFC 8693 section 4.2); some servers have a list, or call it `scp`. */
function scopesOf(payload: JWTPayload): ReadonlySet<string> {
  const claim = payload['scope'] ?? payload['scp'];
  if (Array.isArray(claim)) return new Set(claim.filter((one) => typeof one === 'string'));
  return new Set(typeof claim === 'string' ? claim.split(' ') : []);
}

/** What jose has against a token, without what is in it. */
function refusal(error: unknown, { jwks }: JwtSettings, { errors }: Jose): AuthResult {
  if (error instanceof errors.JWTExpired) return invalidToken(expired);
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalidToken(
      `the claim ${error.claim} of the token is ${error.reason === 'missing' ? 'missing' : 'not valid here'}`,
    );
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return invalidToken('the signature of the token is wrong');
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return invalidToken('the token is signed with a key that is not known');
  if (error instanceof errors.JOSEAlgNotAllowed)
    return invalidToken('the token is signed with an algorithm that is not taken');
  const malformed = [errors.JWTInvalid, errors.JWSInvalid, errors.JOSENotSupported];
  if (malformed.some((kind) => error instanceof kind)) return invalidToken('the token is not a signed JWT');
  const where = 'url' in jwks ? jwks.url.href : jwks.file;
  return { kind: 'unavailable', error: JwksUnavailable({ where, reason: messageOf(error) }, error) };
}
