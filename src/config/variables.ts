import { ConfigUnknownVariable, ConfigWrongType } from '../errors.js';
import { logLevels } from '../log.js';
import { nearest } from '../nearest.js';
import { badValue } from './check.js';
import { clientTlsKeys, serverKeys, serverTlsKeys } from './keys.js';
import type { Problems } from './problems.js';
import { type Field, type Key, type ScalarType, typeText, type ValueOf } from './schema.js';
import { hiddenText, looksSecret, shown } from './secrets.js';
import type { Env } from './template.js';
import { readText } from './values.js';

type Side = 'server' | 'gateway' | 'both';

interface Variable<T extends ScalarType = ScalarType> {
  readonly name: string;
  readonly side: Side;
  readonly key: Key<T>;
  readonly example: string;
  /** The YAML path that it wins over. */
  readonly overrides?: string;
}
type Variables = Readonly<Record<string, Variable>>;

type FieldsOfVariables<V extends Variables> = {
  readonly [P in keyof V]?: Field<ValueOf<V[P]['key']['type']>>;
};

/** A variable that wins over a key of the file has that key's type, default and meaning. */
function overriding(side: 'server' | 'gateway', base: string) {
  return <T extends ScalarType>(name: string, field: string, key: Key<T>, example: string): Variable<T> => {
    return { name, side, key, example, overrides: `${base}.${field}` };
  };
}
const server = overriding('server', 'server_settings');
const serverTls = overriding('server', 'server_settings.tls');
const clientTls = overriding('gateway', 'plugins[].mcp.tls');

export const serverVariables = {
  host: server('PLUGINS_SERVER_HOST', 'host', serverKeys.host, '127.0.0.1'),
  port: server('PLUGINS_SERVER_PORT', 'port', serverKeys.port, '8000'),
  uds: server('PLUGINS_SERVER_UDS', 'uds', serverKeys.uds, '/run/sallyport/plugins.sock'),
  enabled: {
    name: 'PLUGINS_SERVER_SSL_ENABLED',
    side: 'server',
    key: {
      type: { kind: 'boolean' },
      meaning: 'true: serve with TLS; false: without, whatever the file says; unset: as the file says',
    },
    example: 'true',
    overrides: 'server_settings.tls',
  },
  transport: {
    name: 'PLUGINS_TRANSPORT',
    side: 'server',
    key: {
      type: { kind: 'choice', values: ['http', 'stdio', 'streamablehttp'] },
      default: 'http',
      meaning: 'what the plugin server speaks MCP over; streamablehttp is another name of http',
    },
    example: 'stdio',
  },
} as const satisfies Variables;

export const serverTlsVariables = {
  keyfile: serverTls(
    'PLUGINS_SERVER_SSL_KEYFILE',
    'keyfile',
    serverTlsKeys.keyfile,
    'certs/mcp/plugins/MyPlugin/server.key',
  ),
  certfile: serverTls(
    'PLUGINS_SERVER_SSL_CERTFILE',
    'certfile',
    serverTlsKeys.certfile,
    'certs/mcp/plugins/MyPlugin/server.crt',
  ),
  ca_bundle: serverTls(
    'PLUGINS_SERVER_SSL_CA_CERTS',
    'ca_bundle',
    serverTlsKeys.ca_bundle,
    'certs/mcp/plugins/MyPlugin/ca.crt',
  ),
  ssl_cert_reqs: serverTls('PLUGINS_SERVER_SSL_CERT_REQS', 'ssl_cert_reqs', serverTlsKeys.ssl_cert_reqs, '2'),
  keyfile_password: serverTls(
    'PLUGINS_SERVER_SSL_KEYFILE_PASSWORD',
    'keyfile_password',
    serverTlsKeys.keyfile_password,
    'a password',
  ),
  crl_file: serverTls(
    'PLUGINS_SERVER_SSL_CRL_FILE',
    'crl_file',
    serverTlsKeys.crl_file,
    'certs/mcp/plugins/MyPlugin/ca.crl',
  ),
} as const satisfies Variables;

export const clientTlsVariables = {
  certfile: clientTls(
    'PLUGINS_CLIENT_MTLS_CERTFILE',
    'certfile',
    clientTlsKeys.certfile,
    'certs/mcp/gateway/client.crt',
  ),
  keyfile: clientTls(
    'PLUGINS_CLIENT_MTLS_KEYFILE',
    'keyfile',
    clientTlsKeys.keyfile,
    'certs/mcp/gateway/client.key',
  ),
  ca_bundle: clientTls(
    'PLUGINS_CLIENT_MTLS_CA_BUNDLE',
    'ca_bundle',
    clientTlsKeys.ca_bundle,
    'certs/mcp/gateway/ca.crt',
  ),
  verify: clientTls('PLUGINS_CLIENT_MTLS_VERIFY', 'verify', clientTlsKeys.verify, 'true'),
  check_hostname: clientTls(
    'PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME',
    'check_hostname',
    clientTlsKeys.check_hostname,
    'true',
  ),
  keyfile_password: clientTls(
    'PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD',
    'keyfile_password',
    clientTlsKeys.keyfile_password,
    'a password',
  ),
  server_name: clientTls(
    'PLUGINS_CLIENT_MTLS_SERVER_NAME',
    'server_name',
    clientTlsKeys.server_name,
    'localhost',
  ),
  crl_file: clientTls(
    'PLUGINS_CLIENT_MTLS_CRL_FILE',
    'crl_file',
    clientTlsKeys.crl_file,
    'certs/mcp/gateway/ca.crl',
  ),
} as const satisfies Variables;

/** Read by the command, not here: listed so that one table has every variable. */
const commandVariables = {
  configPath: {
    name: 'PLUGINS_CONFIG_PATH',
    side: 'both',
    key: {
      type: { kind: 'path' },
      meaning: 'the plugin file, where --config names none',
    },
    example: 'plugins/test.yaml',
  },
  logLevel: {
    name: 'LOG_LEVEL',
    side: 'both',
    key: {
      type: { kind: 'choice', values: Object.keys(logLevels) },
      default: 'INFO; for invoke WARN',
      meaning: 'the least that is logged, without regard to case; DEBUG logs every handshake',
    },
    example: 'DEBUG',
  },
  logFormat: {
    name: 'LOG_FORMAT',
    side: 'both',
    key: {
      type: { kind: 'choice', values: ['json', 'text'] },
      meaning: 'one JSON object a line, or lines to read; unset: text on a terminal, else JSON',
    },
    example: 'json',
  },
} as const satisfies Variables;

/** One row of the reference table of variables. */
export interface VariableRow {
  readonly name: string;
  readonly side: Side;
  readonly type: string;
  readonly meaning: string;
  readonly default?: string;
  readonly example: string;
  /** The YAML path that it wins over. */
  readonly overrides?: string;
}

const groups: readonly Variables[] = [
  serverVariables,
  serverTlsVariables,
  clientTlsVariables,
  commandVariables,
];

/** Every environment variable that is known. */
export const variableTable: readonly VariableRow[] = groups.flatMap((group) =>
  Object.values(group).map(({ name, side, key, example, overrides }) => ({
    name,
    side,
    type: typeText(key.type),
    meaning: key.meaning,
    ...(key.default === undefined ? {} : { default: key.default }),
    example,
    ...(overrides === undefined ? {} : { overrides }),
  })),
);

/** The variables of `table` that are set. An empty one counts as not set. */
export function readVariables<V extends Variables>(
  table: V,
  env: Env,
  problems: Problems,
): FieldsOfVariables<V> {
  const fields: Record<string, Field<unknown>> = {};
  for (const [field, { name, key }] of Object.entries(table)) {
    const text = Object.hasOwn(env, name) ? env[name] : undefined;
    if (text === undefined || text === '') continue;
    const { type } = key;
    const place = { variable: name };
    const hidden = type.kind === 'secret' || looksSecret(name);
    const seen = hidden ? hiddenText : shown(text);
    const reading = readText(type, type.kind === 'choice' ? text.toLowerCase() : text);
    if (reading.wrong === 'type') {
      problems.add(ConfigWrongType({ at: place, key: name, expected: typeText(type), seen }));
    } else if (reading.wrong === 'value') problems.add(badValue(type, text, name, place, hidden));
    fields[field] = { value: reading.value, place, seen, hidden };
  }
  return fields as FieldsOfVariables<V>;
}

/** The names of the variables of `table` that are set. */
export function variablesSet(table: Variables, env: Env): string[] {
  return Object.values(table)
    .map(({ name }) => name)
    .filter((name) => Object.hasOwn(env, name) && (env[name] ?? '') !== '');
}

/** Warns of a variable that one of ours was probably meant by: unnoticed, it would have no effect. */
export function warnOfMisspelt(side: 'server' | 'gateway', env: Env, problems: Problems): void {
  const prefix = side === 'server' ? 'PLUGINS_SERVER_' : 'PLUGINS_CLIENT_MTLS_';
  const known = variableTable.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  const endings = known.map((name) => name.slice(prefix.length));
  for (const variable of Object.keys(env).filter(
    (name) => name.startsWith(prefix) && !known.includes(name),
  )) {
    const meant = nearest(variable.slice(prefix.length), endings);
    if (meant !== undefined)
      problems.warn(ConfigUnknownVariable({ at: { variable }, nearest: `${prefix}${meant}` }));
  }
}
