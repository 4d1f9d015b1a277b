import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Agent, fetch as undiciFetch } from 'undici';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { cert } from './certs.js';
import { commandPath, start } from './command.js';
import { temporaryFolder } from './folder.js';
import type { LogLine } from './plugin-server.js';

const packages = resolve(import.meta.dirname, '../../node_modules/@modelcontextprotocol');
const script = (name: string) => join(packages, `server-${name}/dist/index.js`);

/** The real servers of npm, as a gateway's file has them. */
export const everything = { command: process.execPath, args: [script('everything'), 'stdio'] };
export const memory = (file: string) => ({
  command: process.execPath,
  args: [script('memory')],
  env: { MEMORY_FILE_PATH: file },
});
export const filesystem = (folder: string) => ({
  command: process.execPath,
  args: [script('filesystem'), folder],
});

/** A plugin of `test/support/plugins`. */
export const plugin = (file: string, more: object = {}) => ({
  name: 'Plugin',
  kind: resolve(import.meta.dirname, 'plugins', file),
  ...more,
});

export interface RunningGateway {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
  readonly healthUrl?: string;
  readonly folder: string;
  readonly log: readonly LogLine[];
  waitForLog(matches: (line: LogLine) => boolean, after?: number): Promise<LogLine>;
  /** Writes the file anew and sends SIGHUP; the line that says what came of it. */
  reload(file: object | string): Promise<LogLine>;
  /** SIGTERM, and the exit status. */
  stop(): Promise<number | null>;
}

interface GatewayFile {
  readonly plugins?: readonly object[];
  readonly plugin_settings?: object;
  readonly gateway: object;
}

/** Starts `sallyport gateway` on a free port, in a process of its own, and waits until its upstreams are up or down, but for those that are `slow`. */
export async function startGateway(
  file: GatewayFile,
  options: { env?: Record<string, string>; args?: readonly string[]; slow?: readonly string[] } = {},
): Promise<RunningGateway> {
  const folder = await temporaryFolder();
  const path = join(folder, 'gateway.yaml');
  const text = (content: object | string) =>
    typeof content === 'string' ? content : stringify({ plugins: [], ...content });
  await writeFile(path, text(file));
  const child = start(['gateway', '--config', path, '--port', '0', ...(options.args ?? [])], {
    cwd: folder,
    env: { LOG_FORMAT: 'json', ...options.env },
  });
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  child.stdout?.resume();
  child.stderr &&
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { level: 0, msg: line });
      for (const check of [...waiting]) check();
    });
  const waitForLog: RunningGateway['waitForLog'] = (matches, after = 0) =>
    new Promise((done, fail) => {
      const ended = (status: number | null) =>
        fail(new Error(`gateway ended with ${status}: ${JSON.stringify(log)}`));
      const check = () => {
        const found = log.slice(after).find(matches);
        if (!found) return;
        waiting.delete(check);
        child.off('exit', ended);
        done(found);
      };
      waiting.add(check);
      child.once('exit', ended);
      check();
    });
  const ready = await waitForLog(({ msg }) => msg.startsWith('listening on'));
  const gateway: RunningGateway = {
    ...(ready as unknown as { url: string; port: number }),
    child,
    folder,
    log,
    waitForLog,
    async reload(next) {
      await writeFile(path, text(next));
      const before = log.length;
      child.kill('SIGHUP');
      return waitForLog(({ msg }) => msg.startsWith('SIGHUP'), before);
    },
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      const exit = once(child, 'exit') as Promise<[number | null]>;
      child.kill('SIGTERM');
      return (await exit)[0];
    },
  };
  const names = Object.keys((file.gateway as { upstreams?: object }).upstreams ?? {});
  for (const name of names) {
    const { state } = await waitForLog(({ part, name: own }) => part === 'upstream' && own === name);
    if (state !== 'connecting' || options.slow?.includes(name)) continue;
    await waitForLog(
      ({ upstream, msg, level }) => upstream === name && (level >= 40 || msg.startsWith('connected to')),
    );
  }
  return gateway;
}

type Fetch = typeof globalThis.fetch;

interface ClientOptions {
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly fetch?: Fetch;
  readonly client?: Client;
}

const transportOptions = ({ token, headers, fetch }: ClientOptions) => ({
  requestInit: { headers: { ...headers, ...(token && { Authorization: `Bearer ${token}` }) } },
  ...(fetch && { fetch }),
});

/** A client of the SDK's first generation: `initialize` and a session. */
export async function legacyClient(url: string, options: ClientOptions = {}): Promise<Client> {
  const client = options.client ?? new Client({ name: 'legacy', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), transportOptions(options)) as never);
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

/** A client of the SDK's second generation: 2026-07-28, without a session. */
export async function modernClient(url: string, options: ClientOptions = {}): Promise<ModernClient> {
  const client = new ModernClient(
    { name: 'modern', version: '1.0.0' },
    { versionNegotiation: { mode: 'auto' } },
  );
  await client.connect(new ModernTransport(new URL(url), transportOptions(options)));
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

/** A client straight at a stdio server; `sallyport gateway --stdio` is one too. */
export async function stdioClient(
  server: { command: string; args: readonly string[]; env?: Record<string, string> },
  cwd?: string,
): Promise<Client> {
  const client = new Client({ name: 'stdio', version: '1.0.0' });
  const { command, args, env } = server;
  const transport = new StdioClientTransport({
    command,
    args: [...args],
    ...(env && { env: { ...(process.env as Record<string, string>), ...env } }),
    ...(cwd && { cwd }),
    stderr: 'pipe',
  });
  transport.stderr?.on('data', () => {});
  await client.connect(transport as never);
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

export const gatewayCommand = (...args: string[]) => ({
  command: process.execPath,
  args: [commandPath, 'gateway', ...args],
});

/** A `fetch` that trusts the fixture CA and shows a client certificate, where it has one. */
export async function fetchOver(certificate?: string): Promise<Fetch> {
  const own = certificate && {
    cert: await readFile(cert(`${certificate}.crt`)),
    key: await readFile(cert(`${certificate}.key`)),
  };
  const dispatcher = new Agent({ connect: { ca: await readFile(cert('ca.crt')), ...own } });
  onTestFinished(() => dispatcher.destroy());
  return ((input: string | URL, init?: object) =>
    undiciFetch(input, { ...init, dispatcher } as never)) as unknown as Fetch;
}

/** The text of the first item of what a tool gave. */
export function firstText(result: unknown): string {
  const [item] = (result as { content: { text?: string }[] }).content;
  return item?.text ?? '';
}
