import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/log.js';
import { openCredentials } from '../../src/tls/index.js';
import { connectFailure } from '../../src/tls/reasons.js';
import { temporaryFolder } from '../support/folder.js';
import { ca, leaf, write } from './made.js';

const server = { peer: 'the plugin server https://h:1', side: 'client' } as const;
const coded = (code: string) => Object.assign(new Error(code), { code });

it.each(['PATH_LENGTH_EXCEEDED', 'INVALID_CA', 'CERT_REJECTED'])(
  '[G5] %s is a certificate that was refused',
  (code) => {
    expect(connectFailure(coded(code), server)?.code).toBe('SALLY_TLS_PEER_REJECTED');
  },
);

it('[G5] several failures of which none is known, and names that every object has', () => {
  expect(connectFailure(new AggregateError([]), server)).toBeUndefined();
  expect(connectFailure(coded('constructor'), server)).toBeUndefined();
});

/** Credentials in a folder of the test's own, and a way to replace them. */
async function opened() {
  const folder = await temporaryFolder();
  const root = await ca('Root');
  const caBundle = join(folder, 'ca.crt');
  await writeFile(caBundle, root.certPem);
  const files = { ...(await write(folder, 'server', await leaf(root))), caBundle };
  // Nothing but the test reads them again.
  const deps = { log: silentLogger, pollMs: 3_600_000 };
  const credentials = await openCredentials(files, 'server', deps);
  onTestFinished(() => credentials.close());
  return { credentials, renew: async () => write(folder, 'server', await leaf(root)) };
}

it('[S7] two reloads at once come one after the other', async () => {
  const { credentials, renew } = await opened();
  const seen: number[] = [];
  credentials.onChange(({ version }) => seen.push(version));
  await renew();
  const outcomes = await Promise.all([credentials.reload(), credentials.reload()]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['changed', 'unchanged']);
  expect(seen).toEqual([2]);
});

it('[S7] a listener that throws keeps nobody else from being told', async () => {
  const { credentials, renew } = await opened();
  let told = 0;
  credentials.onChange(() => {
    throw new TypeError('x');
  });
  credentials.onChange(() => {
    told += 1;
  });
  await renew();
  expect(await credentials.reload()).toMatchObject({ kind: 'changed' });
  expect(told).toBe(1);
});
