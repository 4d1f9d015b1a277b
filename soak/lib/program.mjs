import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const keptLines = 400;
const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The environment without what would change the outcome. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(PLUGINS?_|MCP_|LOG_)/.test(name)),
);

/** Starts a script of Node: `lines` is the end of what it wrote to stderr, `written` how much that was in all. */
export function start(args, { cwd, stdin = 'ignore' } = {}) {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...env, LOG_FORMAT: 'json' },
    stdio: [stdin, 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const program = {
    child,
    lines: [],
    written: { lines: 0, bytes: 0 },
    /** Log lines that speak of a defect of the program. */
    defects: [],
    exit: new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal))),
    async stop() {
      child.kill('SIGTERM');
      const status = await Promise.race([program.exit, sleep(40_000, 'not within 40 s')]);
      child.kill('SIGKILL');
      return status;
    },
    firstLine: once(createInterface({ input: child.stdout }), 'line').then(([line]) => line),
  };
  program.firstLine.catch(() => {});
  createInterface({ input: child.stderr }).on('line', (line) => {
    program.written.lines += 1;
    program.written.bytes += line.length + 1;
    program.lines.push(line);
    if (program.lines.length > keptLines) program.lines.shift();
    if (/SALLY_INTERNAL|could not be answered|uncaught|Cannot read|is not a function/i.test(line))
      program.defects.push(line);
  });
  return program;
}

/** Starts `sallyport …` and waits until it listens; `port` and `healthPort` are where. */
export async function sallyport(args, options) {
  const program = start([command, ...args], options);
  const until = Date.now() + 60_000;
  for (;;) {
    const listening = program.lines.find((line) => line.includes('"listening on'));
    if (listening) return Object.assign(program, JSON.parse(listening));
    if (program.child.exitCode !== null || Date.now() > until)
      throw new Error(`sallyport ${args.join(' ')} does not listen: ${program.lines.slice(-5).join('\n')}`);
    await sleep(10);
  }
}

/** Runs `sallyport …` to its end. */
export async function run(args, options) {
  const program = start([command, ...args], options);
  const status = await program.exit;
  if (status !== 0)
    throw new Error(`sallyport ${args.join(' ')} ended with ${status}: ${program.lines.join('\n')}`);
}

/** Waits until a gateway has all its upstreams, and a plugin server its plugins. */
export async function ready(healthUrl) {
  for (const until = Date.now() + 60_000; ; await sleep(50)) {
    const page = await fetch(healthUrl).then(
      (reply) => reply.text(),
      () => '',
    );
    if (page.includes('"ready"') && !/"(?:down|connecting|away)"/.test(page)) return;
    if (Date.now() > until) throw new Error(`not ready within 60 s: ${page}`);
  }
}

/** What a process holds now: its resident memory, its sockets, and all its open files. */
export function holds({ child: { pid } }) {
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  let sockets = 0;
  const files = readdirSync(`/proc/${pid}/fd`);
  for (const file of files) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${file}`).startsWith('socket:')) sockets += 1;
    } catch {
      // Closed meanwhile.
    }
  }
  return { rss, sockets, files: files.length };
}

const given = new Set();

/** A free port whose health port, 1000 above, is free as well. */
export async function freePort() {
  for (;;) {
    const port = await bind(0);
    if (port !== undefined && port < 64_000 && !given.has(port) && (await bind(port + 1_000)) !== undefined) {
      given.add(port).add(port + 1_000);
      return port;
    }
  }
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
