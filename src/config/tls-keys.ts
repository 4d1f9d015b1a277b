import { type Keys, key, optional } from './schema.js';

const filled = { kind: 'text', filled: true } as const;
const path = { kind: 'path' } as const;
const host = { kind: 'host' } as const;
const boolean = { kind: 'boolean' } as const;

const tlsKeys = {
  certfile: optional(path, 'certificate that this side shows, in PEM'),
  keyfile: optional(path, 'private key of the certificate that this side shows, in PEM'),
  pfx: optional(
    path,
    'in place of certfile and keyfile: both in one file, in PKCS #12 (.p12, .pfx); CAs that it holds are shown, never trusted',
  ),
  ca_bundle: optional(path, 'certificate authorities that the other side is verified against'),
  partial_chain: optional(
    boolean,
    'whether an intermediate CA in ca_bundle is trusted as it is, without the root above it',
  ),
  keyfile_password: optional({ kind: 'secret' }, 'password of the private key or of pfx, where it has one'),
  keyfile_password_file: optional(
    path,
    'in place of keyfile_password: a file whose first line is the password; read anew with the key',
  ),
  crl_file: optional(
    path,
    'revocation lists in PEM, one of every CA in ca_bundle: a certificate that one of them names is refused',
  ),
  pins: optional(
    { kind: 'texts', of: { kind: 'pin' }, filled: true },
    'public keys, of which the other side or a CA above it must have one, beside all other checks',
  ),
} as const satisfies Keys;

export const clientTlsKeys = {
  ...tlsKeys,
  verify: key(boolean, 'whether the certificate of the plugin server must verify', { default: true }),
  check_hostname: key(boolean, "whether that certificate must be for the URL's host", { default: true }),
  server_name: optional(host, "check the certificate for this name in place of the URL's host"),
  identity: optional(
    filled,
    "whose certificate it must be. Absent: this plugin's, where it names a role. plugin: this plugin's, by role, DNS name, or CN where there is no subjectAltName. host: any plugin's on that host. Else the name of the plugin whose certificate the server shows",
  ),
} as const satisfies Keys;

/** Between gateway and plugin servers the roots of the system are never trusted. */
export const upstreamTlsKeys = {
  ...clientTlsKeys,
  ca: optional(
    { kind: 'choice', values: ['system'] },
    'in place of ca_bundle: the roots of the system, as without a tls block',
  ),
} as const satisfies Keys;

export const serverTlsKeys = {
  ...tlsKeys,
  ssl_cert_reqs: key(
    { kind: 'integer', min: 0, max: 2 },
    'client certificate: 0 not asked for, 1 must verify if one is shown, 2 required',
    { default: 2 },
  ),
  allowed_clients: optional(
    { kind: 'texts', of: filled, filled: true },
    'clients that may connect: URI:, DNS: or CN: and a name, or a name of any kind (with :// a URI, and a CN only where there is no subjectAltName); * stands for a part of one. Absent: the gateway, where certificates name a role, else any client of the CA',
  ),
} as const satisfies Keys;
