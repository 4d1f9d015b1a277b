import { type Keys, key, optional, required } from './schema.js';

const filled = { kind: 'text', filled: true } as const;
const texts = { kind: 'texts' } as const;
const path = { kind: 'path' } as const;

/** A list that may be left out, and is then empty. */
const listOrNone = { ifNull: 'absent', default: [] } as const;

const oauthGrants = ['client_credentials', 'token_exchange', 'jwt_bearer', 'authorization_code'] as const;
const clientAuthMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
] as const;

export const oauthClientKeys = {
  grant: key(
    { kind: 'choice', values: oauthGrants },
    "whose token it is: client_credentials, the gateway's own, for all callers; token_exchange (RFC 8693) and jwt_bearer (RFC 7523), that of the user who calls, for the token that came through gateway.auth: jwt; authorization_code, one that each user consents to in a browser, at gateway.oauth",
    { default: 'client_credentials' },
  ),
  issuer: optional(
    filled,
    'the authorization server, as its metadata names it; absent: the one that the upstream names where it answers 401 (RFC 9728). For token_exchange and jwt_bearer it has to be given',
  ),
  client_id: optional(filled, 'the client that the gateway is at the authorization server'),
  client_secret: optional(
    { kind: 'secret' },
    "its secret, from a variable: '{{ env.NAME }}'; a secret that stands in the file is refused",
  ),
  client_secret_file: optional(path, 'in place of client_secret: a file that holds it, read for each token'),
  private_key_file: optional(
    path,
    'for private_key_jwt: the private key that signs for the client, in PEM (RSA, EC or Ed25519)',
  ),
  private_key_id: optional(filled, 'for private_key_jwt: the kid of that key, where the server wants one'),
  client_auth: optional(
    { kind: 'choice', values: clientAuthMethods },
    'how the client shows who it is at the token endpoint; absent: by what is given, a secret as the server takes it (basic first), a private key, or the certificate of tls (RFC 8705)',
  ),
  resource: optional(
    filled,
    'whom the token is for, sent with every token request (RFC 8707); absent: as the upstream names itself (RFC 9728), else its url',
  ),
  audience: optional(filled, 'sent beside resource, for servers that go by it (RFC 8693 section 2.1)'),
  scopes: key(
    texts,
    'scopes that are asked for; absent: those that the upstream names in its 401, else those of its metadata',
    listOrNone,
  ),
  private_hosts: key(
    texts,
    'where discovery may lead though its address is private or this machine: host names, addresses, and ranges such as 10.0.0.0/8. The hosts of url and issuer need no entry',
    listOrNone,
  ),
} as const satisfies Keys;

/** Where users consent, for upstreams with grant authorization_code. */
export const consentKeys = {
  base_url: required(
    filled,
    'where browsers reach this gateway, such as https://gateway.example.com; /oauth/callback below it is the redirect URI',
  ),
  tokens_file: optional(path, 'where the tokens of users are kept, encrypted; absent: in memory alone'),
  key_file: optional(
    path,
    'the key that encrypts them, 32 bytes in base64: openssl rand -base64 32; no token reaches a disk without it',
  ),
} as const satisfies Keys;
