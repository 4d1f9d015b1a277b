import {
  ConfigHostnameCheckOff,
  ConfigNoClientCertificate,
  ConfigPeerUnchecked,
  type ConfigPlace,
  ConfigTlsIncomplete,
  ConfigUriPattern,
  ConfigVerifyOff,
} from '../errors.js';
import { clientTlsKeys, serverTlsKeys } from './keys.js';
import type { Problems } from './problems.js';
import type { ConfigSide, Reading } from './reading.js';
import { type Fields, type SettingsOf, settingsOf } from './schema.js';
import { clientTlsVariables, type serverTlsVariables } from './variables.js';

export type ClientTlsFields = Fields<typeof clientTlsKeys>;
export type ServerTlsFields = Fields<typeof serverTlsKeys>;

/**
 * TLS as the gateway uses it towards a server. `caBundle` is absent only where `verify` is false, or where an upstream has
 * no `tls` block.
 */
export type ClientTlsSettings = SettingsOf<typeof clientTlsKeys>;

/** TLS as a server offers it. `caBundle` is absent only with `sslCertReqs` 0. */
export type ServerTlsSettings = SettingsOf<typeof serverTlsKeys> & {
  readonly certfile: string;
  readonly keyfile: string;
};

/** Client certificate: 0 not asked for, 1 must verify if presented, 2 required. */
export type SslCertReqs = ServerTlsSettings['sslCertReqs'];

/** A `tls` block that is asked for, and what its fields are. */
export interface TlsRequest {
  readonly place: ConfigPlace;
  readonly fields: ServerTlsFields;
}

/** Whose TLS it is: a plugin server's is complete on its own side only, where variables may complete it. */
export interface TlsOwner {
  readonly subject: string;
  readonly side: ConfigSide;
  readonly variables?: typeof serverTlsVariables;
}

/** The `tls` block of a server, with problems where it is not whole. */
export function serverTls(
  { place, fields }: TlsRequest,
  { subject, side: ownSide, variables }: TlsOwner,
  { side, paths, problems }: Reading,
): ServerTlsSettings | undefined {
  const reqs = fields.ssl_cert_reqs;
  const { certfile, keyfile, ...more } = settingsOf(serverTlsKeys, fields, paths);
  const { sslCertReqs } = more;
  const asksForClients = reqs === undefined || (reqs.value !== undefined && reqs.value !== 0);
  const needed = asksForClients
    ? (['certfile', 'keyfile', 'ca_bundle'] as const)
    : (['certfile', 'keyfile'] as const);
  const missing = needed.filter((field) => fields[field] === undefined);
  if (missing.length > 0 && side === ownSide) {
    problems.add(
      ConfigTlsIncomplete({
        at: place,
        subject,
        because: missing.includes('ca_bundle')
          ? `TLS is asked for, with ssl_cert_reqs ${sslCertReqs}`
          : 'TLS is asked for',
        missing,
        variables: variables ? missing.map((field) => variables[field].name) : [],
      }),
    );
  }
  refuseUnchecked(fields, sslCertReqs, problems);
  warnOfUriPatterns(fields.allowed_clients?.value, fields.allowed_clients?.place, problems);
  if (missing.length > 0 || certfile === undefined || keyfile === undefined) return undefined;
  return { certfile, keyfile, ...more };
}

/** What says who may connect says nothing where one may connect without a certificate. */
function refuseUnchecked(
  fields: ServerTlsFields,
  reqs: ServerTlsSettings['sslCertReqs'],
  problems: Reading['problems'],
): void {
  const least = { allowed_clients: 2, pins: 2, crl_file: 1 } as const;
  for (const key of ['allowed_clients', 'pins', 'crl_file'] as const) {
    const at = fields[key]?.place;
    if (at === undefined || reqs >= least[key]) continue;
    const [because, instead] = [`ssl_cert_reqs is ${reqs}`, 'set ssl_cert_reqs to 2'];
    problems.add(ConfigPeerUnchecked({ at, subject: 'the plugin server', key, because, instead }));
  }
}

/** What could complete the TLS of a server, and whether it is meant to be mutual. */
interface TlsExpected {
  readonly variables: Partial<typeof clientTlsVariables>;
  readonly mutual: boolean;
}

/** Whether TLS towards a server is whole. */
export function checkTls(
  tls: ClientTlsFields,
  at: ConfigPlace,
  subject: string,
  { problems }: Pick<Reading, 'problems'>,
  { variables, mutual }: TlsExpected = { variables: clientTlsVariables, mutual: true },
): void {
  const incomplete = (
    place: ConfigPlace,
    because: string,
    field: 'certfile' | 'keyfile' | 'ca_bundle',
  ): void => {
    const variable = variables[field]?.name;
    problems.add(
      ConfigTlsIncomplete({
        at: place,
        subject,
        because,
        missing: [field],
        variables: variable ? [variable] : [],
      }),
    );
  };
  const { certfile, keyfile, keyfile_password: password, verify, check_hostname: checkHostname } = tls;
  if (tls.ca_bundle === undefined && (verify === undefined || verify.value === true)) {
    incomplete(
      at,
      "the server's certificate has to verify, and the roots of the system are not used",
      'ca_bundle',
    );
  }
  if (certfile !== undefined && keyfile === undefined)
    incomplete(certfile.place, 'a certfile is given', 'keyfile');
  if (keyfile !== undefined && certfile === undefined)
    incomplete(keyfile.place, 'a keyfile is given', 'certfile');
  const passwordAlone = certfile === undefined && keyfile === undefined && (password?.value ?? '') !== '';
  if (passwordAlone && password !== undefined)
    incomplete(password.place, 'a keyfile_password is given', 'keyfile');
  if (mutual && certfile === undefined && keyfile === undefined && !passwordAlone) {
    problems.warn(ConfigNoClientCertificate({ at, subject }));
  }
  if (verify?.value === false) {
    problems.warn(ConfigVerifyOff({ at: verify.place, subject }));
    for (const key of ['identity', 'pins', 'crl_file'] as const) {
      const field = tls[key];
      const [because, instead] = ['verify is false', 'set verify to true'];
      if (field) problems.add(ConfigPeerUnchecked({ at: field.place, subject, key, because, instead }));
    }
  }
  if (checkHostname?.value === false)
    problems.warn(ConfigHostnameCheckOff({ at: checkHostname.place, subject }));
}

/** TLS towards a server, as its fields give it. */
export function clientTls(tls: ClientTlsFields, { paths }: Pick<Reading, 'paths'>): ClientTlsSettings {
  return settingsOf(clientTlsKeys, tls, paths);
}

/** Whether a pattern without a kind is for URIs alone: a CN may have any text, that of a URI too. */
export function isUriPattern(pattern: string): boolean {
  return !/^(URI|DNS|EMAIL|CN):/.test(pattern) && pattern.includes('://');
}

export function warnOfUriPatterns(
  patterns: readonly string[] | undefined,
  at: ConfigPlace | undefined,
  problems: Problems,
): void {
  if (at === undefined) return;
  for (const pattern of patterns ?? [])
    if (isUriPattern(pattern)) problems.warn(ConfigUriPattern({ at, pattern }));
}
