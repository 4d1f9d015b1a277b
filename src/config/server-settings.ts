import { ConfigHealthPort, ConfigTlsTurnedOff, ConfigTlsUndecided, ConfigTransport } from '../errors.js';
import { serverKeys } from './keys.js';
import { given, overlay, type Reading } from './reading.js';
import { type Field, type Fields, type SettingsOf, settingsOf } from './schema.js';
import {
  type ServerTlsFields,
  type ServerTlsSettings,
  serverTls,
  type TlsOwner,
  type TlsRequest,
} from './tls-settings.js';
import { readVariables, serverTlsVariables, serverVariables } from './variables.js';

/** Where and how the plugin server serves. `uds`, a Unix domain socket, is in place of host and port, and never there together with `tls`. */
export interface ServerSettings extends SettingsOf<typeof serverKeys> {
  readonly transport: 'http' | 'stdio';
  readonly tls?: ServerTlsSettings;
}

const pluginServer: TlsOwner = {
  subject: 'the plugin server',
  side: 'server',
  variables: serverTlsVariables,
};

/** `server_settings` of the file, under the variables where this side is the plugin server. */
export function serverSettings(file: Fields<typeof serverKeys>, reading: Reading): ServerSettings {
  const own = reading.side === 'server';
  const env = own ? reading.env : {};
  const { enabled, transport: spoken, ...place } = readVariables(serverVariables, env, reading.problems);
  const tlsVariables = readVariables(serverTlsVariables, env, reading.problems);
  const fields = overlay<Fields<typeof serverKeys>>(file, place);
  const { port, uds, tls: block } = fields;
  const request = tlsRequest(block, enabled, tlsVariables, reading);
  const tls = request === undefined ? undefined : serverTls(request, pluginServer, reading);
  const transport = spoken?.value === 'stdio' ? 'stdio' : 'http';
  if (own && request !== undefined && transport === 'http' && uds === undefined)
    refuseHealthPort(port, reading);
  if (own && uds !== undefined && request !== undefined) {
    const problem = 'a Unix domain socket is served without TLS, and both are asked for';
    const instead = 'remove uds, or turn TLS off: PLUGINS_SERVER_SSL_ENABLED=false';
    reading.problems.add(ConfigTransport({ at: uds.place, subject: 'the plugin server', problem, instead }));
  }
  return { transport, ...settingsOf(serverKeys, fields, reading.paths), ...given('tls', tls) };
}

/** With TLS, health has a port of its own, 1000 above. */
export function refuseHealthPort(port: Field<number> | undefined, { problems }: Reading): void {
  if (port?.value !== undefined && port.value + 1000 > 65_535)
    problems.add(ConfigHealthPort({ at: port.place, port: port.value }));
}

/** Whether TLS is asked for, and with what. Variables without a decision are never taken for plain HTTP. */
function tlsRequest(
  block: Field<ServerTlsFields> | undefined,
  enabled: Field<boolean> | undefined,
  variables: ServerTlsFields,
  { problems }: Reading,
): TlsRequest | undefined {
  if (enabled?.value === false) {
    if (block !== undefined) problems.warn(ConfigTlsTurnedOff({ at: enabled.place, block: block.place }));
    return undefined;
  }
  if (block !== undefined) {
    return block.value && { place: block.place, fields: overlay<ServerTlsFields>(block.value, variables) };
  }
  if (enabled !== undefined) return enabled.value && { place: enabled.place, fields: variables };
  const fields = Object.keys(variables) as (keyof typeof serverTlsVariables)[];
  const names = fields.map((field) => serverTlsVariables[field].name);
  const [first] = names;
  if (first !== undefined) problems.add(ConfigTlsUndecided({ at: { variable: first }, variables: names }));
  return undefined;
}
