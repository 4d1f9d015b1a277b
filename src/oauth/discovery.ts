import type { AuthorizationServer } from 'oauth4webapi';
import { findSallyError, OauthAddress, OauthDiscovery } from '../errors.js';
import { parseJson } from '../json/index.js';
import { type OauthFetch, reasonOf } from './fetch.js';

type Library = typeof import('oauth4webapi');

/** What an upstream says of itself as a protected resource (RFC 9728). */
export interface ResourceMetadata {
  /** Whom tokens for it are meant for. */
  readonly resource: string;
  readonly issuers: readonly URL[];
  readonly scopes: readonly string[];
}

interface DiscoveryDeps {
  readonly upstream: string;
  readonly url: URL;
  readonly http: OauthFetch;
}

/** Lists that an upstream may give, at most so long. */
const most = 50;

/**
 * The metadata of the upstream as a protected resource: where its challenge says (`named`), else where RFC 9728 section 3.1
 * has it, below the path of the upstream and at its root. Undefined where it has none.
 *
 * @throws SALLY_UPSTREAM_OAUTH_DISCOVERY, SALLY_UPSTREAM_OAUTH_ADDRESS
 */
export async function discoverResource(
  named: string | undefined,
  deps: DiscoveryDeps,
): Promise<ResourceMetadata | undefined> {
  const { url } = deps;
  const fail = (detail: string) => OauthDiscovery({ upstream: deps.upstream, detail });
  if (named !== undefined) {
    if (!URL.canParse(named)) throw fail('resource_metadata of its challenge is no URL');
    const found = await getJson(new URL(named), deps);
    if ('document' in found) return resourceOf(found.document, deps, fail);
    throw fail(found.failed);
  }
  const wellKnown = '/.well-known/oauth-protected-resource';
  const path = url.pathname === '/' ? '' : url.pathname;
  for (const place of new Set([wellKnown + path + url.search, wellKnown])) {
    const found = await getJson(new URL(place, url), deps);
    if ('document' in found) return resourceOf(found.document, deps, fail);
  }
  return undefined;
}

function resourceOf(
  { resource, authorization_servers: servers, scopes_supported: scopes }: Record<string, unknown>,
  { url }: DiscoveryDeps,
  fail: (detail: string) => Error,
): ResourceMetadata {
  // RFC 9728 section 3.3: a token for another resource must not be had by its name. Servers name their origin, or a path above.
  if (typeof resource !== 'string' || !URL.canParse(resource) || !covers(new URL(resource), url))
    throw fail(`its metadata is that of another resource: ${JSON.stringify(String(resource).slice(0, 200))}`);
  const texts = (list: unknown) =>
    Array.isArray(list) ? list.filter((one) => typeof one === 'string').slice(0, most) : [];
  const issuers = texts(servers).filter((one) => URL.canParse(one));
  return { resource, issuers: issuers.map((one) => new URL(one)), scopes: texts(scopes) };
}

/** Whether `resource` is `url`, or a part of the path above it. */
function covers(resource: URL, url: URL): boolean {
  if (resource.origin !== url.origin || resource.hash !== '') return false;
  if (resource.search !== '' && resource.search !== url.search) return false;
  const folder = (path: string) => (path.endsWith('/') ? path : `${path}/`);
  return folder(url.pathname).startsWith(folder(resource.pathname));
}

/**
 * The metadata of an authorization server, where RFC 8414 section 3.1 and OpenID Connect Discovery have it: with its path
 * behind the well-known part, or before it.
 *
 * @throws SALLY_UPSTREAM_OAUTH_DISCOVERY, SALLY_UPSTREAM_OAUTH_ADDRESS
 */
export async function discoverServer(
  issuer: URL,
  { upstream, http }: DiscoveryDeps,
  library: Library,
): Promise<AuthorizationServer> {
  const path = issuer.pathname.replace(/\/$/, '');
  const places = [
    `/.well-known/oauth-authorization-server${path}`,
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
  ];
  const failed: string[] = [];
  for (const place of new Set(places)) {
    const at = new URL(place, issuer);
    const found = await getJson(at, { upstream, http });
    if ('failed' in found) {
      failed.push(found.failed);
      // Nobody there is nobody at the other places.
      if (found.status === undefined) break;
      continue;
    }
    const copy = new Response(JSON.stringify(found.document), {
      headers: { 'content-type': 'application/json' },
    });
    try {
      return await library.processDiscoveryResponse(issuer, copy);
    } catch {
      // RFC 8414 section 3.3: metadata of another issuer is not used.
      const said = JSON.stringify(String(found.document['issuer']).slice(0, 200));
      failed.push(`${at.href}: its issuer is ${said} and not ${JSON.stringify(issuer.href)}`);
    }
  }
  throw OauthDiscovery({ upstream, detail: [...new Set(failed)].join('; ') });
}

type Found =
  | { readonly document: Record<string, unknown> }
  | { readonly failed: string; readonly status?: number };

async function getJson(url: URL, { http }: Pick<DiscoveryDeps, 'upstream' | 'http'>): Promise<Found> {
  let reply: Response;
  try {
    reply = await http.fetch(url.href, { headers: { accept: 'application/json' } });
  } catch (error) {
    const known = findSallyError(error);
    if (OauthAddress.is(known)) throw known;
    return { failed: `${url.href}: ${reasonOf(error)}` };
  }
  const { status } = reply;
  if (status !== 200) return { failed: `${url.href}: HTTP ${status}`, status };
  const document = await reply
    .text()
    .then(parseJson)
    .catch(() => undefined);
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return { failed: `${url.href}: it is no JSON object`, status };
  return { document: document as Record<string, unknown> };
}
