import {
  ConfigHostnameCheckOff,
  ConfigMtlsVariablesUnused,
  ConfigNoClientCertificate,
  type ConfigPlace,
  ConfigPlainHttp,
  ConfigTlsIncomplete,
  ConfigTlsOverHttp,
  ConfigVerifyOff,
} from '../errors.js';
import type { clientTlsKeys, mcpKeys } from './keys.js';
import { given, overlay, passwordOf, pathOf, type Reading } from './reading.js';
import type { Field, Fields } from './schema.js';
import { hiddenText } from './secrets.js';
import type { ClientTlsSettings, McpSettings } from './types.js';
import { isLoopback, readUrl } from './url.js';
import { clientTlsVariables, variablesSet } from './variables.js';

export type ClientTlsFields = Fields<typeof clientTlsKeys>;

interface Target {
  /** The plugin as messages name it. */
  readonly plugin: string;
  /** The YAML path of `mcp`. */
  readonly path: string;
  /** What the variables say, on the gateway's side. */
  readonly variables: ClientTlsFields;
}

/** `mcp` of an external entry, under the variables where this side is the gateway. */
export function mcpSettings(
  fields: Fields<typeof mcpKeys>,
  target: Target,
  reading: Reading,
): McpSettings | undefined {
  const { url: urlField, tls: block } = fields;
  const url = urlField && readUrl(urlField, `${target.path}.url`, reading.problems);
  if (url === undefined || urlField === undefined) return undefined;
  const proto = 'STREAMABLEHTTP';
  if (url.protocol === 'http:') {
    plainHttp(url, urlField, block, target, reading);
    return { proto, url };
  }
  if (block !== undefined && block.value === undefined) return undefined;
  const tls = overlay<ClientTlsFields>(block?.value ?? {}, target.variables);
  if (reading.side === 'gateway') checkTls(tls, block?.place ?? urlField.place, target.plugin, reading);
  return { proto, url, tls: clientTls(tls, reading) };
}

function plainHttp(
  url: URL,
  { place: at, hidden }: Field<string>,
  block: Field<ClientTlsFields> | undefined,
  { plugin }: Target,
  { side, env, problems }: Reading,
): void {
  if (block !== undefined) problems.add(ConfigTlsOverHttp({ at: block.place, plugin }));
  if (side !== 'gateway') return;
  const variables = variablesSet(clientTlsVariables, env);
  if (variables.length > 0) problems.warn(ConfigMtlsVariablesUnused({ at, plugin, variables }));
  if (!isLoopback(url)) problems.warn(ConfigPlainHttp({ at, plugin, host: hidden ? hiddenText : url.host }));
}

function checkTls(tls: ClientTlsFields, at: ConfigPlace, plugin: string, { problems }: Reading): void {
  const incomplete = (
    place: ConfigPlace,
    because: string,
    field: 'certfile' | 'keyfile' | 'ca_bundle',
  ): void => {
    const variables = [clientTlsVariables[field].name];
    problems.add(
      ConfigTlsIncomplete({ at: place, subject: `plugin ${plugin}`, because, missing: [field], variables }),
    );
  };
  const { certfile, keyfile, keyfile_password: password, verify, check_hostname: checkHostname } = tls;
  if (tls.ca_bundle === undefined && (verify === undefined || verify.value === true)) {
    incomplete(at, 'its certificate has to verify, and the roots of the system are not used', 'ca_bundle');
  }
  if (certfile !== undefined && keyfile === undefined)
    incomplete(certfile.place, 'a certfile is given', 'keyfile');
  if (keyfile !== undefined && certfile === undefined)
    incomplete(keyfile.place, 'a keyfile is given', 'certfile');
  const passwordAlone = certfile === undefined && keyfile === undefined && passwordOf(password) !== undefined;
  if (passwordAlone && password !== undefined)
    incomplete(password.place, 'a keyfile_password is given', 'keyfile');
  if (certfile === undefined && keyfile === undefined && !passwordAlone) {
    problems.warn(ConfigNoClientCertificate({ at, plugin }));
  }
  if (verify?.value === false) problems.warn(ConfigVerifyOff({ at: verify.place, plugin }));
  if (checkHostname?.value === false)
    problems.warn(ConfigHostnameCheckOff({ at: checkHostname.place, plugin }));
}

function clientTls(tls: ClientTlsFields, { paths }: Reading): ClientTlsSettings {
  return {
    ...given('certfile', pathOf(tls.certfile, paths)),
    ...given('keyfile', pathOf(tls.keyfile, paths)),
    ...given('keyfilePassword', passwordOf(tls.keyfile_password)),
    ...given('caBundle', pathOf(tls.ca_bundle, paths)),
    verify: tls.verify?.value ?? true,
    checkHostname: tls.check_hostname?.value ?? true,
    ...given('serverName', tls.server_name?.value),
  };
}
