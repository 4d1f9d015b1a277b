import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type ConfigSide,
  loadConfig,
  loadGatewayConfig,
  type PluginsConfig,
  variableTable,
} from '../config/index.js';
import {
  CaElsewhere,
  CertsMissing,
  ConfigInvalid,
  FileUnreadable,
  fileReason,
  findSallyError,
} from '../errors.js';
import { checkCertificates, rotationStatus } from '../pki/index.js';
import { readFileText } from '../read-file.js';
import {
  type CredentialFiles,
  certificateFile,
  expiryWarnings,
  loadCredentials,
  type TlsRole,
} from '../tls/index.js';
import { examineAudit } from './examine-audit.js';
import { examinePlugins } from './examine-plugins.js';
import { lookAtGateway } from './examine-sessions.js';
import type { ConfigFacts, CredentialFacts, DoctorContext, FolderFacts, Override } from './facts.js';

/** Loads a configuration as its program would. @throws SALLY_FILE_UNREADABLE: then there is nothing to look at. */
export async function examineConfig(
  path: string,
  wanted: ConfigSide | undefined,
  context: DoctorContext,
): Promise<ConfigFacts> {
  const side = wanted ?? (await sideOf(path, context));
  const loaded = await load(path, side, context.env, context);
  const about = { kind: 'config', path, side, title: `${path} (${side} side)` } as const;
  const keys = { keys: [`config:${path}`], within: [] };
  if ('problem' in loaded) return { ...about, ...keys, problem: loaded.problem, overrides: [], plugins: [] };
  const { config } = loaded;
  const overrides = await overridesOf(path, side, config, context);
  const [plugins, gateway, audit, ruleTests] = await Promise.all([
    examinePlugins(config, side, context),
    side === 'gateway' ? lookAtGateway(config, context) : undefined,
    side === 'gateway' ? examineAudit(config) : undefined,
    side === 'gateway' ? context.ruleTests?.(config) : undefined,
  ]);
  const looks = { ...(gateway && { gateway }), ...(audit && { audit }), ...(ruleTests && { ruleTests }) };
  return { ...about, ...keys, config, overrides, plugins, ...looks };
}

/**
 * Loads a list of servers as editors keep it, beside the gateway's file where there is one: names that this has are taken.
 *
 * @throws SALLY_FILE_UNREADABLE
 */
export async function examineServers(
  path: string,
  beside: ConfigFacts | undefined,
  context: DoctorContext,
): Promise<ConfigFacts> {
  const { cwd, env, ask } = context;
  const about = { kind: 'config', path, side: 'gateway', title: `${path} (list of servers)` } as const;
  const facts = { ...about, keys: [`config:${path}`], within: [], overrides: [], plugins: [] };
  const before = beside?.config?.gateway;
  try {
    const loaded = await loadGatewayConfig({ config: before && beside?.path, servers: path, cwd, env, ask });
    const upstreams = loaded.gateway.upstreams.slice(before?.upstreams.length ?? 0);
    const warnings = loaded.warnings.slice(beside?.config?.warnings.length ?? 0);
    const { leftOut = [] } = loaded;
    // What is beside it is looked at by itself.
    const { consent: _, ...gateway } = loaded.gateway;
    const config = { ...loaded, plugins: [], gateway: { ...gateway, upstreams }, warnings };
    const look = await lookAtGateway(config, context);
    return { ...facts, config, leftOut, ...(look && { gateway: look }) };
  } catch (error) {
    const problem = findSallyError(error);
    if (problem === undefined || FileUnreadable.is(problem)) throw error;
    return { ...facts, problem };
  }
}

type Loaded =
  | { readonly config: PluginsConfig }
  | { readonly problem: NonNullable<ReturnType<typeof findSallyError>> };

async function load(
  path: string,
  side: ConfigSide,
  env: DoctorContext['env'],
  { cwd }: DoctorContext,
): Promise<Loaded> {
  try {
    return { config: await loadConfig({ path, cwd, env, side }) };
  } catch (error) {
    const problem = findSallyError(error);
    // A file that is not there is no finding: somebody named it, or it was found a moment ago.
    if (problem === undefined || !ConfigInvalid.is(problem)) throw error;
    return { problem };
  }
}

/** A gateway's file has external plugins or a gateway block; each side forgives what concerns the other one. */
async function sideOf(path: string, context: DoctorContext): Promise<ConfigSide> {
  for (const side of ['gateway', 'server'] as const) {
    const loaded = await load(path, side, context.env, context);
    if (!('config' in loaded)) continue;
    const { plugins, gateway } = loaded.config;
    return gateway || plugins.some(({ kind }) => kind === 'external') ? 'gateway' : 'server';
  }
  // Of one that is right for neither, what it is meant to be shows in its first words.
  const text = await readFileText(resolve(context.cwd, path)).catch(() => '');
  return /^["'\s{]*gateway["']?\s*:|\bkind["']?\s*:\s*["']?external\b/m.test(text) ? 'gateway' : 'server';
}

/** The variables that win over another value of the file, and what comes of it. */
async function overridesOf(
  path: string,
  side: ConfigSide,
  config: PluginsConfig,
  context: DoctorContext,
): Promise<readonly Override[]> {
  const set = variableTable.filter(
    (row) => row.overrides !== undefined && row.side === side && (context.env[row.name] ?? '') !== '',
  );
  const found: Override[] = [];
  for (const row of set) {
    const { name: variable, overrides: key = '' } = row;
    const without = await load(path, side, { ...context.env, [variable]: undefined }, context);
    // Without it the file is not whole: it fills in, and wins over nothing.
    if (!('config' in without)) continue;
    const [now, before] = [settingOf(config, key), settingOf(without.config, key)];
    if (before === undefined || before === row.default || now === before) continue;
    const secret = row.type.includes('secret') || variable.endsWith('PASSWORD');
    const harm = await harmOf(key, side, config, without.config, context);
    found.push({
      variable,
      key,
      says: secret ? 'not shown' : (now ?? 'none'),
      file: secret ? 'not shown' : before,
      ...(harm !== undefined && { harm }),
    });
  }
  return found;
}

const tlsOf = (config: PluginsConfig, side: ConfigSide): readonly object[] =>
  side === 'server'
    ? [config.server.tls ?? []].flat()
    : config.plugins.flatMap(({ mcp }) => (mcp?.transport === 'http' && mcp.tls ? [mcp.tls] : []));

/** What a configuration has at a key of the table of variables, as text. */
function settingOf(config: PluginsConfig, key: string): string | undefined {
  const side = key.startsWith('server_settings') ? 'server' : 'gateway';
  if (key === 'server_settings.tls') return config.server.tls ? 'TLS' : 'no TLS';
  const name = (key.split('.').at(-1) ?? '').replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const holders: readonly object[] = key.includes('.tls.') ? tlsOf(config, side) : [config.server];
  const values = holders.flatMap((holder) => (holder as Record<string, unknown>)[name] ?? []);
  return values.length === 0 ? undefined : [...new Set(values.map(String))].join(', ');
}

const loadedKeys = /\.tls\.(certfile|keyfile|pfx|keyfile_password|ca_bundle|crl_file)$/;

/** Whether the file alone would be better off. */
async function harmOf(
  key: string,
  side: ConfigSide,
  now: PluginsConfig,
  before: PluginsConfig,
  context: DoctorContext,
): Promise<string | undefined> {
  if (key === 'server_settings.tls' && before.server.tls && !now.server.tls)
    return 'the file asks for TLS, and it is off';
  if (key.endsWith('ssl_cert_reqs')) {
    const [is, was] = [now.server.tls?.sslCertReqs ?? 0, before.server.tls?.sslCertReqs ?? 0];
    return is < was ? 'the file asks more of clients' : undefined;
  }
  if (!loadedKeys.test(key)) return undefined;
  const loads = async (config: PluginsConfig) => {
    const role = side === 'server' ? 'server' : 'client';
    const all = tlsOf(config, side).map((files) =>
      loadCredentials(files, role, { version: 1, now: context.now() }),
    );
    return (await Promise.allSettled(all)).every(({ status }) => status === 'fulfilled');
  };
  return (await loads(before)) && !(await loads(now))
    ? 'with the value of the file the credentials load, with that of the variable they do not'
    : undefined;
}

/** Loads the files of one side, as its program would. */
export async function examineCredentials(
  files: CredentialFiles,
  role: TlsRole,
  about: Pick<CredentialFacts, 'title' | 'keys' | 'within'>,
  context: DoctorContext,
): Promise<CredentialFacts> {
  const now = context.now();
  const keys = [...about.keys, ...[certificateFile(files)].filter((path) => path !== undefined)];
  const facts = { ...about, keys, kind: 'credentials', role, files } as const;
  try {
    const set = await loadCredentials(files, role, { version: 1, now });
    return { ...facts, set, problems: [...set.warnings, ...expiryWarnings(set, now, new Map())] };
  } catch (error) {
    const problem = findSallyError(error);
    if (problem === undefined) throw error;
    return { ...facts, problems: [problem] };
  }
}

/** Looks at a folder of certificates. @throws SALLY_FILE_UNREADABLE where there is none. */
export async function examineFolder(
  dir: string,
  configs: readonly ConfigFacts[],
  context: DoctorContext,
): Promise<FolderFacts> {
  const at = resolve(context.cwd, dir);
  await access(at).catch((error: unknown) => {
    throw FileUnreadable({ path: dir, what: 'the folder', reason: fileReason(error) }, error);
  });
  // Remedies name the folder as the user did, where that leads there.
  const shown = resolve(dir) === at ? dir : at;
  const now = context.now();
  const report = await checkCertificates({ dir: shown, now: () => now });
  const named = configs.flatMap(({ config }) => config?.plugins ?? []).map(({ name }) => name.toLowerCase());
  const folders = report.entries.filter(({ role }) => role === 'plugin').map(({ name }) => name);
  return {
    kind: 'folder',
    title: dir,
    keys: [`folder:${at}`],
    within: [],
    dir: shown,
    report,
    rotation: await rotationStatus({ dir: shown }).catch(whereNoCa),
    strays: named.length === 0 ? undefined : folders.filter((name) => !named.includes(name.toLowerCase())),
    besideServer: configs.some(({ side }) => side === 'server'),
    now,
  };
}

/** What is missing from the folder, or cannot be read there, is for its own checks to say. */
function whereNoCa(error: unknown): undefined {
  if (CaElsewhere.is(error) || CertsMissing.is(error) || FileUnreadable.is(error)) return;
  throw error;
}
