import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { cert } from './certs.js';
import { start } from './command.js';
import { temporaryFolder } from './folder.js';

/** A line of the server's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly code?: string;
  readonly [field: string]: unknown;
}

export interface RunningServer {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
  readonly healthUrl?: string;
  readonly healthPort?: number;
  /** Everything logged so far. */
  readonly log: readonly LogLine[];
  /** The next line, or one already there, for which `matches` holds. */
  waitForLog(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** SIGTERM, and the exit status. */
  stop(): Promise<number | null>;
}

/** The plugin that the guide's files name. */
export const replaceBadWords = {
  name: 'ReplaceBadWordsPlugin',
  kind: 'plugins.regex_filter.search_replace.SearchReplacePlugin',
  config: { words: [{ search: 'crap', replace: 'crud' }] },
};

/** `server_settings.tls` of the fixture server, mutual. */
export const serverTls = () => ({
  certfile: cert('server.crt'),
  keyfile: cert('server.key'),
  ca_bundle: cert('ca.crt'),
  ssl_cert_reqs: 2,
});

/** `mcp.tls` of the fixture gateway. */
export const clientTls = () => ({
  certfile: cert('client.crt'),
  keyfile: cert('client.key'),
  ca_bundle: cert('ca.crt'),
});

/** Writes a plugin file into a folder of the test's own. */
export async function writeConfig(content: unknown, folder?: string): Promise<string> {
  const path = join(folder ?? (await temporaryFolder()), 'plugins.yaml');
  await writeFile(path, typeof content === 'string' ? content : stringify(content));
  return path;
}

/** Starts `sallyport serve` on a free port, in a process of its own, and waits until it listens. */
export async function startPluginServer(
  options: {
    tls?: object | null;
    host?: string;
    plugins?: readonly object[];
    settings?: object;
    env?: Record<string, string>;
    port?: number;
    folder?: string;
    args?: readonly string[];
  } = {},
): Promise<RunningServer> {
  const { tls = serverTls(), host = 'localhost', plugins = [replaceBadWords], settings, folder } = options;
  const config = {
    plugins,
    ...(settings && { plugin_settings: settings }),
    server_settings: { host, port: 8000, ...(tls && { tls }) },
  };
  const path = await writeConfig(config, folder);
  const child = start(
    ['serve', '--config', path, '--port', String(options.port ?? 0), ...(options.args ?? [])],
    {
      env: { LOG_FORMAT: 'json', ...options.env },
      ...(folder && { cwd: folder }),
    },
  );
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  child.stderr &&
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { level: 0, msg: line });
      for (const check of waiting) check();
    });
  child.stdout?.resume();
  const waitForLog = (matches: (line: LogLine) => boolean) =>
    new Promise<LogLine>((resolve, reject) => {
      const check = () => {
        const found = log.find(matches);
        if (!found) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
      child.once('exit', (status) => reject(new Error(`serve ended with ${status}: ${JSON.stringify(log)}`)));
    });
  const ready = await waitForLog((line) => line.msg.startsWith('listening on'));
  return {
    ...(ready as unknown as { url: string; port: number }),
    child,
    log,
    waitForLog,
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      const exit = once(child, 'exit') as Promise<[number | null]>;
      child.kill('SIGTERM');
      return (await exit)[0];
    },
  };
}
