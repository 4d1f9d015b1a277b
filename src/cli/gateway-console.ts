import {
  type ConsoleSettings,
  configurationInForce,
  consoleDefaults,
  type GatewayConfig,
} from '../config/index.js';
import type { Report } from '../console/index.js';
import type { PageDesk } from '../gateway/approvals/desk.js';
import type { Gateway } from '../gateway/index.js';
import type { Logger } from '../log.js';
import type { Observer } from '../telemetry/index.js';
import { packageVersion } from '../version.js';
import { tellPrimary, type WorkersListener } from '../workers/index.js';
import type { CommandIo } from './io.js';

/** The room is loaded where there is a page. */
const room = () => import('../console/index.js');

/** The page of this process, or of the workers that it runs. */
interface Page {
  /** Hears what workers tell. */
  readonly listener: WorkersListener;
  take(report: Report): void;
  use(config: GatewayConfig): Promise<void>;
  close(): Promise<void>;
}

/** Whether there is to be a page, and where: `--console` asks for one whatever the file says. */
export function wantedConsole(
  { gateway }: GatewayConfig,
  asked: true | number | undefined,
): ConsoleSettings | undefined {
  if (asked === undefined) return gateway.console;
  const settings = gateway.console ?? consoleDefaults;
  return asked === true ? settings : { ...settings, port: asked };
}

interface PageOptions {
  readonly config: string | undefined;
  readonly workers?: number;
  readonly log: Logger;
  /** Where the questions to people meet. */
  readonly desk: PageDesk | undefined;
}

/** Opens the page and says where it is, with a link to it. */
export async function openPage(
  io: CommandIo,
  settings: ConsoleSettings,
  first: GatewayConfig,
  { config, workers = 1, log, desk }: PageOptions,
): Promise<Page> {
  const { openConsole, runtimeFolder } = await room();
  const { env, cwd } = io;
  const inForce = async (loaded: GatewayConfig) => ({
    config: loaded,
    shown: await configurationInForce(loaded, { config, env, cwd }),
  });
  const [, script = ''] = process.argv;
  const page = await openConsole({
    settings,
    inForce: await inForce(first),
    version: packageVersion(),
    workers,
    folder: runtimeFolder(io.env),
    doctor: config === undefined ? undefined : [process.execPath, script, 'doctor', '--json', config],
    cwd,
    inWords: io.inWords,
    desk,
    log,
  });
  log.info({ console: page.url }, `the page is at ${page.link()} (serves once, within ten minutes)`);
  return {
    listener: { told: (worker, value) => page.take(worker, value as Report), gone: page.gone },
    take: (report) => page.take(0, report),
    use: async (loaded) => page.use(await inForce(loaded)),
    close: page.close,
  };
}

/** What watches a gateway for the page: for that of this process, or of the primary. */
interface Watching {
  readonly observer: Observer;
  start(gateway: Gateway, address: string): void;
  stop(): void;
}

export async function watchFor(page: Pick<Page, 'take'> | undefined): Promise<Watching> {
  const { createCollector, startReporting } = await room();
  const collector = createCollector();
  const deliver = page?.take ?? tellPrimary;
  let stop = () => {};
  return {
    observer: collector.observer,
    start(gateway, address) {
      deliver({ address });
      stop = startReporting(collector, gateway.facts, deliver);
    },
    stop: () => stop(),
  };
}
