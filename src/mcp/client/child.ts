import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { FileUnreadable, type SallyError } from '../../errors.js';
import { cutLines } from '../lines.js';
import { plainText } from '../messages.js';
import type { ClientContext } from './session.js';

/** How a server that is a child process is started: not by a shell. */
export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Set over the few variables that it inherits. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A line of standard error in the log, in characters. */
const maxErrorLine = 1_000;
/** Lines of standard error that are kept, for the log of one that ends. */
const maxLastLines = 30;
/** One that ends within this died of its start, in milliseconds. */
const startMs = 10_000;
/** Of what a program said before it ended the line that names the error, behind which there may be a stack; else the last. */
export function tellingLine(lines: readonly string[]): string | undefined {
  const names = (line: string) => /^\s*(?:error|fatal|panic)\b|^[\w.]*(?:Error|Exception)\b/i.test(line);
  return lines.findLast(names) ?? lines.at(-1);
}

/** What the last child with a context said before it ended. */
const lastSaid = new WeakMap<ClientContext, string>();
/** What a child that has ended had still written comes within this, in milliseconds; a grandchild may hold the pipe for ever. */
const drainMs = 100;

/** A child gets what it needs to run, and what its entry gives it: no secret of this process. The same as the MCP SDK has. */
const inherited =
  process.platform === 'win32'
    ? 'APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA PATH PATHEXT PROCESSOR_ARCHITECTURE PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 SYSTEMDRIVE SYSTEMROOT TEMP USERNAME USERPROFILE WINDIR'
    : 'HOME LOGNAME PATH SHELL TERM USER';

function environment(own: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of inherited.split(' ')) {
    const value = process.env[name];
    // A function that a shell has exported.
    if (value !== undefined && !value.startsWith('()')) env[name] = value;
  }
  return { ...env, ...own };
}

/** A child process that speaks in lines, at the head of a process group of its own. */
export class Child {
  readonly pid: number;
  /** Resolves with how it ended, in words, once all that it said was heard. */
  readonly ended: Promise<string>;
  /** Whether it may end over what it is asked first: one of the older era does, and is started again. */
  mayEnd = false;
  onLine: (line: string) => void = () => {};
  /** A line that is too long: its beginning, and the error for it. */
  onLong: (beginning: string, error: SallyError) => void = () => {};
  readonly #process: ChildProcess;
  readonly #context: ClientContext;
  readonly #startedAt = Date.now();
  /** The last lines of its standard error. */
  readonly #lastLines: string[] = [];
  #stopping = false;

  private constructor(child: ChildProcess, pid: number, context: ClientContext) {
    this.#process = child;
    this.pid = pid;
    this.#context = context;
    const { about, who, log, errors, limits } = context;
    const limit = limits.messageBytes;
    const onLong = (beginning: string) => this.onLong(beginning, errors.tooLarge(limit));
    child.stdout?.on(
      'data',
      cutLines(limit, (line) => this.onLine(line), onLong),
    );
    const says = (text: string) => {
      const line = plainText(text, maxErrorLine);
      log.debug({ ...about, pid, line }, `${who} says`);
      if (this.#lastLines.push(line) > maxLastLines) this.#lastLines.shift();
    };
    child.stderr?.on('data', cutLines(maxErrorLine * 4, says, says));
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.on('error', () => {});
    this.ended = this.#end();
  }

  /** Rejects with an error of `PeerErrors` where it cannot be started. */
  static async start({ command, args, env, cwd }: ChildCommand, context: ClientContext): Promise<Child> {
    let child: ChildProcess;
    try {
      child = spawn(command, [...args], {
        env: environment(env),
        stdio: ['pipe', 'pipe', 'pipe'],
        // A group of its own: npx and shells start others, and all of them are ended together.
        detached: true,
        windowsHide: true,
        ...(cwd !== undefined && { cwd }),
      });
      if (child.pid === undefined) await once(child, 'spawn');
    } catch (error) {
      // The system says the same of a program and of a folder that is not there.
      const lost = cwd !== undefined && !existsSync(cwd);
      const why = lost ? FileUnreadable({ path: cwd, what: 'its cwd', reason: 'no such folder' }) : error;
      throw context.errors.notStarted(command, why);
    }
    child.on('error', () => {});
    return new Child(child, child.pid ?? 0, context);
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  send(line: string): void {
    const { stdin } = this.#process;
    if (stdin?.writable) stdin.write(`${line}\n`);
  }

  /** How many bytes wait because the child does not read. */
  get unread(): number {
    return this.#process.stdin?.writableLength ?? 0;
  }

  /** Ends it, and whatever it has started: closed input, SIGTERM, SIGKILL. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#process.stdin?.end();
    if (await this.#gone()) return;
    this.kill('SIGTERM');
    if (await this.#gone()) return;
    this.kill('SIGKILL');
    await this.#gone();
  }

  /** To the whole group. */
  kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // Nobody is left in the group.
    }
  }

  async #end(): Promise<string> {
    const child = this.#process;
    if (this.running) await once(child, 'exit');
    // Those that it started have nothing to do without it.
    this.kill('SIGKILL');
    if (!child.stdout?.readableEnded) {
      await Promise.race([once(child, 'close'), new Promise((resolve) => setTimeout(resolve, drainMs))]);
    }
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
    if (!this.#stopping && !this.mayEnd && Date.now() - this.#startedAt < startMs) this.#explainEnd();
    return child.signalCode
      ? `the process was ended by ${child.signalCode}`
      : `the process ended with exit code ${child.exitCode}`;
  }

  /** What it said before it died of its start, once: the next one says the same. */
  #explainEnd(): void {
    const { about, who, log } = this.#context;
    const said = this.#lastLines.join('\n');
    if (said === '' || lastSaid.get(this.#context) === said) return;
    lastSaid.set(this.#context, said);
    log.warn(
      { ...about, pid: this.pid, lines: this.#lastLines },
      `${who} ended as it started; it said: ${tellingLine(this.#lastLines)}`,
    );
  }

  async #gone(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.#context.pace.grace);
    });
    const gone = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    return gone;
  }
}
