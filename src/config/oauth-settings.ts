import { ConfigBadValue, ConfigOauth, ConfigOauthIssuer, type ConfigPlace } from '../errors.js';
import { oauthKeys } from './keys.js';
import { networksOf } from './networks.js';
import { type Problems, shown } from './problems.js';
import { given, isLoopback, type Reading, readUrl } from './reading.js';
import { type Field, type Fields, type SettingsOf, settingsOf } from './schema.js';
import { type ClientTlsSettings, upstreamTls } from './tls-settings.js';

type OauthValues = SettingsOf<typeof oauthKeys>;

/** How the client shows who it is at the token endpoint (RFC 6749 section 2.3, RFC 7523, RFC 8705). */
export type ClientAuthMethod = NonNullable<OauthValues['clientAuth']>;

/** How access tokens for one upstream are had. Paths are absolute. */
export interface OauthSettings extends Omit<OauthValues, 'issuer' | 'clientId'> {
  /** Absent with authorization_code alone: a document at the gateway describes the client, or it is registered. */
  readonly clientId?: string;
  readonly issuer?: URL;
  readonly tls?: ClientTlsSettings;
}

/** Whether the token is that of the user who calls, and not the gateway's own. */
export function isPerUser({ grant }: Pick<OauthSettings, 'grant'>): boolean {
  return grant !== 'client_credentials';
}

export type OauthFields = Fields<typeof oauthKeys>;

type Refuse = (at: ConfigPlace, problem: string, instead: string) => void;

/** The `oauth` block of an upstream at `path`; undefined, with problems, where it is not whole. */
export function oauthSettings(
  upstream: string,
  { value: fields, place }: Field<OauthFields>,
  path: string,
  { paths, problems }: Pick<Reading, 'paths' | 'problems'>,
): OauthSettings | undefined {
  if (fields === undefined) return undefined;
  const refuse: Refuse = (at, problem, instead) =>
    problems.add(ConfigOauth({ at, upstream: shown(upstream), problem, instead }));
  const { issuer: _, clientId, ...values } = settingsOf(oauthKeys, fields, paths);
  const issuer = fields.issuer && issuerOf(fields.issuer, `${path}.issuer`, refuse, problems);
  if (fields.resource) readUrl(fields.resource, `${path}.resource`, problems, { path: 'any' });
  const asksUsers = values.grant === 'authorization_code';
  if (fields.client_id === undefined && !asksUsers)
    refuse(place, 'client_id is missing', "add 'client_id:' with the name of this client at the server");
  if (!asksUsers || fields.client_id) checkSecrets(fields, place, refuse);
  const givesCallers = isPerUser(values) && !asksUsers;
  if (givesCallers && fields.issuer === undefined)
    refuse(
      place,
      `issuer is missing, and with ${values.grant} the tokens of users are sent to it`,
      "add 'issuer:' with the authorization server: the upstream must not choose who gets them",
    );
  else if (fields.issuer === undefined && (fields.client_secret ?? fields.client_secret_file))
    problems.warn(ConfigOauthIssuer({ at: place, upstream: shown(upstream) }));
  for (const host of values.privateHosts) {
    if (isHostOrRange(host)) continue;
    const at = fields.private_hosts?.place ?? place;
    const expected = 'a list of host names, addresses and ranges such as 10.0.0.0/8';
    problems.add(ConfigBadValue({ at, key: `${path}.private_hosts`, expected, seen: shown(host) }));
  }
  const { tls: block } = fields;
  const subject = `the authorization server of upstream ${shown(upstream)}`;
  const tls = block?.value && upstreamTls(block.value, block.place, subject, { problems, paths });
  if (clientId === undefined && !asksUsers) return undefined;
  return { ...values, ...given('clientId', clientId), ...given('issuer', issuer), ...given('tls', tls) };
}

/** RFC 8414 section 2: an https URL without query and fragment. Without TLS this machine alone. */
function issuerOf(field: Field<string>, key: string, refuse: Refuse, problems: Problems): URL | undefined {
  const url = readUrl(field, key, problems, { path: 'any' });
  if (url === undefined) return undefined;
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    refuse(
      field.place,
      'its issuer would get credentials unencrypted',
      'begin the URL of issuer with https:',
    );
  if (url.search !== '')
    refuse(field.place, 'its issuer has a query, which no issuer has', 'write the issuer without the ?');
  return url;
}

/** What each method shows; one that is not named here shows nothing. */
const shows: Partial<Record<ClientAuthMethod, 'secret' | 'key' | 'certificate'>> = {
  client_secret_basic: 'secret',
  client_secret_post: 'secret',
  private_key_jwt: 'key',
  tls_client_auth: 'certificate',
  self_signed_tls_client_auth: 'certificate',
};
const gives = {
  secret: 'client_secret_file, or client_secret from a variable',
  key: 'private_key_file',
  certificate: 'tls with certfile and keyfile',
} as const;

function checkSecrets(fields: OauthFields, place: ConfigPlace, refuse: Refuse): void {
  const { client_secret: secret, client_secret_file: secretFile, private_key_file: key } = fields;
  // Files of configurations are shown, copied and kept in version control.
  if (secret?.value && !secret.rendered)
    refuse(
      secret.place,
      'its client_secret stands in the file',
      "write client_secret: '{{ env.NAME }}' and set NAME, or name a file in client_secret_file",
    );
  if (secret && secretFile)
    refuse(secretFile.place, 'it has client_secret and client_secret_file', 'keep one of the two');
  if (fields.private_key_id && !key)
    refuse(fields.private_key_id.place, 'it has private_key_id, and no key', "add 'private_key_file:'");
  const has = { secret: secret ?? secretFile, key, certificate: fields.tls?.value?.certfile };
  const method = fields.client_auth?.value;
  const wanted = method && shows[method];
  if (fields.client_auth === undefined && has.secret && key)
    refuse(key.place, 'it has a secret and a private key', 'keep one, or say which with client_auth');
  if (method === undefined) {
    const isPublic = fields.grant?.value === 'authorization_code';
    if (!isPublic && fields.client_auth === undefined && !has.secret && !has.key && !has.certificate)
      refuse(
        place,
        'nothing shows who the client is',
        `give ${gives.secret}; or ${gives.key}; or ${gives.certificate}; or client_auth: none`,
      );
    return;
  }
  const at = fields.client_auth?.place ?? place;
  if (wanted !== undefined && !has[wanted])
    refuse(at, `client_auth is ${method}, and it has not what that shows`, `give ${gives[wanted]}`);
  if (method === 'none' && fields.grant?.value !== undefined && fields.grant.value !== 'client_credentials')
    return;
  if (method === 'none')
    refuse(
      at,
      'client_auth is none, and client_credentials is for clients that show who they are',
      'give a secret, a key or a certificate',
    );
}

const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/;

function isHostOrRange(text: string): boolean {
  let isRange = true;
  networksOf([text], () => {
    isRange = false;
  });
  return isRange || hostName.test(text);
}
