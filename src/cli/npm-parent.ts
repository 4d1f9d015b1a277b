import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How often a program looks whether its parent is still there, in milliseconds. */
const everyMs = 500;

/**
 * Stops this process, as SIGTERM does, once npm is gone that started it. npm passes SIGTERM to the shell that it runs a command in, and
 * the shell ends without it: `npx sallyport serve` would leave its server running. A command that its script puts into the
 * background is meant to stay.
 */
export function stopWithNpm(env: Readonly<Record<string, string | undefined>>): void {
  const script = env['npm_lifecycle_script'];
  if (script === undefined || /(^|[^&])&([^&]|$)|\bnohup\b|\bsetsid\b/.test(script)) return;
  const parent = process.ppid;
  if (!isNpm(commandOf(parent), script)) return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.emit('SIGTERM', 'SIGTERM');
  }, everyMs).unref();
}

/** npm itself, by the title that it gives itself, or the shell in which it runs the script. Its variables reach others too. */
function isNpm(command: string, script: string): boolean {
  const inShell = command.indexOf(' -c ');
  return command.startsWith('npm ') || (inShell !== -1 && command.startsWith(script, inShell + 4));
}

function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ').trimEnd();
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trimEnd();
  } catch {
    return '';
  }
}
