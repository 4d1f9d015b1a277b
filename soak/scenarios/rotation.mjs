import { setTimeout as sleep } from 'node:timers/promises';
import { load, openClient, toolRequest, worst } from '../lib/calls.mjs';

export const title = 'certificates and CA replaced, lists renewed, under load';
export const share = 0.2;

/** Longer than a running program takes to see a file that has changed, where the file system does not say so. */
const seenMs = 2_500;

/** What is replaced, in turn: leaves of all three, the list, and the CA in its three steps. */
const changes = [
  ['renew', 'Guard', '--force'],
  ['renew', 'gateway', '--force'],
  ['crl', '--force'],
  ['renew', 'Front', '--force'],
  ['ca-rotate', 'prepare'],
  ['ca-rotate', 'activate'],
  ['ca-rotate', 'retire'],
];

export async function run(place, { seconds }) {
  const server = await place.startServer();
  const upstream = await place.startUpstream();
  const gateway = await place.startGateway({ auth: 'mtls', plugins: server.port, upstream });
  const origin = `https://localhost:${gateway.port}`;
  // Connections of long standing, and one for each call.
  const kept = openClient(origin, place.clientTls);
  const once = openClient(origin, place.clientTls, { pipelining: 0 });
  let over = false;
  const caller = (client, name) => () => client.call((mark) => toolRequest(name, mark));
  const callers = [
    ...Array.from({ length: 6 }, (_, i) => caller(kept, i % 3 === 0 ? 'child__mark' : 'web__mark')),
    ...Array.from({ length: 2 }, () => caller(once, 'web__mark')),
  ];
  const calls = load(callers, () => over);
  const until = Date.now() + seconds * 1_000;
  let changed = 0;
  try {
    // Whole rounds: between two of them one CA is trusted by all.
    do {
      for (const change of changes) {
        await place.certify(...change);
        changed += 1;
        await sleep(seenMs);
      }
    } while (Date.now() < until);
  } finally {
    over = true;
  }
  const { counts, details, outcomes } = await calls;
  await Promise.all([kept.close(), once.close()]);
  const executed = place.executed();
  // A connection that rests ends with what it was let in by, and a request may be on its way: one that did not arrive is repeated
  // by whoever sent it (RFC 9110 section 9.2.2), as it is wherever servers end connections.
  const met = outcomes.filter(({ kind, mark }) => kind === 'broken' && !executed.has(mark)).length;
  const ok = counts.ok ?? 0;
  const lost = outcomes.length - ok - met;
  return {
    fine: lost === 0 && ok > 0 && met <= 2 * changed,
    told: `${lost} of ${outcomes.length} calls lost over ${changed} changes, ${met} met the end of their connection and did not arrive`,
    more: worst(details),
  };
}
