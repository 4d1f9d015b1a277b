import {
  ConfigHostnameCheckOff,
  ConfigNoClientCertificate,
  ConfigPeerUnchecked,
  type ConfigPlace,
  ConfigTlsIncomplete,
  ConfigTransport,
  ConfigUriPattern,
  ConfigVerifyOff,
} from '../errors.js';
import type { Problems } from './problems.js';
import type { ConfigSide, Reading } from './reading.js';
import { type Field, type Fields, type SettingsOf, settingsOf } from './schema.js';
import { clientTlsKeys, serverTlsKeys, upstreamTlsKeys } from './tls-keys.js';
import { clientTlsVariables, type serverTlsVariables } from './variables.js';

export type ClientTlsFields = Fields<typeof clientTlsKeys>;
export type ServerTlsFields = Fields<typeof serverTlsKeys>;
type UpstreamTlsFields = Fields<typeof upstreamTlsKeys>;

/**
 * That the own certificate may be of any CA: the bundle is for the other side. Between gateway and plugin servers, which
 * are of one CA, it may not.
 */
interface OfAnyIssuer {
  readonly anyIssuer?: true;
}

/**
 * TLS as the gateway uses it towards a server. `caBundle` is absent only where `verify` is false, or where an upstream has
 * no `tls` block.
 */
export type ClientTlsSettings = SettingsOf<typeof upstreamTlsKeys> & OfAnyIssuer;

/** TLS as a server offers it, with `certfile` and `keyfile`, or `pfx`. `caBundle` is absent only with `sslCertReqs` 0. */
export type ServerTlsSettings = SettingsOf<typeof serverTlsKeys> & OfAnyIssuer;

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
  /** Whether its clients are of a CA of their own. */
  readonly anyIssuer?: true;
}

/** The `tls` block of a server, with problems where it is not whole. */
export function serverTls(
  { place, fields: given }: TlsRequest,
  { subject, side: ownSide, variables, anyIssuer }: TlsOwner,
  { side, paths, problems }: Reading,
): ServerTlsSettings | undefined {
  const fields = oneIdentity(given, subject, problems);
  const reqs = fields.ssl_cert_reqs;
  const settings = settingsOf(serverTlsKeys, fields, paths);
  const { sslCertReqs } = settings;
  const asksForClients = reqs === undefined || (reqs.value !== undefined && reqs.value !== 0);
  const own = fields.pfx === undefined ? (['certfile', 'keyfile'] as const) : [];
  const needed = [...own, ...(asksForClients ? (['ca_bundle'] as const) : [])];
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
  const bad = [...own, ...needed].some((field) => fields[field]?.value === undefined);
  if (missing.length > 0 || bad) return undefined;
  return { ...settings, ...(anyIssuer && { anyIssuer }) };
}

type OwnFields = Pick<
  ServerTlsFields,
  'certfile' | 'keyfile' | 'pfx' | 'keyfile_password' | 'keyfile_password_file'
>;

/** What is said twice of the own certificate: with one of the two in a variable, that one counts. */
function oneIdentity<F extends OwnFields>(fields: F, subject: string, problems: Problems): F {
  const one = chosen(fields, ['pfx'], ['certfile', 'keyfile'], subject, problems);
  return chosen(one, ['keyfile_password_file'], ['keyfile_password'], subject, problems);
}

function chosen<F extends OwnFields>(
  fields: F,
  first: readonly (keyof OwnFields)[],
  second: readonly (keyof OwnFields)[],
  subject: string,
  problems: Problems,
): F {
  const given = (keys: typeof first) => keys.map((key) => fields[key]).filter((field) => field !== undefined);
  const [a, b] = [given(first), given(second)];
  const [at] = a;
  if (at === undefined || b.length === 0) return fields;
  const byVariable = (all: readonly Field<string>[]) => all.some(({ place }) => 'variable' in place);
  if (byVariable(a) === byVariable(b)) {
    const problem = `${first.join(' and ')} is in place of ${second.join(' and ')}, and both are given`;
    problems.add(ConfigTransport({ at: at.place, subject, problem, instead: 'keep one of the two' }));
    return fields;
  }
  const dropped: readonly string[] = byVariable(a) ? second : first;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !dropped.includes(key))) as F;
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

/** TLS towards a plugin server, with problems where it is not whole. */
export function pluginTls(
  given: ClientTlsFields,
  at: ConfigPlace,
  subject: string,
  { side, problems, paths }: Pick<Reading, 'side' | 'problems' | 'paths'>,
): ClientTlsSettings {
  const fields = oneIdentity(given, subject, problems);
  if (side === 'gateway') checkTls(fields, at, subject, problems, clientTlsVariables);
  return settingsOf(clientTlsKeys, fields, paths);
}

/** TLS towards an upstream, with problems where it is not whole. Its CA is not ours. */
export function upstreamTls(
  given: UpstreamTlsFields,
  at: ConfigPlace,
  subject: string,
  { problems, paths }: Pick<Reading, 'problems' | 'paths'>,
): ClientTlsSettings {
  const fields = oneIdentity(given, subject, problems);
  checkTls(fields, at, subject, problems, undefined);
  return { ...settingsOf(upstreamTlsKeys, fields, paths), anyIssuer: true };
}

/** Whether TLS towards a server is whole. `variables`: what could complete that of a plugin server, which is mutual. */
function checkTls(
  tls: UpstreamTlsFields,
  at: ConfigPlace,
  subject: string,
  problems: Problems,
  variables: typeof clientTlsVariables | undefined,
): void {
  const incomplete = (
    place: ConfigPlace,
    because: string,
    field: 'certfile' | 'keyfile' | 'ca_bundle',
  ): void => {
    const variable = variables?.[field]?.name;
    problems.add(
      ConfigTlsIncomplete({
        at: place,
        subject,
        because,
        missing: [field],
        variables: variable ? [variable] : [],
        ...(field === 'ca_bundle' && !variables && { or: 'ca: system' }),
      }),
    );
  };
  const { certfile, keyfile, pfx, ca, verify, check_hostname: checkHostname } = tls;
  const password = tls.keyfile_password ?? tls.keyfile_password_file;
  for (const key of ca ? (['ca_bundle', 'crl_file', 'partial_chain'] as const) : []) {
    const problem = `${key} is for a bundle, and ca is system`;
    const field = tls[key];
    if (field)
      problems.add(
        ConfigTransport({ at: field.place, subject, problem, instead: `remove ${key}, or remove ca` }),
      );
  }
  if (tls.ca_bundle === undefined && ca === undefined && (verify === undefined || verify.value === true)) {
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
  const none = certfile === undefined && keyfile === undefined && pfx === undefined;
  const passwordAlone = none && (password?.value ?? '') !== '';
  if (passwordAlone && password !== undefined)
    incomplete(password.place, 'a keyfile_password is given', 'keyfile');
  if (variables && none && !passwordAlone) {
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
