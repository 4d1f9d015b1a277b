import {
  ConfigHealthPort,
  ConfigPeerUnchecked,
  type ConfigPlace,
  ConfigTlsIncomplete,
  ConfigTlsTurnedOff,
  ConfigTlsUndecided,
  ConfigTransport,
} from '../errors.js';
import type { serverKeys, serverTlsKeys } from './keys.js';
import { warnOfUriPatterns } from './name-patterns.js';
import { type ConfigSide, given, overlay, passwordOf, pathOf, type Reading } from './reading.js';
import type { Field, Fields } from './schema.js';
import type { ServerSettings, ServerTlsSettings, SslCertReqs } from './types.js';
import { readVariables, serverTlsVariables, serverVariables } from './variables.js';

type TlsFields = Fields<typeof serverTlsKeys>;

interface TlsRequest {
  readonly place: ConfigPlace;
  readonly fields: TlsFields;
}

/** `server_settings` of the file, under the variables where this side is the plugin server. */
export function serverSettings(file: Fields<typeof serverKeys>, reading: Reading): ServerSettings {
  const own = reading.side === 'server';
  const env = own ? reading.env : {};
  const { enabled, transport: spoken, ...place } = readVariables(serverVariables, env, reading.problems);
  const tlsVariables = readVariables(serverTlsVariables, env, reading.problems);
  const { host, port, uds, tls: block } = overlay<Fields<typeof serverKeys>>(file, place);
  const request = tlsRequest(block, enabled, tlsVariables, reading);
  const tls = request === undefined ? undefined : serverTls(request, pluginServer, reading);
  const transport = spoken?.value === 'stdio' ? 'stdio' : 'http';
  if (
    own &&
    request !== undefined &&
    transport === 'http' &&
    uds === undefined &&
    port?.value !== undefined &&
    port.value + 1000 > 65535
  ) {
    reading.problems.add(ConfigHealthPort({ at: port.place, port: port.value }));
  }
  const socket = pathOf(uds, reading.paths);
  if (own && uds !== undefined && request !== undefined) {
    const problem = 'a Unix domain socket is served without TLS, and both are asked for';
    const instead = 'remove uds, or turn TLS off: PLUGINS_SERVER_SSL_ENABLED=false';
    reading.problems.add(ConfigTransport({ at: uds.place, subject: 'the plugin server', problem, instead }));
  }
  return {
    transport,
    host: host?.value ?? '127.0.0.1',
    port: port?.value ?? 8000,
    ...given('uds', socket),
    ...given('tls', tls),
  };
}

/** Whether TLS is asked for, and with what. Variables without a decision are never taken for plain HTTP. */
function tlsRequest(
  block: Field<TlsFields> | undefined,
  enabled: Field<boolean> | undefined,
  variables: TlsFields,
  { problems }: Reading,
): TlsRequest | undefined {
  if (enabled?.value === false) {
    if (block !== undefined) problems.warn(ConfigTlsTurnedOff({ at: enabled.place, block: block.place }));
    return undefined;
  }
  if (block !== undefined) {
    return block.value && { place: block.place, fields: overlay<TlsFields>(block.value, variables) };
  }
  if (enabled !== undefined) return enabled.value && { place: enabled.place, fields: variables };
  const fields = Object.keys(variables) as (keyof typeof serverTlsVariables)[];
  const names = fields.map((field) => serverTlsVariables[field].name);
  const [first] = names;
  if (first !== undefined) problems.add(ConfigTlsUndecided({ at: { variable: first }, variables: names }));
  return undefined;
}

/** Whose TLS it is: a plugin server's is complete on its own side only, where variables may complete it. */
interface TlsOwner {
  readonly subject: string;
  readonly side: ConfigSide;
  readonly variables?: typeof serverTlsVariables;
}

const pluginServer: TlsOwner = {
  subject: 'the plugin server',
  side: 'server',
  variables: serverTlsVariables,
};

/** The `tls` block of a server, with problems where it is not whole. */
export function serverTls(
  { place, fields }: TlsRequest,
  { subject, side: ownSide, variables }: TlsOwner,
  { side, paths, problems }: Reading,
): ServerTlsSettings | undefined {
  const reqs = fields.ssl_cert_reqs;
  const sslCertReqs = certReqs(reqs);
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
  const certfile = pathOf(fields.certfile, paths);
  const keyfile = pathOf(fields.keyfile, paths);
  if (missing.length > 0 || certfile === undefined || keyfile === undefined) return undefined;
  return {
    certfile,
    keyfile,
    ...given('keyfilePassword', passwordOf(fields.keyfile_password)),
    ...given('caBundle', pathOf(fields.ca_bundle, paths)),
    ...given('crlFile', pathOf(fields.crl_file, paths)),
    ...given('pins', fields.pins?.value),
    ...given('allowedClients', fields.allowed_clients?.value),
    sslCertReqs,
  };
}

/** What says who may connect says nothing where one may connect without a certificate. */
function refuseUnchecked(fields: TlsFields, reqs: SslCertReqs, problems: Reading['problems']): void {
  const least = { allowed_clients: 2, pins: 2, crl_file: 1 } as const;
  for (const key of ['allowed_clients', 'pins', 'crl_file'] as const) {
    const at = fields[key]?.place;
    if (at === undefined || reqs >= least[key]) continue;
    const [because, instead] = [`ssl_cert_reqs is ${reqs}`, 'set ssl_cert_reqs to 2'];
    problems.add(ConfigPeerUnchecked({ at, subject: 'the plugin server', key, because, instead }));
  }
}

function certReqs(field: Field<number> | undefined): SslCertReqs {
  return field?.value === 0 || field?.value === 1 ? field.value : 2;
}
