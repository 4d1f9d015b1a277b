import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  answers,
  cleanEnv,
  freePort,
  lastLine,
  runProgram,
  startProgram,
  stopProgram,
  until,
} from '../../interop/lib/processes.mjs';

/** How long a server may take until it listens. */
const listenMs = 60_000;

/** For all: what is written comes at once and plain, and the sets of Python have the same order each time. */
const steady = { PYTHONUNBUFFERED: '1', NO_COLOR: '1', PYTHONHASHSEED: '0' };

/** The folder of a server, made anew: whoever asks next finds it as the one before did. */
export async function freshWork(server, { folder }) {
  const work = join(folder, server.id);
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  for (const [name, content] of Object.entries(server.files ?? {})) {
    await mkdir(dirname(join(work, name)), { recursive: true });
    await writeFile(join(work, name), content);
  }
  if (server.repository) {
    const who = {
      GIT_AUTHOR_NAME: 'A',
      GIT_AUTHOR_EMAIL: 'a@example.com',
      GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
    };
    const also = Object.fromEntries(
      Object.entries(who).map(([name, value]) => [name.replace('AUTHOR', 'COMMITTER'), value]),
    );
    const env = cleanEnv({ ...who, ...also });
    const git = (...args) => runProgram('git', args, { cwd: work, env });
    await writeFile(join(work, 'a.txt'), 'one\n');
    await git('init', '--quiet', '--initial-branch', 'main');
    await git('add', 'a.txt');
    await git('commit', '--quiet', '--message', 'first');
  }
  return work;
}

/** How a server is started over stdio, as an upstream has it. */
export function stdioOf(server, place) {
  const more = server.stdio?.(place) ?? {};
  const env = { ...steady, ...server.env, ...more.env };
  return {
    command: server.program.command,
    args: [...server.program.args, ...(more.args ?? [])],
    env,
    cwd: place.work,
  };
}

/** A server as a child of ours, in the environment that it has as a child of the gateway. */
export function childOf(server, place) {
  const stdio = stdioOf(server, place);
  return { ...stdio, env: childEnv(stdio.env) };
}

/** The few variables that the gateway hands on to its children. */
function childEnv(extra) {
  const kept = ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER'];
  const own = kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(own), ...extra };
}

/** Runs `work` with the URL of a server of its own over HTTP. */
export async function withHttp(server, place, work) {
  const port = String(await freePort());
  const stdio = stdioOf(server, place);
  const how = server.http({ ...place, port }, stdio);
  const command = how.command ?? server.program.command;
  const args = how.bare ? how.args : [...server.program.args, ...(how.args ?? [])];
  const env = childEnv({ ...steady, ...server.env, ...how.env });
  const program = startProgram(command, args, { env, cwd: place.work, group: true });
  program.child.stdout.resume();
  try {
    await until(listenMs, `${server.id} listens`, async () => {
      if (program.child.exitCode !== null) throw new Error(`${server.id} ended: ${lastLine(program.tail())}`);
      for (const host of ['127.0.0.1', '::1']) if (await answers({ host, port })) return true;
      return false;
    });
    // By that name, since some answer to no other.
    return await work(`http://localhost:${port}${how.path ?? '/mcp'}`);
  } finally {
    await stopProgram(program);
  }
}
