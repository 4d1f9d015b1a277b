import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { commandPath } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';

/** Starts a plugin server by npm in a folder of its own: npm, and how to read the log of the server. */
async function serveBy(program: 'npx' | 'npm', args: readonly string[], script = '') {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
  const bin = join(folder, 'node_modules/.bin/sallyport');
  await writeFile(
    bin,
    `#!/bin/sh\necho $$ > server.pid\nexec ${process.execPath} ${commandPath} "$@" 2>>server.log\n`,
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
    const pid = Number(await readFile(join(folder, 'server.pid'), 'utf8'));
    if (alive(pid)) process.kill(pid, 'SIGKILL');
  });
  await vi.waitFor(async () => expect(await log()).toContain('listening on'), { timeout: 30_000 });
  const { url } = JSON.parse((await log()).split('\n')[0] ?? '') as { url: string };
  return { npm, log, url };
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

it('[S9] a server that a script has put into the background stays when npm is done', async () => {
  const { npm, log, url } = await serveBy('npm', ['run', 'serve'], `${serve.join(' ')} & sleep 2`);
  if (npm.exitCode === null) await once(npm, 'exit');
  // Longer than it takes a server to see that npm is gone.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await log()).not.toContain('stopping');
  expect((await fetch(new URL('/health', url))).status).toBe(200);
});
