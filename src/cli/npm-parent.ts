import { readFileSync } from 'node:fs';

/** How often a program looks whether its parent is still there, in milliseconds. */
const everyMs = 500;

/** The parent of this process where that was npm, `gone` where npm had ended before this process could look. */
let npm: number | 'gone' | undefined;

/** Notes whether npm runs this process, before anything else is loaded: until that is done, npm may be gone. */
export async function noteNpm(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const script = env['npm_lifecycle_script'];
  if (script === undefined || /(^|[^&])&([^&]|$)|\bnohup\b|\bsetsid\b/.test(script)) return;
  const parent = process.ppid;
  if (isNpm(await commandOf(parent), script)) npm = parent;
  else if (isThisCommand(script) && !isBelowNpm(parent)) npm = 'gone';
}

/**
 * Stops this process, as SIGTERM does, once npm is gone that started it. npm passes SIGTERM to the shell that it runs a command in, and
 * the shell ends without it: `npx sallyport serve` would leave its server running. A command that its script puts into the
 * background is meant to stay.
 */
export function stopWithNpm(): void {
  if (npm === undefined) return;
  const timer = setInterval(look, everyMs).unref();
  look();
  function look(): void {
    if (process.ppid === npm) return;
    clearInterval(timer);
    // Nobody listens yet where this process is still starting: then it simply ends.
    if (!process.emit('SIGTERM', 'SIGTERM')) process.kill(process.pid, 'SIGTERM');
  }
}

/** npm itself, by the title that it gives itself, or the shell in which it runs the script. Its variables reach others too. */
function isNpm(command: string, script: string): boolean {
  const inShell = command.indexOf(' -c ');
  return command.startsWith('npm ') || (inShell !== -1 && command.startsWith(script, inShell + 4));
}

/** Whether the script is this command itself, with nothing between npm's shell and it that may end before it does. */
function isThisCommand(script: string): boolean {
  return /^(\w+=\S*\s+|exec\s+|\S*\bnode\s+)*["']?([^\s"']*\/)?(sallyport|cli\/main\.js)["']?(\s|$)/.test(
    script,
  );
}

/** Whether npm's variables have reached a process: what takes in orphans, pid 1 or another, has none of them. */
function isBelowNpm(pid: number): boolean {
  if (pid === 1) return false;
  if (process.platform !== 'linux') return true;
  try {
    return /(^|\0)npm_lifecycle_script=/.test(readFileSync(`/proc/${pid}/environ`, 'utf8'));
  } catch {
    // A process of another user.
    return false;
  }
}

async function commandOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ').trimEnd();
    const { execFileSync } = await import('node:child_process');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trimEnd();
  } catch {
    return '';
  }
}
