import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { commandPath } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';

/** Starts a plugin server by npm in a folder of its own: npm, and how to read the log of the server. */
async function serveBy(program: 'npx' | 'npm', args: readonly string[], script = '') {
  const started = await startBy(program, args, script);
  const { log } = started;
  await vi.waitFor(async () => expect(await log()).toContain('listening on'), { timeout: 30_000 });
  const { url } = JSON.parse((await log()).split('\n')[0] ?? '') as { url: string };
  return { ...started, url };
}

/** The same without waiting for the server; `first`: what the shell does before it becomes the server. */
async function startBy(program: 'npx' | 'npm', args: readonly string[], script: string, first = ':') {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
  const bin = join(folder, 'node_modules/.bin/sallyport');
  await writeFile(
    bin,
    `#!/bin/sh\necho $$ > server.pid\n${first}\nexec ${process.execPath} ${commandPath} "$@" 2>>server.log\n`,
  );
  await chmod(bin, 0o755);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ scripts: { serve: script } }));
  await writeFile(join(folder, 'p.yaml'), 'plugins: []\n');
  await writeFile(join(folder, 'server.log'), '');
  const env = { ...process.env, LOG_FORMAT: 'json', LOG_LEVEL: 'INFO' };
  const npm = spawn(program, args, { cwd: folder, env, stdio: 'ignore' });
  const log = () => readFile(join(folder, 'server.log'), 'utf8');
  onTestFinished(async () => {
    npm.kill('SIGKILL');
    const server = await pid();
    if (server > 0 && alive(server)) process.kill(server, 'SIGKILL');
  });
  const pid = async () => Number(await readFile(join(folder, 'server.pid'), 'utf8').catch(() => ''));
  return { npm, log, pid, folder };
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const serve = ['sallyport', 'serve', '--config', 'p.yaml', '--port', '0'];

it.each([
  ['npx', () => serveBy('npx', ['--no', ...serve])],
  ['npm run', () => serveBy('npm', ['run', 'serve'], serve.join(' '))],
])(
  '[S9] a server started by %s stops with it, though npm does not pass SIGTERM on',
  async (_title, start) => {
    const { npm, log } = await start();
    npm.kill('SIGTERM');
    await vi.waitFor(async () => expect(await log()).toContain('"msg":"stopped"'), { timeout: 20_000 });
  },
);

// The shell of the command waits until npm and npm's own shell are gone.
const afterNpm = 'npm=$PPID; touch begun; while kill -0 $npm 2>/dev/null; do sleep 0.1; done';

it('[S9] a server whose npm has ended before it begins ends too', async () => {
  const { npm, pid, folder } = await startBy('npx', ['--no', ...serve], '', afterNpm);
  await vi.waitFor(() => access(join(folder, 'begun')), { timeout: 30_000 });
  npm.kill('SIGTERM');
  const server = await pid();
  await vi.waitFor(() => expect(alive(server)).toBe(false), { timeout: 20_000 });
});

it('[S9] a server whose npm ends while it reads its plugin file ends too', async () => {
  const { npm, pid, folder } = await startBy(
    'npx',
    ['--no', ...serve],
    '',
    'rm p.yaml; mkfifo p.yaml; touch begun',
  );
  await vi.waitFor(() => access(join(folder, 'begun')), { timeout: 30_000 });
  // Opened once the server reads from it.
  const file = await open(join(folder, 'p.yaml'), 'w');
  npm.kill('SIGTERM');
  const server = await pid();
  await vi.waitFor(() => expect(alive(server)).toBe(false), { timeout: 20_000 });
  await file.close();
});

it('[S9] a server that a script has put into the background stays when npm is done', async () => {
  const { npm, log, url } = await serveBy('npm', ['run', 'serve'], `${serve.join(' ')} & sleep 2`);
  if (npm.exitCode === null) await once(npm, 'exit');
  // Longer than it takes a server to see that npm is gone.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await log()).not.toContain('stopping');
  expect((await fetch(new URL('/health', url))).status).toBe(200);
});
