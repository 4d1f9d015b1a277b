import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { UpstreamSettings } from '../../../config/index.js';
import { messageOf, type SallyError, UpstreamNotStarted, UpstreamReplyTooLarge } from '../../../errors.js';
import { cutLines } from '../../../mcp/lines.js';
import { plainText } from '../../../mcp/messages.js';
import type { UpstreamContext } from '../options.js';

export type StdioSettings = Extract<UpstreamSettings, { transport: 'stdio' }>;

/** A line of standard error in the log, in characters. */
const maxErrorLine = 1_000;
/** What a child that has ended had still written comes within this, in milliseconds; a grandchild may hold the pipe for ever. */
const drainMs = 100;

/** A child process that speaks in lines, at the head of a process group of its own. */
export class Child {
  readonly pid: number;
  /** Resolves with how it ended, in words, once all that it said was heard. */
  readonly ended: Promise<string>;
  onLine: (line: string) => void = () => {};
  onLong: (error: SallyError) => void = () => {};
  readonly #process: ChildProcess;
  readonly #context: UpstreamContext;

  private constructor(child: ChildProcess, pid: number, context: UpstreamContext) {
    this.#process = child;
    this.#context = context;
    this.pid = pid;
    const { upstream, log, limits } = context;
    const limit = limits.messageBytes;
    child.stdout?.on(
      'data',
      cutLines(
        limit,
        (line) => this.onLine(line),
        () => this.onLong(UpstreamReplyTooLarge({ upstream, limit })),
      ),
    );
    const says = (line: string) =>
      log.debug({ upstream, pid, line: plainText(line, maxErrorLine) }, 'the upstream says');
    child.stderr?.on('data', cutLines(maxErrorLine * 4, says, says));
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.on('error', () => {});
    this.ended = this.#end();
  }

  /** Starts `settings.command`, not by a shell. Rejects with a SallyError where that does not work. */
  static async start(
    settings: StdioSettings,
    env: Readonly<Record<string, string>>,
    context: UpstreamContext,
  ): Promise<Child> {
    const { upstream } = context;
    const { command, args, cwd } = settings;
    let child: ChildProcess;
    try {
      child = spawn(command, [...args], {
        env,
        stdio: ['pipe', 'pipe', 'pipe'],
        // A group of its own: npx and shells start others, and all of them are ended together.
        detached: true,
        windowsHide: true,
        ...(cwd !== undefined && { cwd }),
      });
      if (child.pid === undefined) await once(child, 'spawn');
    } catch (error) {
      throw UpstreamNotStarted({ upstream, command, reason: reasonOf(error) }, error);
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
    const { grace } = this.#context.pace;
    this.#process.stdin?.end();
    if (await this.#gone(grace)) return;
    this.kill('SIGTERM');
    if (await this.#gone(grace)) return;
    this.kill('SIGKILL');
    await this.#gone(grace);
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
    return child.signalCode
      ? `the process was ended by ${child.signalCode}`
      : `the process ended with exit code ${child.exitCode}`;
  }

  async #gone(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    const gone = await Promise.race([this.ended.then(() => true), late]);
    clearTimeout(timer);
    return gone;
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such program or folder';
  return code === 'EACCES' ? 'permission denied' : messageOf(error);
}
