import { ConfigOauth, ConfigOauthConsent } from '../errors.js';
import type { authKeys } from './keys.js';
import type { consentKeys } from './oauth-keys.js';
import { type Problems, shown } from './problems.js';
import { given, isLoopback, pathOf, type Reading, readUrl } from './reading.js';
import type { Field, Fields } from './schema.js';
import type { UpstreamFields } from './upstream-settings.js';

/** Where users consent in a browser, and where their tokens are kept. */
export interface ConsentSettings {
  readonly baseUrl: URL;
  /** Absent: in memory alone. */
  readonly files?: { readonly tokensFile: string; readonly keyFile: string };
}

/** The `oauth` block of the gateway; undefined, with problems, where it is not whole. */
export function consentSettings(
  { value: fields }: Field<Fields<typeof consentKeys>>,
  { problems, paths }: Reading,
): ConsentSettings | undefined {
  if (fields?.base_url === undefined) return undefined;
  const { base_url: base, tokens_file: tokens, key_file: key } = fields;
  const baseUrl = readUrl(base, 'gateway.oauth.base_url', problems, { path: 'any' });
  // RFC 9700 section 2.6: the code comes with it.
  if (baseUrl?.protocol === 'http:' && !isLoopback(baseUrl.hostname))
    problems.add(
      ConfigOauthConsent({
        at: base.place,
        problem: 'codes and consents would go over base_url unencrypted',
        instead: 'begin base_url with https:',
      }),
    );
  const [one, other] = tokens === undefined ? [key, 'tokens_file'] : [tokens, 'key_file'];
  if (one !== undefined && (tokens === undefined || key === undefined))
    problems.add(
      ConfigOauthConsent({
        at: one.place,
        problem: `${other} is missing: tokens are kept on disk with both, and in memory with neither`,
        instead: `add '${other}:', or remove the other`,
      }),
    );
  const [tokensFile, keyFile] = [pathOf(tokens, paths), pathOf(key, paths)];
  const files = tokensFile !== undefined && keyFile !== undefined ? { tokensFile, keyFile } : undefined;
  return baseUrl && { baseUrl, ...given('files', files) };
}

/** Whether users can be told apart, and asked, where tokens of theirs are wanted. */
export function checkGrants(
  upstreams: Readonly<Record<string, Field<UpstreamFields>>>,
  auth: NonNullable<NonNullable<Fields<typeof authKeys>['kind']>['value']> | undefined,
  asksUsers: boolean,
  problems: Problems,
): void {
  for (const [name, { value }] of Object.entries(upstreams)) {
    const grant = value?.oauth?.value?.grant;
    if (grant?.value === undefined || grant.value === 'client_credentials' || auth === undefined) continue;
    const refuse = (problem: string, instead: string) =>
      problems.add(ConfigOauth({ at: grant.place, upstream: shown(name), problem, instead }));
    if (grant.value === 'authorization_code') {
      if (!asksUsers)
        refuse(
          'authorization_code asks users in a browser, and nothing says where',
          "add 'oauth: {base_url: https://…}' to the gateway block",
        );
    } else if (auth !== 'jwt')
      refuse(
        `${grant.value} needs the token of the caller, and gateway.auth is ${auth}`,
        'set gateway.auth to jwt, or grant to client_credentials or authorization_code',
      );
  }
}
