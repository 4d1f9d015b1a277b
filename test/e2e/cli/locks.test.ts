import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';

const dist = resolve(import.meta.dirname, '../../../dist');
const hold = "process.stdout.write('held'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);";

/** A process that has the lock, in the middle of its work. */
async function holder(module: string, work: string): Promise<() => Promise<void>> {
  const script = `import * as room from ${JSON.stringify(join(dist, module))}; ${work}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

/** The two programs that change files which others change too. */
const changes = [
  {
    what: 'tokens',
    lock: 'tokens.json.new',
    module: 'gateway/auth/tokens.js',
    work: (dir: string) =>
      `await room.changeTokens(${JSON.stringify(join(dir, 'tokens.json'))}, () => { ${hold} });`,
    args: (dir: string) => ['token', 'create', '--file', join(dir, 'tokens.json'), '--user', 'ada'],
  },
  {
    what: 'certificates',
    lock: 'certs/.lock',
    module: 'pki/index.js',
    work: (dir: string) => `const dir = ${JSON.stringify(join(dir, 'certs'))};
      await room.ensureCa({ dir, keyType: 'ec-p256' });
      await room.refreshCrl({ dir, onChange: () => { ${hold} } });`,
    args: (dir: string) => ['certs', 'crl', '--dir', join(dir, 'certs')],
  },
] as const;

it.each(changes)('a process that is killed while it changes $what blocks nobody', async (change) => {
  const dir = await temporaryFolder();
  const kill = await holder(change.module, change.work(dir));
  expect(existsSync(join(dir, change.lock))).toBe(true);
  await kill();
  expect(existsSync(join(dir, change.lock))).toBe(true);
  expect(await sallyport(change.args(dir))).toMatchObject({ status: 0 });
  expect(existsSync(join(dir, change.lock))).toBe(false);
});

it('tokens that are being changed are waited for two seconds, and the lock is named', async () => {
  const dir = await temporaryFolder();
  const [tokens] = changes;
  await holder(tokens.module, tokens.work(dir));
  const { status, stderr } = await sallyport(tokens.args(dir));
  expect({ status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('tokens.json.new') });
});

it('a lock that says nothing of its holder is taken over once it is older than any run', async () => {
  const dir = await temporaryFolder();
  const [tokens] = changes;
  const lock = join(dir, tokens.lock);
  await writeFile(lock, '{"tokens":[');
  expect(await sallyport(tokens.args(dir))).toMatchObject({ status: 3 });
  const old = new Date(Date.now() - 11 * 60_000);
  await utimes(lock, old, old);
  expect(await sallyport(tokens.args(dir))).toMatchObject({ status: 0 });
});
