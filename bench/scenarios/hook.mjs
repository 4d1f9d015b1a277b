import { hookCall, openGateway, startFloor, startServer } from '../lib/ends.mjs';
import { compare } from '../lib/measure.mjs';

/** One hook call of a kilobyte over mutual TLS, beside the same bytes through plain Node. */
export const ids = ['hook.mtls.seq', 'hook.mtls.c32'];

export async function run(bench, { seconds, wanted }) {
  const server = await startServer(bench);
  const ours = { call: hookCall(await openGateway(bench, server.url)), pid: server.pid };
  const floor = await startFloor(bench);
  const rows = [];
  for (const [id, concurrency] of [
    ['hook.mtls.seq', 1],
    ['hook.mtls.c32', 32],
  ]) {
    if (wanted(id)) rows.push(await compare(id, ours, floor, { concurrency, seconds }));
  }
  return rows;
}
