/**
 * `sallyport dev`: a gateway whose plugins are read anew as their code changes. Reading begins with `startDev`; a version of
 * the plugins is a process of its own (`child.ts`).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type GatewayConfig, isLoopback, loadGatewayConfig } from '../config/index.js';
import { asSallyError } from '../errors.js';
import { createGateway, type Gateway } from '../gateway/index.js';
import type { LogFormat, Logger } from '../log.js';
import type { Exchange } from '../testing/exchanges.js';
import { clientOf, type TestClient } from '../testing/gateway.js';
import { configOf } from '../testing/plugin.js';
import { type RunningUpstream, startUpstream } from '../testing/upstream.js';
import { packageVersion } from '../version.js';
import { type Failure, startVersion, type Version } from './version.js';
import { packageRoot, watchFolder } from './watch.js';

export interface DevOptions {
  /** The file of the plugin server. */
  readonly path: string;
  /** A gateway's file, for its upstreams and its `gateway` block; its plugins are those of `path`. */
  readonly gateway?: string | undefined;
  /** A list of MCP servers as editors keep it. Without it and without `gateway` a fake one is called. */
  readonly servers?: string | undefined;
  readonly port?: number | undefined;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Of the lines that plugins write, each version in a process of its own. */
  readonly logFormat: LogFormat;
  /** A plugin was called, payloads and all. */
  readonly onExchange: (exchange: Exchange) => void;
  readonly onNews: (news: News) => void;
}

/** What happens beside the calls. */
export type News =
  | { readonly kind: 'listening'; readonly url: string; readonly tools: readonly string[] }
  | { readonly kind: 'ready'; readonly version: number; readonly plugins: readonly string[] }
  /** `kept`: whether the version before goes on. */
  | { readonly kind: 'broken'; readonly kept: boolean; readonly failure: Failure }
  | { readonly kind: 'stray'; readonly text: string };

export interface Dev {
  /** The MCP client of this process; undefined while no version of the plugins could be started. */
  readonly client: TestClient | undefined;
  close(): Promise<void>;
}

const fakeTools = {
  echo: ({ message }: Record<string, unknown>) => String(message ?? ''),
  search: ({ query }: Record<string, unknown>) => `Three results for ${query}`,
  delete_everything: () => 'Everything is gone',
};

/** Plugins whose process has ended by itself may do so again, at once. */
const restartMs = 500;

/** What began with a version before may go on with it for so long. */
const lingerMs = 60_000;

/**
 * Starts the plugins and a gateway before them, and keeps them as their code is. Payloads are shown to whoever runs it, and
 * so it listens on the loopback interface alone, whatever a file says.
 *
 * @throws SallyError where the files of the gateway cannot be used. A plugin that cannot start is news.
 */
export async function startDev(options: DevOptions): Promise<Dev> {
  const { cwd, log, onNews } = options;
  const path = resolve(cwd, options.path);
  const given = options.gateway !== undefined || options.servers !== undefined;
  const fake: RunningUpstream | undefined = given ? undefined : await startUpstream({ tools: fakeTools });
  const base = await baseOf(options, fake);
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-dev-'));
  const running = new RunningRequests();
  let gateway: Gateway | undefined;
  let client: TestClient | undefined;
  let current: Version | undefined;
  let versions = 0;
  const stop = new AbortController();
  const ending = new Set<Promise<void>>();

  const configWith = ({ plugins, settings, socket }: Version): GatewayConfig => {
    const mcp = { url: 'http://localhost/mcp', uds: socket };
    const entries = plugins.map((name) => ({ name, kind: 'external', mcp }));
    return { ...base, plugins: configOf({ plugins: entries }).plugins, settings };
  };

  /** Puts the version in use; the one before ends after what began with it. */
  const use = async (next: Version) => {
    const before = current;
    const busy = running.now();
    if (gateway) await gateway.reload(configWith(next));
    else {
      const made = await createGateway(configWith(next), {
        log,
        version: packageVersion(),
        observer: running,
      });
      const { url } = await made.listen({ port: options.port ?? base.gateway.port });
      gateway = made;
      client = clientOf(made, stop.signal);
      onNews({ kind: 'listening', url, tools: fake ? Object.keys(fakeTools) : [] });
    }
    current = next;
    versions += 1;
    onNews({ kind: 'ready', version: versions, plugins: next.plugins });
    if (before) {
      const over = running.ended(busy, lingerMs).then(() => before.stop());
      ending.add(over);
      void over.finally(() => ending.delete(over));
    }
  };

  const renew = async () => {
    const started = await startVersion({
      ...options,
      path,
      folder,
      onStray: (text) => onNews({ kind: 'stray', text }),
      onGone: (how) => {
        onNews({ kind: 'stray', text: `the process of the plugins has ended (${how}): it is started again` });
        setTimeout(renewSoon, restartMs).unref();
      },
    });
    if ('code' in started) onNews({ kind: 'broken', kept: current !== undefined, failure: started });
    else if (stop.signal.aborted) await started.stop();
    else {
      await use(started).catch(async (error: unknown) => {
        await started.stop();
        throw error;
      });
    }
  };
  // One at a time; what changes meanwhile is for one more.
  let last: Promise<void> = Promise.resolve();
  const renewSoon = () => {
    if (stop.signal.aborted) return;
    last = last.then(renew).catch((thrown: unknown) => {
      const error = asSallyError(thrown);
      onNews({ kind: 'broken', kept: current !== undefined, failure: error });
    });
  };
  const unwatch = watchFolder(packageRoot(dirname(path)), renewSoon);
  const close = async () => {
    stop.abort();
    unwatch();
    await last;
    await gateway?.close();
    await Promise.all([current?.stop(), ...ending]);
    await fake?.close();
    await rm(folder, { recursive: true, force: true });
  };
  // What is wrong with the gateway itself, such as its port, no change of a plugin mends.
  last = renew();
  await last.catch(async (error: unknown) => {
    last = Promise.resolve();
    await close();
    throw error;
  });
  return {
    get client() {
      return client;
    },
    close,
  };
}

/** The gateway but for its plugins: of the files that were given, or before the fake upstream. */
async function baseOf(options: DevOptions, fake: RunningUpstream | undefined): Promise<GatewayConfig> {
  const { gateway: config, servers, cwd, env, log } = options;
  const base = fake
    ? (configOf({ gateway: { upstreams: { example: { url: fake.url } } } }) as GatewayConfig)
    : await loadGatewayConfig({ config, servers, cwd, env, home: env['HOME'] });
  const { host } = base.gateway;
  if (isLoopback(host)) return base;
  log.warn({ host }, 'payloads are shown here: listening on 127.0.0.1, whatever the file says');
  return { ...base, gateway: { ...base.gateway, host: '127.0.0.1' } };
}

/** The requests of clients that are under way: what began before a change ends with the code from before. */
class RunningRequests {
  readonly #open = new Set<Promise<void>>();

  request(): { end(): void } {
    let end = () => {};
    const request = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#open.add(request);
    void request.then(() => this.#open.delete(request));
    return { end };
  }

  now(): readonly Promise<void>[] {
    return [...this.#open];
  }

  /** Waits for them, for so long at most. */
  async ended(requests: readonly Promise<void>[], withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs).unref();
    });
    await Promise.race([Promise.all(requests), late]);
    clearTimeout(timer);
  }
}
