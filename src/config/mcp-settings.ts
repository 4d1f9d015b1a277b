import { extname } from 'node:path';
import {
  ConfigHostnameCheckOff,
  ConfigMissingKey,
  ConfigMtlsVariablesUnused,
  ConfigNoClientCertificate,
  type ConfigPlace,
  ConfigPlainHttp,
  ConfigTlsIncomplete,
  ConfigTlsOverHttp,
  ConfigTransport,
  ConfigVerifyOff,
  ConfigWrongType,
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
  /** Where `mcp` stands. */
  readonly place: ConfigPlace;
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
  if (fields.proto !== undefined && fields.proto.value === undefined) return undefined;
  if (fields.proto?.value === 'STDIO') return stdioSettings(fields, target, reading);
  refuseForeign(fields, ['script', 'cmd', 'env', 'cwd'], 'proto STDIO', target, reading);
  return fields.uds === undefined
    ? httpSettings(fields, target, reading)
    : udsSettings(fields, target, reading);
}

function httpSettings(
  { url: urlField, tls: block }: Fields<typeof mcpKeys>,
  target: Target,
  reading: Reading,
): McpSettings | undefined {
  if (urlField === undefined) {
    reading.problems.add(ConfigMissingKey({ at: target.place, key: 'url', within: target.path }));
    return undefined;
  }
  const url = readUrl(urlField, `${target.path}.url`, reading.problems);
  if (url === undefined) return undefined;
  if (url.protocol === 'http:') {
    plainHttp(url, urlField, block, target, reading);
    return { transport: 'http', url };
  }
  if (block !== undefined && block.value === undefined) return undefined;
  const tls = overlay<ClientTlsFields>(block?.value ?? {}, target.variables);
  if (reading.side === 'gateway')
    checkTls(tls, block?.place ?? urlField.place, `plugin ${target.plugin}`, reading);
  return { transport: 'http', url, tls: clientTls(tls, reading) };
}

/** The peers let the URL of a socket be left out: only its path has a meaning. */
function udsSettings(
  { uds, url: urlField, tls }: Fields<typeof mcpKeys>,
  { plugin, path }: Target,
  { problems, paths }: Reading,
): McpSettings | undefined {
  const url =
    urlField === undefined ? new URL('http://localhost/mcp') : readUrl(urlField, `${path}.url`, problems);
  const socketPath = pathOf(uds, paths);
  const tlsPlace = tls?.place ?? (url?.protocol === 'https:' ? urlField?.place : undefined);
  if (tlsPlace !== undefined) {
    const problem = 'a Unix domain socket is reached without TLS, and both are asked for';
    const instead = 'remove uds, or remove tls and begin the URL with http:';
    problems.add(ConfigTransport({ at: tlsPlace, subject: `plugin ${plugin}`, problem, instead }));
  }
  return url && socketPath ? { transport: 'uds', socketPath, url } : undefined;
}

/** What runs a script, by the ending of its name. */
const interpreters: Readonly<Record<string, string>> = {
  '.py': 'python3',
  '.sh': 'sh',
  '.js': process.execPath,
  '.mjs': process.execPath,
  '.cjs': process.execPath,
};

function stdioSettings(
  fields: Fields<typeof mcpKeys>,
  target: Target,
  reading: Reading,
): McpSettings | undefined {
  const { problems, paths } = reading;
  const { cmd, script } = fields;
  refuseForeign(fields, ['url', 'uds', 'tls'], 'proto STREAMABLEHTTP', target, reading);
  const refuse = (at: ConfigPlace, problem: string, instead: string): undefined => {
    problems.add(ConfigTransport({ at, subject: `plugin ${target.plugin}`, problem, instead }));
  };
  const env = childEnvironment(fields.env, target, problems);
  const cwd = given('cwd', pathOf(fields.cwd, paths));
  if (cmd !== undefined && script !== undefined)
    return refuse(script.place, 'it has cmd and script', 'keep one of the two');
  if (cmd !== undefined) {
    if (cmd.value === undefined) return undefined;
    const [command, ...args] = cmd.value;
    if (!command)
      return refuse(cmd.place, 'cmd is empty', 'give the command and its arguments: [node, server.js]');
    return { transport: 'stdio', command, args, env, ...cwd };
  }
  const file = pathOf(script, paths);
  if (script === undefined)
    return refuse(target.place, 'proto STDIO needs cmd or script', 'add cmd: [node, server.js]');
  if (file === undefined) return undefined;
  const command = interpreters[extname(file)];
  if (command === undefined) {
    return refuse(
      script.place,
      `script is ${script.seen}, and its ending is not known`,
      'give a .py, .sh or .js file, or use cmd',
    );
  }
  return { transport: 'stdio', command, args: [file], env, ...cwd };
}

function childEnvironment(
  field: Fields<typeof mcpKeys>['env'],
  { path }: Target,
  problems: Reading['problems'],
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(field?.value ?? {})) {
    if (['string', 'number', 'boolean'].includes(typeof value)) env[name] = String(value);
    else if (field) {
      const key = `${path}.env.${name}`;
      problems.add(ConfigWrongType({ at: field.place, key, expected: 'a text', seen: typeof value }));
    }
  }
  return env;
}

function refuseForeign(
  fields: Fields<typeof mcpKeys>,
  keys: readonly (keyof typeof mcpKeys)[],
  owner: string,
  { plugin }: Target,
  { problems }: Reading,
): void {
  for (const key of keys) {
    const field = fields[key];
    if (field === undefined) continue;
    const [problem, instead] = [
      `${key} is for ${owner}`,
      `write ${owner.replace(' ', ': ')}, or remove ${key}`,
    ];
    problems.add(ConfigTransport({ at: field.place, subject: `plugin ${plugin}`, problem, instead }));
  }
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
  if (!isLoopback(url.hostname))
    problems.warn(ConfigPlainHttp({ at, plugin, host: hidden ? hiddenText : url.host }));
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
  const passwordAlone = certfile === undefined && keyfile === undefined && passwordOf(password) !== undefined;
  if (passwordAlone && password !== undefined)
    incomplete(password.place, 'a keyfile_password is given', 'keyfile');
  if (mutual && certfile === undefined && keyfile === undefined && !passwordAlone) {
    problems.warn(ConfigNoClientCertificate({ at, subject }));
  }
  if (verify?.value === false) problems.warn(ConfigVerifyOff({ at: verify.place, subject }));
  if (checkHostname?.value === false)
    problems.warn(ConfigHostnameCheckOff({ at: checkHostname.place, subject }));
}

/** TLS towards a server, as its fields give it. */
export function clientTls(tls: ClientTlsFields, { paths }: Pick<Reading, 'paths'>): ClientTlsSettings {
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
