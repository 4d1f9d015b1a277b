import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Everything that was started here and still runs. */
const running = new Set();

/** The environment without what would change the outcome. */
export function cleanEnv(extra = {}) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(PLUGINS?_|MCP_|LOG_|SSL_|PYTHON)/.test(name),
  );
  return { ...Object.fromEntries(own), ...extra };
}

/**
 * Starts a program; `tail()` is the end of what it wrote to stderr. It is killed with this process; one that starts
 * others is the leader of a `group`, which is killed as a whole.
 */
export function startProgram(file, args, { env, cwd, group = false } = {}) {
  const options = { cwd, env: env ?? cleanEnv(), stdio: ['pipe', 'pipe', 'pipe'], detached: group };
  const child = Object.assign(spawn(file, args, options), { group });
  let stderr = '';
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.stdin.on('error', () => {});
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-1_000_000);
  });
  child.once('error', (error) => {
    stderr += String(error);
  });
  return { child, tail: () => stderr };
}

/** SIGTERM, and SIGKILL where that is not enough. */
export async function stopProgram({ child }, graceMs = 2_000) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.stdin.end();
  child.kill('SIGTERM');
  await Promise.race([exited, sleep(graceMs)]);
  kill(child);
  await exited;
}

function kill(child) {
  if (!child.group) return child.kill('SIGKILL');
  try {
    return process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of them have ended.
    return false;
  }
}

/** The last line of what a program wrote: where it ended by itself, mostly why. */
export const lastLine = (text) => text.trim().split('\n').at(-1) ?? '';

/** Runs a program to its end. Rejects with what it wrote where its status is not 0. */
export async function runProgram(file, args, options = {}) {
  const { child, tail } = startProgram(file, args, options);
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stdin.end();
  const status = await new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', () => resolve(-1));
  });
  if (status !== 0) throw new Error(`${file} ended with ${status}: ${(tail() || stdout).trim().slice(-600)}`);
  return stdout;
}

export function stopEverything() {
  for (const child of running) kill(child);
}
process.once('exit', stopEverything);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Rejects where `work` takes longer. */
export async function within(ms, what, work) {
  const control = new AbortController();
  const late = sleep(ms, undefined, { signal: control.signal }).then(() => {
    throw new Error(`${what} took longer than ${ms / 1000} s`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    control.abort();
  }
}

/** Asks until the answer is truthy. */
export async function until(ms, what, ask) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
    await sleep(50);
  }
}

/** Whether something listens there: `{host, port}`, or the `path` of a socket. */
export function answers(target) {
  if (target.path !== undefined && !existsSync(target.path)) return false;
  return new Promise((resolve) => {
    const socket = connect(target);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const given = new Set();

/** A free port whose health port, 1000 above, is free as well; never the same one twice. */
export async function freePort() {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = await bind(0);
    if (port !== undefined && port < 64_000 && !given.has(port) && (await bind(port + 1_000)) !== undefined) {
      given.add(port);
      given.add(port + 1_000);
      return port;
    }
  }
  throw new Error('no free port');
}

function bind(port) {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const { port: got } = server.address();
      server.close(() => resolve(got));
    });
  });
}
