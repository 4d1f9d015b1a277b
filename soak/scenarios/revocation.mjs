import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { issueLeaf } from 'sallyport/pki';
import { hookRequest, load, openClient, worst } from '../lib/calls.mjs';

export const title = 'a revocation is in force within a second, under full load';
export const share = 0.1;

const withinMs = 1_000;

/** Clients with certificates of their own call all the while; one after another is revoked. */
export async function run(place, { seconds }) {
  const server = await place.startServer();
  const origin = `https://localhost:${server.port}`;
  const busy = openClient(origin, place.clientTls);
  let over = false;
  const full = load(
    Array.from({ length: 32 }, () => () => busy.call(hookRequest)),
    () => over,
  );
  const times = [];
  const until = Date.now() + seconds * 1_000;
  try {
    do times.push(await revokeOne(place, origin, times.length));
    while (Date.now() < until && times.length < 50);
  } finally {
    over = true;
  }
  const { counts, details } = await full;
  await busy.close();
  const { ok = 0, ...others } = counts;
  const lost = Object.values(others).reduce((sum, count) => sum + count, 0);
  const late = times.filter(({ tookMs, allowedMs }) => tookMs > allowedMs);
  const longest = Math.max(...times.map(({ tookMs }) => tookMs));
  const told = `${times.length} revoked, the last accepted call at most ${Math.round(longest)} ms after; ${late.length} late; ${ok} other calls, ${lost} lost`;
  return { fine: late.length === 0 && lost === 0 && ok > 0, told, more: worst(details) };
}

async function revokeOne(place, origin, i) {
  const ca = { certPem: read(place, 'ca/ca.crt'), keyPem: read(place, 'ca/ca.key') };
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
  const sans = [{ type: 'uri', value: 'spiffe://sallyport.local/gateway' }];
  const issued = await issueLeaf({
    ...validity,
    ca,
    subject: { CN: `client-${i}` },
    sans,
    purposes: ['clientAuth'],
  });
  const own = {
    certfile: join(place.folder, `client-${i}.crt`),
    keyfile: join(place.folder, `client-${i}.key`),
  };
  writeFileSync(own.certfile, issued.certPem);
  writeFileSync(own.keyfile, issued.keyPem);
  const client = openClient(origin, { ...place.clientTls, ...own }, { connections: 2 });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  let lastAccepted = 0;
  let over = false;
  const calls = load(
    [0, 1].map(() => async () => {
      const outcome = await client.call(hookRequest);
      if (outcome.kind === 'ok') lastAccepted = Date.now();
      return outcome;
    }),
    () => over,
  );
  const patient = Date.now() + 5_000;
  while (lastAccepted === 0 && Date.now() < patient) await new Promise((resolve) => setTimeout(resolve, 5));
  if (lastAccepted === 0) throw new Error('a client was never let in');
  await place.certify('revoke', own.certfile);
  const inPlace = statSync(join(place.certs, 'plugins/Guard/ca.crl')).mtimeMs;
  // Until none has been let in for a while: that is the end of it.
  const patience = Date.now() + 20_000;
  while (Date.now() - lastAccepted < 1_500 && Date.now() < patience)
    await new Promise((resolve) => setTimeout(resolve, 20));
  over = true;
  await client.close();
  await calls;
  delay.disable();
  // What this process itself was late by, it cannot blame on the server.
  const allowedMs = withinMs + 10 * (delay.percentile(99) / 1e6);
  return { tookMs: Math.max(0, lastAccepted - inPlace), allowedMs };
}

const read = (place, name) => readFileSync(join(place.certs, name), 'utf8');
