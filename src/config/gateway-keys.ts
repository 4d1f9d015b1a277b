import { clientTlsKeys, serverTlsKeys } from './keys.js';
import type { Keys } from './schema.js';

const seconds = { kind: 'number', max: 3600 } as const;
const filled = { kind: 'text', filled: true } as const;
const texts = { kind: 'texts' } as const;
const path = { kind: 'path' } as const;
const host = { kind: 'host' } as const;
const boolean = { kind: 'boolean' } as const;
const count = { kind: 'integer', min: 1 } as const;

const userKeys = {
  match: {
    type: filled,
    required: true,
    meaning:
      'a name in the certificate: URI:, DNS:, EMAIL: or CN: and the name, or a name of any kind (with :// a URI, and a CN only where there is no subjectAltName); * stands for a part of it',
  },
  user: { type: filled, ifNull: 'absent', meaning: 'who that is; absent: the name that matched' },
  tenant: { type: filled, ifNull: 'absent', meaning: 'whose user that is' },
} as const satisfies Keys;

const authKeys = {
  kind: {
    type: { kind: 'choice', values: ['none', 'bearer', 'jwt', 'mtls'] },
    required: true,
    meaning: 'how a client shows who it is; auth: none says the same as auth: {kind: none}',
  },
  tokens_file: {
    type: path,
    ifNull: 'absent',
    meaning: 'for bearer: the file that sallyport token writes',
  },
  issuer: { type: filled, ifNull: 'absent', meaning: 'for jwt: who issues the tokens (iss)' },
  audience: { type: filled, ifNull: 'absent', meaning: 'for jwt: whom they are meant for (aud)' },
  jwks: {
    type: filled,
    ifNull: 'absent',
    meaning: 'for jwt: the keys of the issuer (RFC 7517), as a URL or a file',
  },
  user_claim: { type: filled, default: 'sub', meaning: 'for jwt: the claim that names the user' },
  tenant_claim: { type: filled, ifNull: 'absent', meaning: 'for jwt: the claim that names the tenant' },
  scopes: { type: texts, ifNull: 'absent', meaning: 'for jwt: scopes that a token must have, all of them' },
  resource: {
    type: filled,
    ifNull: 'absent',
    meaning: 'for jwt: the URL of this gateway as its metadata names it (RFC 9728); absent: as it was called',
  },
  users: {
    type: { kind: 'maps', keys: userKeys },
    ifNull: 'absent',
    meaning:
      'for mtls: who the certificates belong to, the first match counts and no match is refused; absent: the URI, DNS name or address of the certificate is the user, or its CN where there is no subjectAltName',
  },
} as const satisfies Keys;

export const limitKeys = {
  body_bytes: { type: count, default: '8000000', meaning: 'size of a request' },
  concurrent_calls: { type: count, default: '1000', meaning: 'requests at a time' },
  concurrent_calls_per_user: { type: count, default: '100', meaning: 'requests at a time of one user' },
  sessions: { type: count, default: '10000', meaning: 'sessions' },
  sessions_per_user: { type: count, default: '1000', meaning: 'sessions of one user' },
  session_idle: {
    type: { kind: 'number', max: 86_400 },
    default: '1800',
    meaning: 'seconds after which a session without a request and without an open stream ends',
  },
  upstream_queue: { type: count, default: '1000', meaning: 'requests that wait for one upstream' },
} as const satisfies Keys;

export const upstreamKeys = {
  command: { type: filled, ifNull: 'absent', meaning: 'the program that speaks MCP over stdio' },
  args: { type: texts, ifNull: 'absent', meaning: 'its arguments' },
  env: {
    type: { kind: 'named', of: { kind: 'text', written: true } },
    ifNull: 'absent',
    meaning: 'variables set for it, beside the few that it inherits',
  },
  cwd: { type: path, ifNull: 'absent', meaning: 'the folder that it runs in' },
  url: { type: filled, ifNull: 'absent', meaning: 'in place of command: where MCP is served over HTTP' },
  headers: {
    type: { kind: 'named', of: { kind: 'secret', written: true } },
    ifNull: 'absent',
    meaning: "for url: sent with every request, such as the upstream's own token",
  },
  tls: {
    type: { kind: 'map', keys: clientTlsKeys },
    ifNull: 'absent',
    meaning:
      "for url: TLS towards this upstream; absent: the roots of the system verify the server's certificate",
  },
  prefix: {
    type: { kind: 'choice', values: ['auto', 'always', 'never'] },
    default: 'auto',
    meaning: 'whether its names are offered as NAME__name; auto: where there are several upstreams',
  },
  include: {
    type: texts,
    ifNull: 'absent',
    meaning:
      'names of tools and prompts and URIs of resources that are offered, * stands for any text; absent: all',
  },
  exclude: { type: texts, ifNull: 'absent', meaning: 'those that are not offered, whatever include says' },
  timeout: {
    type: seconds,
    default: '60',
    meaning: 'seconds that it has for one request; its progress begins them anew',
  },
} as const satisfies Keys;

export const gatewayKeys = {
  host: { type: host, default: '127.0.0.1', meaning: 'address that the gateway listens on' },
  port: {
    type: { kind: 'integer', min: 1, max: 65535 },
    default: '4444',
    meaning: 'port that it listens on; with TLS, health is served on port + 1000',
  },
  tls: { type: { kind: 'map', keys: serverTlsKeys }, ifNull: 'empty', meaning: 'TLS that it serves with' },
  auth: {
    type: { kind: 'map', keys: authKeys, short: 'kind' },
    default: 'none',
    meaning: 'who may call; none is refused where others than this machine can call',
  },
  allow_unauthenticated: {
    type: boolean,
    default: 'false',
    meaning: 'with auth none: that anyone who reaches the address may call',
  },
  allowed_hosts: {
    type: texts,
    ifNull: 'absent',
    meaning:
      'host names that it is called by beside its address, such as those of a proxy; where given, any other name is refused with 421',
  },
  allowed_origins: {
    type: texts,
    ifNull: 'absent',
    meaning: 'origins of web pages that may call, such as https://app.example',
  },
  failures: {
    type: { kind: 'choice', values: ['brief', 'full'] },
    default: 'brief',
    meaning:
      'what a client is told of a plugin or an upstream that fails: its name, a code and the id of the request, or in full, with texts in which URLs, paths and secrets may stand; the log has them in any case',
  },
  limits: {
    type: { kind: 'map', keys: limitKeys },
    ifNull: 'absent',
    meaning:
      'what it takes at most, each process by itself where there are several; what is over is answered with 429 or 503',
  },
  upstreams: {
    type: { kind: 'named', of: { kind: 'map', keys: upstreamKeys } },
    ifNull: 'absent',
    meaning: 'the MCP servers behind it, by name: letters, digits, dots, hyphens, underscores, and no __',
  },
} as const satisfies Keys;

export type AuthKeys = typeof authKeys;
