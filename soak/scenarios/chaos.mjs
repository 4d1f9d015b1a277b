import { createRandom } from '../../fuzz/lib/random.mjs';
import { load, openClient, toolRequest, worst } from '../lib/calls.mjs';
import { startChaos } from '../lib/chaos.mjs';

export const title = 'marked calls through chaos proxies on all three connections';
export const share = 0.4;

/** So many calls for each second of this scenario's share, so that the default length has 50,000 of them. */
const callsPerSecond = 420;

/**
 * Every call carries a mark that nobody can guess. The plugin writes it a second time, the upstreams say both back and write
 * down that they were called. Calls may fail, in the proper form; none may be answered with another's mark, and none may
 * be executed twice.
 */
export async function run(place, { seconds, seed }) {
  const random = createRandom(`${seed} chaos`);
  const server = await place.startServer();
  const upstream = await place.startUpstream();
  const [toServer, toUpstream] = [await startChaos(server.port, random), await startChaos(upstream, random)];
  const gateway = await place.startGateway({ plugins: toServer.port, upstream: toUpstream.port });
  const toGateway = await startChaos(gateway.port, random);
  for (const proxy of [toServer, toUpstream, toGateway]) proxy.begin();
  const client = openClient(`http://127.0.0.1:${toGateway.port}`);
  const wanted = Math.max(200, Math.round(callsPerSecond * seconds));
  // Bounded also where all of it is slow.
  const until = Date.now() + Math.max(seconds, 10) * 10_000;
  let begun = 0;
  const caller = (name) => () => {
    begun += 1;
    return client.call((mark) => toolRequest(name, mark));
  };
  const callers = Array.from({ length: 96 }, (_, i) => caller(i % 4 === 0 ? 'child__mark' : 'web__mark'));
  const over = () => begun >= wanted || Date.now() > until;
  const { counts, details, outcomes } = await load(callers, over);
  await client.close();
  const executed = place.executed();
  const twice = [...executed.values()].filter((count) => count > 1).length;
  const phantoms = outcomes.filter(({ kind, mark }) => kind === 'ok' && !executed.has(mark)).length;
  const { ok = 0, error = 0, broken = 0, wrong = 0, improper = 0 } = counts;
  const told =
    `${begun} calls: ${ok} answered, ${error} failed, ${broken} cut off; ${wrong} wrong, ${improper} improper, ` +
    `${twice} executed twice, ${phantoms} answered and not executed`;
  const fine = wrong + improper + twice + phantoms === 0 && ok > begun / 10 && begun >= wanted;
  return { fine, told, more: fine ? '' : worst(details, 10) };
}
