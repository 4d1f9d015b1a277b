import { ConfigAuth, type ConfigPlace } from '../errors.js';
import type { AuthKeys } from './gateway-keys.js';
import { warnOfUriPatterns } from './name-patterns.js';
import { resolvePath } from './paths.js';
import { given, pathOf, type Reading } from './reading.js';
import type { Field, Fields } from './schema.js';
import type { AuthSettings } from './types.js';
import { isLoopback, readUrl } from './url.js';

type AuthFields = Fields<AuthKeys>;
type Kind = AuthSettings['kind'];

/** The keys that a kind has beside `kind`; the first ones it cannot do without. */
const keysOf: Record<Kind, { needed: readonly (keyof AuthKeys)[]; more: readonly (keyof AuthKeys)[] }> = {
  none: { needed: [], more: [] },
  bearer: { needed: ['tokens_file'], more: [] },
  jwt: {
    needed: ['issuer', 'audience', 'jwks'],
    more: ['user_claim', 'tenant_claim', 'scopes', 'resource'],
  },
  mtls: { needed: [], more: ['users'] },
};

/** `gateway.auth`; undefined, with problems, where it is not whole. */
export function authSettings(
  { value: fields, place }: Field<AuthFields>,
  mutualTls: boolean,
  reading: Reading,
): AuthSettings | undefined {
  const kind = fields?.kind?.value;
  if (fields === undefined || kind === undefined) return undefined;
  const { needed, more } = keysOf[kind];
  const refuse = (at: ConfigPlace, problem: string, instead: string): undefined => {
    reading.problems.add(ConfigAuth({ at, kind, problem, instead }));
  };
  for (const key of Object.keys(fields) as (keyof AuthKeys)[]) {
    const field = fields[key];
    if (field && key !== 'kind' && !needed.includes(key) && !more.includes(key))
      refuse(field.place, `${key} has no meaning for it`, `remove ${key}`);
  }
  for (const key of needed)
    if (fields[key] === undefined) refuse(place, `${key} is missing`, `add '${key}:' to gateway.auth`);
  if (kind === 'none') return { kind };
  if (kind === 'mtls') {
    if (!mutualTls)
      refuse(
        place,
        'client certificates are not required',
        'give gateway.tls with certfile, keyfile, ca_bundle and ssl_cert_reqs: 2',
      );
    for (const { value } of fields.users?.value ?? [])
      warnOfUriPatterns([value?.match?.value ?? ''], value?.match?.place, reading.problems);
    return { kind, users: usersOf(fields) };
  }
  if (kind === 'bearer') {
    const tokensFile = pathOf(fields.tokens_file, reading.paths);
    return tokensFile === undefined ? undefined : { kind, tokensFile };
  }
  return jwtSettings(fields, reading);
}

function usersOf({ users }: AuthFields): Extract<AuthSettings, { kind: 'mtls' }>['users'] {
  return (users?.value ?? []).flatMap(({ value }) =>
    value?.match?.value === undefined
      ? []
      : [
          {
            match: value.match.value,
            ...given('user', value.user?.value),
            ...given('tenant', value.tenant?.value),
          },
        ],
  );
}

function jwtSettings(fields: AuthFields, reading: Reading): AuthSettings | undefined {
  const { issuer, audience, jwks: keys, resource: named } = fields;
  const jwks = keys?.value === undefined ? undefined : jwksOf({ ...keys, value: keys.value }, reading);
  const resource = named && readUrl(named, 'gateway.auth.resource', reading.problems);
  if (issuer?.value === undefined || audience?.value === undefined || jwks === undefined) return undefined;
  return {
    kind: 'jwt',
    issuer: issuer.value,
    audience: audience.value,
    jwks,
    userClaim: fields.user_claim?.value ?? 'sub',
    ...given('tenantClaim', fields.tenant_claim?.value),
    scopes: fields.scopes?.value ?? [],
    ...given('resource', resource),
  };
}

function jwksOf(
  field: Field<string> & { readonly value: string },
  { problems, paths }: Reading,
): Extract<AuthSettings, { kind: 'jwt' }>['jwks'] | undefined {
  if (!/^https?:/i.test(field.value)) return { file: resolvePath(field.value, paths) };
  const url = readUrl(field, 'gateway.auth.jwks', problems);
  // Whoever answers for the keys decides who passes.
  if (url?.protocol === 'http:' && !isLoopback(url.hostname)) {
    const [problem, instead] = ['its keys would come unencrypted', 'begin the URL of jwks with https:'];
    problems.add(ConfigAuth({ at: field.place, kind: 'jwt', problem, instead }));
  }
  return url && { url };
}
