import { expect, it } from 'vitest';
import { silentLogger } from '../../src/log.js';
import { openCredentials } from '../../src/tls/index.js';
import { connectFailure } from '../../src/tls/reasons.js';
import { cert } from '../support/certs.js';

const server = { peer: 'the plugin server https://h:1', side: 'client' } as const;
const coded = (code: string) => Object.assign(new Error(code), { code });

it.each(['PATH_LENGTH_EXCEEDED', 'INVALID_CA', 'CERT_REVOKED', 'CERT_REJECTED', 'CERT_CHAIN_TOO_LONG'])(
  '[G5] %s is a certificate that was refused',
  (code) => {
    expect(connectFailure(coded(code), server)?.code).toBe('SALLY_TLS_PEER_REJECTED');
  },
);

it('[G5] several failures of which none is known, and names that every object has', () => {
  expect(connectFailure(new AggregateError([]), server)).toBeUndefined();
  expect(connectFailure(coded('constructor'), server)).toBeUndefined();
});

const opened = () =>
  openCredentials(
    { certfile: cert('server.crt'), keyfile: cert('server.key'), caBundle: cert('ca.crt') },
    'server',
    { log: silentLogger },
  );

it('[S7] two reloads at once come one after the other', async () => {
  const credentials = await opened();
  const seen: number[] = [];
  credentials.onChange(({ version }) => seen.push(version));
  await Promise.all([credentials.reload(), credentials.reload()]);
  expect(seen).toEqual([2, 3]);
});

it('[S7] a listener that throws keeps nobody else from being told', async () => {
  const credentials = await opened();
  let told = 0;
  credentials.onChange(() => {
    throw new TypeError('x');
  });
  credentials.onChange(() => {
    told += 1;
  });
  expect(await credentials.reload()).toEqual({ changed: true });
  expect(told).toBe(1);
});
