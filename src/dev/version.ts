import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PluginSettings } from '../config/index.js';
import type { LogFormat } from '../log.js';
import type { Exchange } from '../testing/exchanges.js';

/** What a version of the plugins is started with. */
export interface Where {
  /** The plugin file. */
  readonly path: string;
  readonly cwd: string;
  /** The Unix domain socket to listen on: this user alone may connect. */
  readonly socket: string;
  readonly logFormat: LogFormat;
}

export type ToVersion = { readonly kind: 'start'; readonly where: Where } | { readonly kind: 'stop' };

export type FromVersion =
  | { readonly kind: 'ready'; readonly plugins: readonly string[]; readonly settings: PluginSettings }
  | ({ readonly kind: 'failed' } & Failure)
  | { readonly kind: 'exchange'; readonly exchange: Exchange }
  /** Something that a plugin threw outside of a call. */
  | { readonly kind: 'stray'; readonly text: string };

/** Why a version cannot be used. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** The file and the line, where that is known. */
  readonly place?: string | undefined;
}

/** One version of the plugins, running. */
export interface Version {
  readonly socket: string;
  readonly plugins: readonly string[];
  readonly settings: PluginSettings;
  /** Ends once nobody is with it, or at once where its end hangs. */
  stop(): Promise<void>;
}

interface VersionDeps {
  readonly path: string;
  readonly logFormat: LogFormat;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where its socket is made. */
  readonly folder: string;
  readonly onExchange: (exchange: Exchange) => void;
  readonly onStray: (text: string) => void;
  /** It has ended by itself, after it was ready. */
  readonly onGone: (how: string) => void;
}

/** How long modules and `setup` may take, and how long the calls in flight at the end. */
const startMs = 30_000;
const stopMs = 35_000;

const program = fileURLToPath(new URL('./child.js', import.meta.url));
let count = 0;

/** Starts the plugins as their code is now. What keeps them from it is a value: the version before goes on. */
export function startVersion(deps: VersionDeps): Promise<Version | Failure> {
  count += 1;
  const { path, cwd, folder, env, logFormat } = deps;
  const socket = join(folder, `${count}.sock`);
  const child = fork(program, [], { cwd, env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(signal ?? `exit status ${status}`));
  });
  child.send({ kind: 'start', where: { path, cwd, socket, logFormat } } satisfies ToVersion);
  return new Promise((resolve) => {
    const refuse = (failure: Failure) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      resolve(failure);
    };
    const dead = (reason: string) =>
      refuse({
        code: 'SALLY_PLUGIN_MODULE',
        message: `the plugins ${reason}`,
        remedy: 'see what their modules do when they are loaded',
      });
    const timer = setTimeout(() => dead(`were not there after ${startMs / 1000} s`), startMs);
    let ready = false;
    let stopping = false;
    void gone.then((how) => {
      if (!ready) dead(`ended before they were there: ${how}`);
      else if (!stopping) deps.onGone(how);
    });
    child.on('message', (message: FromVersion) => {
      if (message.kind === 'exchange') deps.onExchange(message.exchange);
      else if (message.kind === 'stray') deps.onStray(message.text);
      else if (message.kind === 'failed') refuse(message);
      else {
        clearTimeout(timer);
        ready = true;
        const { plugins, settings } = message;
        const stop = () => {
          stopping = true;
          return stopChild(child, gone);
        };
        resolve({ socket, plugins, settings, stop });
      }
    });
  });
}

async function stopChild(child: ChildProcess, gone: Promise<unknown>): Promise<void> {
  if (child.connected) child.send({ kind: 'stop' } satisfies ToVersion);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await gone;
  clearTimeout(timer);
}
