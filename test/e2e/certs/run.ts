import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A line of shell that runs first, in the same process: `ulimit -f 0`, `umask 000`. */
  readonly shell?: string;
  /** Kill the process at the first moment at which this is so. */
  readonly killWhen?: (out: string, err: string) => boolean;
  /** With this signal. Default SIGKILL. */
  readonly signal?: NodeJS.Signals;
}

/** A working directory of its own for one test, in which `sallyport certs …` runs as a process of its own. */
export function workplace() {
  const cwd = mkdtempSync(join(tmpdir(), 'sallyport-certs-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const certs = (args: readonly string[], options: RunOptions = {}): Promise<Outcome> =>
    run(cwd, args, options);
  return { cwd, certs, path: (...parts: string[]) => join(cwd, ...parts) };
}

function run(cwd: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const env = { PATH: process.env['PATH'], HOME: cwd, ...options.env };
  const line = `${options.shell ?? ':'} && exec "$0" "$@"`;
  const child = spawn('bash', ['-c', line, process.execPath, program, 'certs', ...args], { cwd, env });
  let [out, err] = ['', ''];
  const timer = setInterval(() => {
    if (!options.killWhen?.(out, err)) return;
    clearInterval(timer);
    child.kill(options.signal ?? 'SIGKILL');
  }, 1);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearInterval(timer);
      resolve({ status, signal, out, err });
    });
  });
}
