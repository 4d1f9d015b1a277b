import { ConfigUnknownVariable, ConfigWrongType } from '../errors.js';
import { logFormats, logLevels } from '../log.js';
import { nearest } from '../nearest.js';
import { badValue, readText } from './check.js';
import type { Env } from './files.js';
import { serverKeys } from './keys.js';
import { hiddenText, looksSecret, type Problems, shown } from './problems.js';
import { type Field, type Key, type Keys, type ScalarType, typeText, type ValueOf } from './schema.js';
import { clientTlsKeys, serverTlsKeys } from './tls-keys.js';

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

/**
 * Variables that win over keys of the file, and have their types, defaults and meanings: for each the name and an example.
 */
function overriding<K extends Keys, F extends keyof K & string>(
  side: 'server' | 'gateway',
  base: string,
  keys: K,
  variables: Readonly<Record<F, readonly [name: string, example: string]>>,
) {
  const made = Object.entries<readonly [string, string]>(variables).map(([field, [name, example]]) => {
    return [field, { name, side, key: keys[field], example, overrides: `${base}.${field}` }];
  });
  return Object.fromEntries(made) as { readonly [P in F]: Variable & { readonly key: K[P] } };
}

export const serverVariables = {
  ...overriding('server', 'server_settings', serverKeys, {
    host: ['PLUGINS_SERVER_HOST', '127.0.0.1'],
    port: ['PLUGINS_SERVER_PORT', '8000'],
    uds: ['PLUGINS_SERVER_UDS', '/run/sallyport/plugins.sock'],
  }),
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

export const serverTlsVariables = overriding('server', 'server_settings.tls', serverTlsKeys, {
  keyfile: ['PLUGINS_SERVER_SSL_KEYFILE', 'certs/mcp/plugins/MyPlugin/server.key'],
  certfile: ['PLUGINS_SERVER_SSL_CERTFILE', 'certs/mcp/plugins/MyPlugin/server.crt'],
  pfx: ['PLUGINS_SERVER_SSL_PFX', '/run/secrets/server.p12'],
  ca_bundle: ['PLUGINS_SERVER_SSL_CA_CERTS', 'certs/mcp/plugins/MyPlugin/ca.crt'],
  ssl_cert_reqs: ['PLUGINS_SERVER_SSL_CERT_REQS', '2'],
  keyfile_password: ['PLUGINS_SERVER_SSL_KEYFILE_PASSWORD', 'a password'],
  crl_file: ['PLUGINS_SERVER_SSL_CRL_FILE', 'certs/mcp/plugins/MyPlugin/ca.crl'],
});

export const clientTlsVariables = overriding('gateway', 'plugins[].mcp.tls', clientTlsKeys, {
  certfile: ['PLUGINS_CLIENT_MTLS_CERTFILE', 'certs/mcp/gateway/client.crt'],
  keyfile: ['PLUGINS_CLIENT_MTLS_KEYFILE', 'certs/mcp/gateway/client.key'],
  pfx: ['PLUGINS_CLIENT_MTLS_PFX', '/run/secrets/client.p12'],
  ca_bundle: ['PLUGINS_CLIENT_MTLS_CA_BUNDLE', 'certs/mcp/gateway/ca.crt'],
  verify: ['PLUGINS_CLIENT_MTLS_VERIFY', 'true'],
  check_hostname: ['PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME', 'true'],
  keyfile_password: ['PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD', 'a password'],
  server_name: ['PLUGINS_CLIENT_MTLS_SERVER_NAME', 'localhost'],
  crl_file: ['PLUGINS_CLIENT_MTLS_CRL_FILE', 'certs/mcp/gateway/ca.crl'],
});

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
      type: { kind: 'choice', values: [...logFormats] },
      meaning:
        'what lines of the log look like: json, an object a line; pretty, lines to read; ecs, objects by the Elastic Common Schema. --log-format comes first; unset: pretty on a terminal, else json',
    },
    example: 'json',
  },
} as const satisfies Variables;

/** Read where connections are opened, as most programs do: `config/proxies.ts`. */
const proxyVariables = {
  httpsProxy: {
    name: 'HTTPS_PROXY',
    side: 'gateway',
    key: {
      type: { kind: 'text' },
      meaning: 'the proxy on the way to https upstreams and issuers; https_proxy comes first',
    },
    example: 'http://proxy.example:3128',
  },
  httpProxy: {
    name: 'HTTP_PROXY',
    side: 'gateway',
    key: {
      type: { kind: 'text' },
      meaning: 'the proxy on the way to http upstreams; http_proxy comes first',
    },
    example: 'http://proxy.example:3128',
  },
  noProxy: {
    name: 'NO_PROXY',
    side: 'gateway',
    key: {
      type: { kind: 'text' },
      meaning: 'names, addresses and networks that are reached without a proxy; no_proxy comes first',
    },
    example: '.internal,10.0.0.0/8',
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
  proxyVariables,
];

/** Every environment variable that is known. */
export const variableTable: readonly VariableRow[] = groups.flatMap((group) =>
  Object.values(group).map(({ name, side, key, example, overrides }) => ({
    name,
    side,
    type: typeText(key.type),
    meaning: key.meaning,
    ...(key.default === undefined ? {} : { default: String(key.default) }),
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
