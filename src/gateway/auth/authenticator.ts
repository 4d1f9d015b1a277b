import type { TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { ProxyRules } from '../../config/index.js';
import { messageOf, type SallyError } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { CertificateName, CredentialStore } from '../../tls/index.js';
import { type Identity, principalOf } from '../client.js';
import { serverMcpPath } from '../server-paths.js';

export type Headers = Readonly<Record<string, string>>;

/** What an authenticator is made with. */
export interface AuthenticatorDeps {
  readonly log: Logger;
  readonly now: () => Date;
  /** Which proxy the keys of an issuer are fetched through. Default: none. */
  readonly proxies?: ProxyRules;
  /** What an issuer may take to answer. Default: 5 s. */
  readonly timeoutMs?: number;
  /** Where certificates are held. Default: a store of its own. */
  readonly credentials?: CredentialStore;
  /** Claims of a token that are kept with the identity. Default: none. */
  readonly claims?: readonly string[];
  /** Whether all claims of a token are kept with the identity: rules may read them. Default: no. */
  readonly allClaims?: boolean;
}

/** What authentication goes by: the head of an HTTP request and where it came from. */
export interface AuthRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** With the question mark; empty without one. */
  readonly query: string;
  /** In lower case. */
  readonly headers: Headers;
  readonly host: string | null;
  readonly port: number | null;
  /** Scheme and authority as the client called them. */
  readonly origin: string;
  /** The path that the gateway is below, as the client called it; empty at the root. */
  readonly base: string;
  /** The virtual server that it came to; absent at `/mcp`. */
  readonly server?: string | undefined;
  /** The connection, where it is TLS: a client certificate stands for it. */
  readonly socket: TLSSocket | undefined;
}

/** What a client has to show for itself: enough to be judged again, by this process or another worker. */
export interface Shown {
  readonly authorization?: string | undefined;
  readonly names?: readonly CertificateName[] | undefined;
  /** Where the certificate came from, for the log. */
  readonly remote?: string | undefined;
}

/** Credentials that let nobody in. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly status: 401 | 403;
  /** The error code of RFC 6750 section 3.1; absent where no credentials of a scheme that is taken came. */
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  /** Why, without the credentials. */
  readonly description: string;
}

/** What a client's credentials are worth. */
export type AuthResult =
  | {
      readonly kind: 'known';
      readonly identity: Identity;
      /** When it ends by itself, in milliseconds since 1970; absent: never. */
      readonly until?: number | undefined;
    }
  | Unknown
  /** Nobody can say at the moment: the client may be right. */
  | { readonly kind: 'unavailable'; readonly error: SallyError };

/** One kind of authentication: tokens, JWT or client certificates. */
export interface Authenticator {
  /** What of a request it goes by. Absent: nothing. */
  shown?(arrival: AuthRequest): Shown;
  /** Never rejects. */
  judge(shown: Shown): Promise<AuthResult>;
  /** What its verdicts rest on: another object once that has changed. Absent: nothing that changes, but for itself. */
  basis?(): object;
  /** Looks whether what they rest on has changed. */
  recheck?(): Promise<void>;
  /** Gets at once what else the first client would have fetched. Rejects with a SallyError where it cannot be had. */
  reach?(): Promise<void>;
  /** The `WWW-Authenticate` of a refusal (RFC 9110 section 11.6.1); absent where there is nothing to send. */
  challenge?(arrival: AuthRequest, result: Unknown): string;
  /** The metadata of RFC 9728 for a client that asks without a token. */
  metadata?(arrival: AuthRequest): Record<string, unknown>;
}

/** What a bearer token comes in. */
export const shownHeader = ({ headers }: AuthRequest): Shown => ({ authorization: headers['authorization'] });

/** The token of `Authorization: Bearer …` (RFC 6750 section 2.1); why there is none where there is none. */
export function bearerToken({ authorization: header }: Shown): { readonly token: string } | Unknown {
  // Another scheme is no credential for this one: RFC 6750 section 3.1 has no error code for it.
  if (header === undefined || !/^bearer +\S/i.test(header.trim()))
    return { kind: 'unknown', status: 401, description: 'a token is needed: Authorization: Bearer …' };
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header.trim()) ?? [];
  if (token !== undefined && token.length <= 16_384) return { token };
  const description = 'the Authorization header is not a bearer token';
  return { kind: 'unknown', status: 401, error: 'invalid_request', description };
}

/** A refusal of a token that came (RFC 6750 section 3.1). */
export const invalidToken = (description: string): Unknown => ({
  kind: 'unknown',
  status: 401,
  error: 'invalid_token',
  description,
});

/** A challenge of the Bearer scheme (RFC 6750 section 3) for this refusal, with what else a client has to know. */
export function bearerChallenge(
  { error, description }: Unknown,
  more: { readonly scope?: string | undefined; readonly resource_metadata?: string } = {},
): string {
  const fields = { realm: 'sallyport', error, error_description: error && description, ...more };
  const parts = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value.replace(/[^\x20-\x7e]|["\\]/g, '?')}"`],
  );
  return `Bearer ${parts.join(', ')}`;
}

/** The MCP endpoint that the client called, by the name by which it did (its Host was checked, or a trusted proxy says it). */
export const endpointOf = ({ origin, base, server }: AuthRequest): string =>
  `${origin}${base}${server === undefined ? '/mcp' : serverMcpPath(server)}`;

/** Where the metadata of a protected resource is found; below it, that of the resource at a path (RFC 9728 section 3.1). */
export const metadataPath = '/.well-known/oauth-protected-resource';

/** A token that has ended lets its client go on for so long, in milliseconds: one that is told so fetches the next. */
export const lateMs = 2_000;

/** What let a client in. Whoever keeps something open on its strength keeps it too, and ends that once it is over. */
export interface JudgedCredential {
  readonly identity: Identity;
  readonly shown: Shown;
  /** When it ends by itself, in milliseconds since 1970. */
  readonly until?: number | undefined;
  /** The basis of its last verdict; undefined where another process has judged it. */
  judged: object | undefined;
  /** Whether it lets nobody in any more. */
  over: boolean;
}

interface RecheckDeps {
  readonly authenticator: () => Authenticator;
  readonly log: Logger;
  readonly now: () => Date;
}

/**
 * Makes what finds out which credentials are over, of those that may have ended since they were judged. A verdict that
 * takes its time shows at a later look.
 */
export function createRecheck({ authenticator, log, now }: RecheckDeps) {
  const again = async (credential: JudgedCredential, by: Authenticator) => {
    const result = await by.judge(credential.shown);
    if (result.kind === 'known') {
      // Who is somebody else now, or may go elsewhere, may not go on as who it was.
      credential.over =
        principalOf(result.identity) !== principalOf(credential.identity) ||
        !isDeepStrictEqual(result.identity.servers, credential.identity.servers);
    } else if (result.kind === 'unknown') credential.over = true;
    // Nobody can say: it is asked again.
    else credential.judged = undefined;
  };
  return async (credentials: () => Iterable<JudgedCredential>): Promise<void> => {
    const by = authenticator();
    await by.recheck?.();
    const basis = by.basis?.() ?? by;
    const at = now().getTime();
    for (const credential of credentials()) {
      if (credential.over) continue;
      if (credential.until !== undefined && credential.until <= at) credential.over = true;
      else if (credential.judged !== basis) {
        credential.judged = basis;
        again(credential, by).catch((error: unknown) => {
          credential.judged = undefined;
          log.error({ error: messageOf(error) }, 'a credential could not be judged again');
        });
      }
    }
  };
}
