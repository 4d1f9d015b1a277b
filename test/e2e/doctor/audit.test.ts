import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything } from '../../support/gateway-run.js';

/** What the doctor says of the audit log of a gateway. */
async function doctor(folder: string, audit: object) {
  const path = join(folder, 'gateway.yaml');
  await writeFile(path, JSON.stringify({ gateway: { upstreams: { one: everything }, audit } }));
  const { stdout } = await sallyport(['doctor', path, '--json', '--timeout', '30']);
  const { checks } = JSON.parse(stdout) as { checks: { id: string; status: string; code?: string }[] };
  return checks
    .filter(({ id }) => id === 'audit-log')
    .map(({ status, code }) => (code === undefined ? status : `${status} ${code}`));
}

it('[G6] an audit log that can be written, with a key of its own elsewhere, is well', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'logs'));
  const keyFile = join(folder, 'audit.key');
  await writeFile(keyFile, 'k'.repeat(64), { mode: 0o600 });
  const audit = { file: join(folder, 'logs', 'audit.jsonl'), chain: true, key_file: keyFile };
  expect(await doctor(folder, audit)).toEqual(['ok']);
});

it('[G6] a folder of the audit log that is not there is said to be a failure', async () => {
  const folder = await temporaryFolder();
  expect(await doctor(folder, { file: join(folder, 'none', 'audit.jsonl') })).toEqual([
    'fail SALLY_AUDIT_WRITE',
  ]);
});

it('[G6] a key that others can read, or that lies beside the log, is warned of', async () => {
  const folder = await temporaryFolder();
  const keyFile = join(folder, 'audit.key');
  await writeFile(keyFile, 'k'.repeat(64));
  await chmod(keyFile, 0o644);
  expect(await doctor(folder, { file: join(folder, 'audit.jsonl'), chain: true, key_file: keyFile })).toEqual(
    ['warn SALLY_AUDIT_KEY_READABLE', 'warn SALLY_AUDIT_KEY_BESIDE'],
  );
});

it('[G6] a key that is too short is said to be a failure', async () => {
  const folder = await temporaryFolder();
  const keyFile = join(folder, 'audit.key');
  await writeFile(keyFile, 'short', { mode: 0o600 });
  expect(await doctor(folder, { file: join(folder, 'audit.jsonl'), chain: true, key_file: keyFile })).toEqual(
    ['fail SALLY_AUDIT_KEY'],
  );
});
