import { Command } from 'commander';
import { type GatewayConfig, isPerUser, loadGatewayConfig, type ServerInput } from '../config/index.js';
import {
  asSallyError,
  ConfigNoUpstreams,
  OauthStdio,
  ServerUnknown,
  UsageError,
  WorkersNeedPort,
} from '../errors.js';
import type { Gateway } from '../gateway/index.js';
import { type Logger, silentLogger } from '../log.js';
import { packageVersion } from '../version.js';
import { signalWithin } from '../wait.js';
import { isSpokesman, isWorker, joinWorkerBus, reportServing, sharedMetrics } from '../workers/index.js';
import { endProcess } from './end.js';
import { openDesk } from './gateway-approvals.js';
import { openPage, wantedConsole, watchFor } from './gateway-console.js';
import { statusText } from './gateway-status.js';
import type { CommandIo } from './io.js';
import { stopWithNpm } from './npm-parent.js';
import {
  keepAliveDespitePlugins,
  logFormatOf,
  logFormatOption,
  loggerOf,
  logWarnings,
  portNumber,
  serveFromWorkers,
  stopOnSignal,
  tracesOf,
  workerCount,
} from './runtime.js';

interface GatewayOptions {
  readonly config?: string;
  readonly servers?: string;
  readonly toolsLock?: string;
  readonly port?: number;
  readonly stdio?: true;
  readonly server?: string;
  readonly workers?: number;
  readonly console?: true | number;
  readonly verbose?: boolean;
  readonly logFormat?: string;
}

/** `sallyport gateway`: the MCP gateway, until SIGTERM or SIGINT; SIGHUP reads its files again. */
export function gatewayCommand(io: CommandIo): Command {
  return new Command('gateway')
    .description('run the MCP gateway')
    .option('--config <file>', 'a plugin file with a gateway block (default: PLUGINS_CONFIG_PATH)')
    .option('--servers <file>', 'the mcpServers JSON of a desktop client or an editor: more upstreams')
    .option('--tools-lock <file>', 'a lock on tools, in place of gateway.tools_lock (sallyport tools lock)')
    .option(
      '--port <n>',
      'listen here, whatever the file says; 0 takes any free port, for health too',
      portNumber,
    )
    .option('--stdio', 'serve one client over standard input and output, as one that launches it expects')
    .option('--server <name>', 'with --stdio: the virtual server of gateway.servers that the client is at')
    .option('--workers <n>', 'serve from so many processes; auto takes one for each core', workerCount)
    .option('--console [port]', 'have a page that shows what passes, and print a link to it', portNumber)
    .option('--verbose', 'log at level DEBUG')
    .addOption(logFormatOption())
    .addHelpText('after', `\n${help}`)
    .action(async (options: GatewayOptions) => run(io, options));
}

const help = `SIGTERM finishes what is in flight. SIGHUP reads plugins, upstreams, tokens and certificates again; a file that
cannot be used changes nothing.

Example:
  sallyport gateway --config gateway.yaml
  sallyport gateway --servers .mcp.json --stdio`;

/** How long the status lines wait for upstreams that are slow to start. */
const statusWaitMs = 3_000;
/** What a worker may take to stop: the time for what is in flight, and a little longer for what comes after it. */
const workerGraceMs = 40_000;

async function run(io: CommandIo, options: GatewayOptions): Promise<void> {
  const config = options.config || io.env['PLUGINS_CONFIG_PATH'];
  if (!config && !options.servers) throw ConfigNoUpstreams({});
  stopWithNpm();
  const log = loggerOf(io, options);
  const count = options.workers ?? 1;
  const answers = new Map<string, string | undefined>();
  // A reload asks nobody: by then the terminal may be somebody else's.
  let asking = io.interactive && process.stdin.isTTY && !options.stdio && count === 1 && !isWorker();
  const ask = async (input: ServerInput) => {
    if (asking) answers.set(input.id, await (await import('./ask.js')).askOnTerminal(input));
    return answers.get(input.id);
  };
  // What deserves to be seen at the start is logged by the primary.
  const load = async (logger = log) => {
    const { servers, toolsLock } = options;
    const loaded = await loadGatewayConfig({
      config,
      servers,
      toolsLock,
      ask,
      cwd: io.cwd,
      env: io.env,
      home: io.env['HOME'],
    });
    if (options.stdio) refuseUsers(loaded);
    refuseServer(loaded, options);
    logWarnings(loaded, logger);
    return loaded;
  };
  const first = await load(isWorker() ? silentLogger : log);
  asking = false;
  if (count > 1 && options.stdio) throw WorkersNeedPort({});
  const wanted = wantedConsole(first, options.console);
  const desk = openDesk();
  const page =
    wanted && !isWorker()
      ? await openPage(io, wanted, first, { ...options, config, log, desk: desk.own })
      : undefined;
  if (count > 1 && !isWorker()) {
    if (page) process.on('SIGHUP', () => void load(silentLogger).then(page.use, () => {}));
    await serveFromWorkers(count, workerGraceMs, log, desk.listener(page?.listener));
  }
  const watched = wanted && (await watchFor(page));
  const bus = await joinWorkerBus();
  keepAliveDespitePlugins(log);
  const { createGateway } = await import('../gateway/index.js');
  const { joinObservers, openProcessRegistry } = await import('../telemetry/index.js');
  const traces = await tracesOf(io, 'gateway', log);
  const observer = joinObservers(watched?.observer, traces?.observer);
  const gateway = await createGateway(first, {
    log,
    version: packageVersion(),
    bus,
    desk: desk.desk,
    registry: await openProcessRegistry(),
    shared: sharedMetrics,
    ...(observer && { observer }),
  });
  const { signal, stopped, stop } = stopOnSignal(log);
  reloadOnHangup(gateway, load, log, page?.use);
  const shown = { signal, verbose: options.verbose === true, text: logFormatOf(io, options) === 'pretty' };
  if (options.stdio) {
    void showStatus(io, gateway, log, shown);
    watched?.start(gateway, 'standard input and output');
    await gateway.serveStdio({
      input: process.stdin,
      output: process.stdout,
      signal,
      server: options.server,
    });
  } else {
    const address = await gateway.listen(options.port === undefined ? {} : { port: options.port });
    // Each worker says alike where it listens, and how what it sees of the upstreams is.
    log[isSpokesman() ? 'info' : 'debug'](
      { ...address, auth: first.gateway.auth.kind },
      `listening on ${address.url}`,
    );
    watched?.start(gateway, address.url);
    if (isSpokesman()) void showStatus(io, gateway, log, shown);
    reportServing(stop);
    await stopped;
  }
  await gateway.drain();
  watched?.stop();
  await page?.close();
  await traces?.shutdown();
  log.info({}, 'stopped');
  // Timers of plugins may still keep the process alive: everything asked of it is done.
  endProcess(0);
}

/** Over HTTP each request says by its path which virtual server it is for. */
function refuseServer({ gateway }: GatewayConfig, { server, stdio }: GatewayOptions): void {
  if (server === undefined) return;
  if (!stdio)
    throw UsageError({
      message: '--server is for --stdio',
      usage: `point clients at /servers/${server}/mcp`,
    });
  const known = gateway.servers.map(({ name }) => name);
  if (!known.includes(server)) throw ServerUnknown({ server, known });
}

/** The client of stdio shows no token that one could be made of, and there is no page to consent on. */
function refuseUsers({ gateway }: GatewayConfig): void {
  for (const { name, ...upstream } of gateway.upstreams) {
    const oauth = upstream.transport === 'http' ? upstream.oauth : undefined;
    if (oauth && isPerUser(oauth)) throw OauthStdio({ upstream: name, grant: oauth.grant });
  }
}

/** One reload at a time, and another after it where more signals came meanwhile. */
function reloadOnHangup(
  gateway: Gateway,
  load: () => Promise<GatewayConfig>,
  log: Logger,
  reloaded: ((config: GatewayConfig) => Promise<void>) | undefined,
): void {
  let last: Promise<void> = Promise.resolve();
  process.on('SIGHUP', () => {
    last = last.then(() => gateway.reopenAudit()).then(() => reload(gateway, load, log, reloaded));
  });
}

async function reload(
  gateway: Gateway,
  load: () => Promise<GatewayConfig>,
  log: Logger,
  reloaded?: (config: GatewayConfig) => Promise<void>,
): Promise<void> {
  try {
    const config = await load();
    const later = await gateway.reload(config);
    await reloaded?.(config);
    const parts = gateway.status().map(({ part, name }) => `${part} ${name}`);
    log.info({ parts }, 'SIGHUP: the files were read again');
    void reportNames(gateway, log, signalWithin(statusWaitMs));
    if (later.length > 0) log.warn({ keys: later }, 'SIGHUP: these keys take effect at the next start');
  } catch (thrown) {
    const error = asSallyError(thrown);
    log.error(
      { code: error.code, remedy: error.remedy },
      `SIGHUP: everything stays as it was: ${error.message}`,
    );
  }
}

async function reportNames(gateway: Gateway, log: Logger, signal: AbortSignal): Promise<void> {
  const limit = signalWithin(statusWaitMs, signal);
  await gateway.lookAtLock(limit);
  for (const { code, remedy, message } of await gateway.clashes(limit)) log.error({ code, remedy }, message);
  for (const { code, remedy, message } of await gateway.unmatched(limit)) log.warn({ code, remedy }, message);
}

/** How each plugin and upstream is: for a reader in words, for a machine an object each. */
async function showStatus(
  io: CommandIo,
  gateway: Gateway,
  log: Logger,
  { signal, verbose, text }: { signal: AbortSignal; verbose: boolean; text: boolean },
): Promise<void> {
  await gateway.settled(signalWithin(statusWaitMs, signal));
  if (signal.aborted) return;
  void reportNames(gateway, log, signal);
  const parts = gateway.status();
  if (text) io.err(statusText(io.stderr, parts, verbose));
  else
    for (const { name, ...status } of parts)
      log.info({ ...status, name }, `${status.part} ${name}: ${status.state}`);
}
