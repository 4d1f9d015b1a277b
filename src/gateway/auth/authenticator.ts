import type { SallyError } from '../../errors.js';
import type { CertificateName } from '../../tls/index.js';
import type { Identity } from '../client.js';
import type { Arrival } from './arrival.js';

/** What a client has to show for itself: enough to be judged again, by this process or another worker. */
export interface Shown {
  readonly authorization?: string | undefined;
  readonly names?: readonly CertificateName[] | undefined;
  /** Where the certificate came from, for the log. */
  readonly remote?: string | undefined;
}

/** What a client's credentials are worth. */
export type Verdict =
  | {
      readonly kind: 'known';
      readonly identity: Identity;
      /** When it ends by itself, in milliseconds since 1970; absent: never. */
      readonly until?: number | undefined;
    }
  | {
      readonly kind: 'unknown';
      readonly status: 401 | 403;
      /** The error code of RFC 6750 section 3.1; absent where no credentials of a scheme that is taken came. */
      readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
      /** Why, without the credentials. */
      readonly description: string;
    }
  /** Nobody can say at the moment: the client may be right. */
  | { readonly kind: 'unavailable'; readonly error: SallyError };

/** One way in which clients show who they are. */
export interface Authenticator {
  /** What of a request it goes by. */
  shown(arrival: Arrival): Shown;
  /** Never rejects. */
  judge(shown: Shown): Promise<Verdict>;
  /** What its verdicts rest on: another object once that has changed. Absent: nothing that changes. */
  basis?(): object;
  /** Looks whether what they rest on has changed. */
  look?(): Promise<void>;
  /** The `WWW-Authenticate` of a refusal (RFC 9110 section 11.6.1); absent where there is nothing to send. */
  challenge?(arrival: Arrival, verdict: Extract<Verdict, { kind: 'unknown' }>): string;
  /** The metadata of RFC 9728 for a client that asks without a token. */
  metadata?(arrival: Arrival): Record<string, unknown>;
}

/** Nobody is asked. */
export const everyone: Authenticator = {
  shown: () => ({}),
  judge: () => Promise.resolve(nobodyAsked),
};

const nobodyAsked: Verdict = { kind: 'known', identity: { user: null, tenant: null, method: 'none' } };

/** What a bearer token comes in. */
export const shownHeader = ({ headers }: Arrival): Shown => ({ authorization: headers['authorization'] });

/** The token of `Authorization: Bearer …` (RFC 6750 section 2.1); why there is none where there is none. */
export function bearerToken({
  authorization: header,
}: Shown): { readonly token: string } | Extract<Verdict, { kind: 'unknown' }> {
  // Another scheme is no credential for this one: RFC 6750 section 3.1 has no error code for it.
  if (header === undefined || !/^bearer +\S/i.test(header.trim()))
    return { kind: 'unknown', status: 401, description: 'a token is needed: Authorization: Bearer …' };
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header.trim()) ?? [];
  if (token !== undefined && token.length <= 16_384) return { token };
  const description = 'the Authorization header is not a bearer token';
  return { kind: 'unknown', status: 401, error: 'invalid_request', description };
}

/** A challenge of the Bearer scheme (RFC 6750 section 3). */
export function bearerChallenge(fields: Readonly<Record<string, string | undefined>>): string {
  const parts = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value.replace(/[^\x20-\x7e]|["\\]/g, '?')}"`],
  );
  return `Bearer ${parts.join(', ')}`;
}
