import { hookCall, openGateway, startServer } from '../lib/ends.mjs';
import { compare } from '../lib/measure.mjs';

/** Ten plugins on one plugin server; the floor is the first of them alone. */
export const ids = ['chain.10'];

export async function run(bench, { seconds }) {
  const names = Array.from({ length: 10 }, (_, i) => `Replace${i}`);
  const server = await startServer(bench, { names });
  const side = async (entries) => ({
    call: hookCall(await openGateway(bench, server.url, entries)),
    pid: server.pid,
  });
  const ten = await side(names.map((name) => ({ name })));
  const one = await side([{ name: 'Replace0' }]);
  return [await compare('chain.10', ten, one, { seconds })];
}
