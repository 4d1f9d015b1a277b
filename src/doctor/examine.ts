import type { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import {
  type ClientTlsSettings,
  type ConfigSide,
  isLoopback,
  isServersFile,
  type ServerTlsSettings,
} from '../config/index.js';
import {
  asSallyError,
  ClientCertNotDemanded,
  FileUnreadable,
  fileReason,
  fileRefused,
  NoClientCert,
  PortInUse,
  type SallyError,
} from '../errors.js';
import { listen } from '../http/index.js';
import { readFileText } from '../read-file.js';
import {
  type CredentialFiles,
  certificateFile,
  filesOf,
  judgeHostname,
  judgePeer,
  oneLineName,
  pluginRule,
} from '../tls/index.js';
import { callPlugin } from './call-plugin.js';
import { type Endpoint, examineEndpoint } from './examine-endpoint.js';
import { examineConfig, examineCredentials, examineFolder, examineServers } from './examine-files.js';
import { examineSessions } from './examine-sessions.js';
import type {
  ConfigFacts,
  CredentialFacts,
  DoctorContext,
  Facts,
  ListenerFacts,
  PairFacts,
  SessionFacts,
} from './facts.js';
import { askPlain, lookAtTls, tryPort } from './network.js';

/** What to look at. */
export interface Targets {
  /** Plugin files, lists of servers, folders of certificates, Unix domain sockets, and URLs. */
  readonly targets: readonly string[];
  /** Lists of servers, as they are known to be. */
  readonly servers?: readonly string[];
  readonly side?: ConfigSide | undefined;
  /** Shown to the servers of URLs. */
  readonly credentials?: CredentialFiles | undefined;
}

/**
 * Looks at everything that is named, at what the files name, and at how the ends fit together.
 *
 * @throws SALLY_FILE_UNREADABLE for a target that is not there.
 */
export async function examine(
  { targets, servers = [], side, credentials }: Targets,
  context: DoctorContext,
): Promise<readonly Facts[]> {
  const { onLook = () => {} } = context;
  const kinds = await Promise.all(targets.map((target) => kindOf(target, context)));
  onLook('files', 0, 0);
  const of = (kind: string) => targets.filter((_, i) => kinds[i] === kind);
  const files = await Promise.all(of('config').map((path) => examineConfig(path, side, context)));
  const gatewayFile = files.find(({ config }) => config?.gateway !== undefined);
  const lists = await Promise.all(
    [...of('servers'), ...servers].map((path) => examineServers(path, gatewayFile, context)),
  );
  const configs = [...files, ...lists];
  const folders = await Promise.all(of('folder').map((dir) => examineFolder(dir, configs, context)));
  const gateways = await Promise.all(configs.map((facts) => gatewayEnds(facts, context)));
  const serverEnds = await Promise.all(configs.map((facts) => serverEnd(facts, context)));
  const links = gateways.flatMap(({ links }) => links);
  const pairs = links.flatMap(({ tls, own, plugin = '', url }) =>
    serverEnds.flatMap((server) => {
      if (!tls || !own || !server?.tls || !server.own) return [];
      const { path: file, config } = server.config;
      const port = config?.server.port ?? 0;
      const has = config?.plugins.map(({ name }) => name) ?? [];
      // Whose name is another there is meant all the same where the URL leads to that server.
      const here = isLoopback(url.hostname) && Number(url.port || 443) === port;
      if (!here && !hosts(server.config, plugin)) return [];
      return [
        examinePair({
          plugin,
          url,
          client: { tls, own },
          server: { file, port, has, tls: server.tls, own: server.own },
          now: context.now(),
        }),
      ];
    }),
  );
  const sockets = await Promise.all(of('socket').map((path) => examineSocket(path, context)));
  const bare = await bareEndpoints(of('url'), credentials, context);
  const wanted = [...links, ...bare.endpoints];
  let done = 0;
  onLook('servers', done, wanted.length);
  const endpoints = await Promise.all(
    wanted.map(async (endpoint) => {
      const facts = await examineEndpoint(endpoint, context);
      done += 1;
      onLook('servers', done, wanted.length);
      return facts;
    }),
  );
  return [
    ...configs,
    ...folders,
    ...gateways.flatMap(({ all, sessions, listeners }) => [...all, ...listeners, ...sessions]),
    ...serverEnds.flatMap((server) => (server ? [...(server.own ? [server.own] : []), server.listener] : [])),
    ...bare.own,
    ...pairs,
    ...endpoints,
    ...sockets,
  ];
}

type TargetKind = 'url' | 'folder' | 'socket' | 'servers' | 'config';

async function kindOf(target: string, { cwd }: DoctorContext): Promise<TargetKind> {
  if (/^https?:\/\//i.test(target)) return 'url';
  const named = socketPath(target) ?? target;
  try {
    const path = resolve(cwd, named);
    const found = await stat(path);
    if (found.isSocket()) return 'socket';
    if (socketPath(target) !== undefined) throw fileRefused('it is no socket');
    if (found.isDirectory()) return 'folder';
    const text = await readFileText(path).catch(() => '');
    return isServersFile(text, target) ? 'servers' : 'config';
  } catch (error) {
    throw FileUnreadable({ path: named, what: 'the target', reason: fileReason(error) }, error);
  }
}

/** Of `unix:/run/a.sock` and `unix:///run/a.sock`. */
const socketPath = (target: string): string | undefined => /^unix:(?:\/\/)?(.*)$/is.exec(target)?.[1];

/** A plugin server on a Unix domain socket, as a gateway's `mcp.uds` reaches it. */
async function examineSocket(target: string, context: DoctorContext): Promise<SessionFacts> {
  const path = resolve(context.cwd, socketPath(target) ?? target);
  const settings = { transport: 'uds', socketPath: path, url: new URL('http://localhost/mcp') } as const;
  const { error, plugins } = await callPlugin(settings, undefined, context);
  return {
    kind: 'session',
    with: 'plugin server',
    title: target,
    keys: [`socket:${path}`],
    within: [],
    seen: plugins?.join(', ') ?? '',
    ...(error && { problem: error }),
  };
}

const hosts = ({ config }: ConfigFacts, plugin: string): boolean =>
  config?.plugins.some(({ name }) => name.toLowerCase() === plugin.toLowerCase()) ?? false;

/** What a gateway's file leads to: credentials, each set of files once, and the servers of its plugins. */
async function gatewayEnds(facts: ConfigFacts, context: DoctorContext) {
  const { config, side, path, keys, leftOut } = facts;
  const none = {
    all: [] as CredentialFacts[],
    links: [] as Endpoint[],
    sessions: [] as SessionFacts[],
    listeners: [] as ListenerFacts[],
  };
  if (!config || side !== 'gateway') return none;
  const external = config.plugins.flatMap(({ name, mcp, mode }) =>
    mcp?.transport === 'http' && mode !== 'disabled' ? [{ name, mcp }] : [],
  );
  const shared = new Map<string, Promise<CredentialFacts>>();
  const own = (tls: ClientTlsSettings, title: string) => {
    const files = filesOf(tls);
    const key = JSON.stringify(files);
    const made =
      shared.get(key) ??
      examineCredentials(files, 'client', { title, keys: [], within: [...keys, 'gateway', 'ca'] }, context);
    shared.set(key, made);
    return made;
  };
  const links = await Promise.all(
    external.map(
      async ({ name: plugin, mcp: { url, tls, proxy } }): Promise<Endpoint> => ({
        title: `${plugin} at ${url.href}`,
        url,
        plugin,
        ...(proxy && { proxy }),
        ...(tls && { tls, own: await own(tls, `${path}: credentials for ${plugin}`) }),
        within: [...keys, 'gateway', 'ca', `hosts:${plugin.toLowerCase()}`],
      }),
    ),
  );
  const ofUpstreams = new Map<string, CredentialFacts>();
  for (const { name, ...upstream } of config.gateway?.upstreams ?? [])
    if (upstream.transport === 'http' && upstream.tls)
      ofUpstreams.set(name, await own(upstream.tls, `${path}: credentials for upstream ${name}`));
  const sessions = await examineSessions(facts, ofUpstreams, context);
  const all = await Promise.all(shared.values());
  // A list of servers says nothing of where its gateway listens.
  if (config.gateway === undefined || leftOut) return { ...none, links, sessions, all };
  const { host, port, tls } = config.gateway;
  const about = { title: `${path}: the gateway's own credentials`, keys: [], within: keys };
  const front = tls && (await examineCredentials(tls, 'server', about, context));
  const listening = { what: 'the gateway', host, port, tls, own: front } as const;
  return {
    links,
    sessions,
    all: front ? [...all, front] : all,
    listeners: [await examineListener(path, listening, context)],
  };
}

/** What a plugin server's file leads to. */
async function serverEnd(facts: ConfigFacts, context: DoctorContext) {
  const { config, side, path, keys } = facts;
  if (!config || side !== 'server' || config.server.transport === 'stdio' || config.server.uds !== undefined)
    return undefined;
  const { tls } = config.server;
  const named = config.plugins.map(({ name }) => `hosts:${name.toLowerCase()}`);
  const about = {
    title: `${path}: credentials of the server`,
    keys: named,
    within: [...keys, ...named, 'ca'],
  };
  const own = tls && (await examineCredentials(tls, 'server', about, context));
  const { host, port } = config.server;
  const listening = { what: 'the plugin server', host, port, tls, own } as const;
  return { config: facts, tls, own, listener: await examineListener(path, listening, context) };
}

async function bareEndpoints(
  urls: readonly string[],
  files: CredentialFiles | undefined,
  context: DoctorContext,
) {
  if (urls.length === 0) return { own: [], endpoints: [] };
  const about = { title: 'the credentials given', keys: ['given'], within: [] };
  const own = files && (await examineCredentials(files, 'client', about, context));
  const endpoints = urls.map((text): Endpoint => {
    const url = new URL(text);
    if (url.pathname === '/') url.pathname = '/mcp';
    const tls = files && {
      ...given(files),
      verify: files.caBundle !== undefined,
      checkHostname: files.caBundle !== undefined,
    };
    return { title: url.href, url, within: ['given'], ...(tls && { tls }), ...(own && { own }) };
  });
  return { own: own ? [own] : [], endpoints };
}

/** Those that there are. */
function given(files: CredentialFiles): Omit<ClientTlsSettings, 'verify' | 'checkHostname'> {
  return Object.fromEntries(Object.entries(files).filter(([, file]) => file !== undefined));
}

/** Every address, as a setting names it. */
const isWildcard = (host: string): boolean => ['0.0.0.0', '::', '[::]'].includes(host);

interface Listening {
  readonly what: ListenerFacts['what'];
  readonly host: string;
  readonly port: number;
  readonly tls?: ServerTlsSettings | undefined;
  readonly own?: CredentialFacts | undefined;
}

/** Looks at the ports that a configuration is to listen on, from the machine that it is on. */
async function examineListener(
  file: string,
  { what, host, port, tls, own }: Listening,
  { timeoutMs }: DoctorContext,
): Promise<ListenerFacts> {
  const address = isWildcard(host) ? (host === '0.0.0.0' ? '127.0.0.1' : '::1') : host;
  const healthPort = port + 1_000;
  const nothing = { kind: 'unknown' } as const;
  const main = await tryPort(address, port, timeoutMs);
  const health = tls && healthPort <= 65_535 ? await tryPort(address, healthPort, timeoutMs) : nothing;
  // Where something answers, ours may have the port; an address of another machine is nobody's here.
  const listening = await tryListen(host, port, what);
  const cannotListen = main.kind === 'open' && PortInUse.is(listening) ? undefined : listening;
  const peer = `${what} ${host}:${port}`;
  const look =
    tls && main.kind === 'open'
      ? await lookAtTls({ address, port, host: address, peer, timeoutMs })
      : undefined;
  const pages = tls ? { port: healthPort, state: health } : { port, state: main };
  const healthReply =
    pages.state.kind === 'open' ? await askPlain(address, pages.port, address, timeoutMs) : undefined;
  return {
    kind: 'listener',
    title: `${host}:${port} of ${file}`,
    keys: [`listener:${host}:${port}`],
    within: [`config:${file}`, ...(own?.keys ?? [])],
    what,
    host,
    port,
    tls,
    certificate: own?.set?.certificate,
    main,
    health,
    ...(cannotListen && { cannotListen }),
    ...(look && { look }),
    ...(healthReply && { healthReply }),
  };
}

/** What a program would fail with that listens there; nothing is served meanwhile. */
async function tryListen(host: string, port: number, what: string): Promise<SallyError | undefined> {
  const server = createServer((socket) => socket.destroy());
  try {
    await listen(server, host, port, what);
    return undefined;
  } catch (error) {
    return asSallyError(error);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

interface Ends {
  readonly plugin: string;
  readonly url: URL;
  readonly client: { readonly tls: ClientTlsSettings; readonly own: CredentialFacts };
  readonly server: {
    readonly file: string;
    readonly port: number;
    readonly has: readonly string[];
    readonly tls: ServerTlsSettings;
    readonly own: CredentialFacts;
  };
  readonly now: Date;
}

/** What the two ends of a connection would say of each other, told from their files. A function of values. */
function examinePair({ plugin, url, client, server, now }: Ends): PairFacts {
  const names = (all: readonly X509Certificate[]) =>
    all.map((ca) => `${oneLineName(ca.subject)} ${ca.fingerprint256.slice(0, 23)}…`);
  const [ours, theirs] = [client.own.set, server.own.set];
  const saidThere = ours && theirs && judgeClient(ours, theirs, server, now);
  const saidHere = ours && theirs && judgeServer({ plugin, url, client, server, now });
  return {
    kind: 'pair',
    title: `gateway ↔ ${server.file}`,
    keys: [`pair:${url.host}:${plugin.toLowerCase()}`],
    within: [...client.own.keys, ...server.own.keys, ...client.own.within, ...server.own.within],
    plugin,
    url,
    serverFile: server.file,
    serverPort: server.port,
    serverHas: server.has,
    bundles: { client: names(ours?.authorities ?? []), server: names(theirs?.authorities ?? []) },
    ...(saidThere && { saidThere }),
    ...(saidHere && { saidHere }),
  };
}

type Set = NonNullable<CredentialFacts['set']>;

function judgeClient(
  ours: Set,
  theirs: Set,
  { tls, file }: Ends['server'],
  now: Date,
): SallyError | undefined {
  const peer = `the client ${certificateFile(ours.files) ?? 'without a certificate'}`;
  if (tls.sslCertReqs === 0)
    return ours.certificate && ClientCertNotDemanded({ peer: file, seen: 'ssl_cert_reqs is 0' });
  if (ours.certificate === undefined)
    return tls.sslCertReqs === 2 ? NoClientCert({ peer: file, side: 'client' }) : undefined;
  const identity = { kind: 'client', allowed: tls.allowedClients } as const;
  const rule = { identity, pins: tls.pins };
  const verdict = judgePeer(ours.chain, { set: theirs, rule, peer, side: 'server', now });
  if (verdict.kind === 'refused') return verdict.error;
  return verdict.remarks[0];
}

function judgeServer({ plugin, url, client, server, now }: Ends): SallyError | undefined {
  const { tls, own } = client;
  const [ours, theirs] = [own.set, server.own.set];
  if (!tls.verify || ours === undefined || theirs?.certificate === undefined) return undefined;
  const peer = `the server ${certificateFile(theirs.files) ?? ''}`;
  const rule = { identity: pluginRule(plugin, tls.identity), pins: tls.pins };
  const verdict = judgePeer(theirs.chain, { set: ours, rule, peer, side: 'client', now });
  if (verdict.kind === 'refused') return verdict.error;
  if (!tls.checkHostname) return verdict.remarks[0];
  const name = tls.serverName ?? url.hostname.replace(/^\[|\]$/g, '');
  const named = judgeHostname(name, theirs.certificate, peer);
  return named.kind === 'refused' ? named.error : (named.remark ?? verdict.remarks[0]);
}
